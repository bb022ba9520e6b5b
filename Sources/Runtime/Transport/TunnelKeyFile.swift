// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
public import TunnelCrypto

/// The private key of a tunnel's end in a file: base64 in one line, for its owner's eyes only.
public enum TunnelKeyFile {
    /// Why a key could not be had.
    public struct KeyError: Error, Sendable, CustomStringConvertible {
        public let description: String
        /// There is no such file.
        public var isMissing = false
    }

    /// Where this user's key is when no file is named.
    public static var defaultPath: String {
        let base =
            CurrentProcess.environment("XDG_CONFIG_HOME")
            ?? (CurrentProcess.environment("HOME") ?? "/root") + "/.config"
        return base + "/etherloom/tunnel.key"
    }

    /// Reads a key file. One that others could read or write is refused.
    public static func load(_ path: String) throws(KeyError) -> TunnelKey {
        let text: [UInt8]
        do {
            let file = try OwnedDescriptor.open(path, flags: O_RDONLY)
            let status = try FileStatus(file)
            guard status.mode & 0o077 == 0 else {
                throw KeyError(description: "\(path): other users could read this key; chmod 600 \(path)")
            }
            text = try file.read(atMost: 256)
        } catch let error as KeyError {
            throw error
        } catch let error as Errno {
            throw KeyError(
                description: "\(path): cannot read the key: \(error)"
                    + (error == .noEntry ? "; make one: etherloom key \(path)" : ""),
                isMissing: error == .noEntry
            )
        } catch {
            throw KeyError(description: "\(path): \(error)")
        }
        guard let key = TunnelKey(text: String(decoding: text, as: UTF8.self)) else {
            throw KeyError(
                description: "\(path): not a key: wants 44 characters of base64, as \"etherloom key\" makes them"
            )
        }
        return key
    }

    /// Makes a new key in a new file with mode 0600; an existing file is not touched.
    public static func make(_ path: String) throws(KeyError) -> TunnelKey {
        let key = TunnelKey()
        do throws(Errno) {
            let file = try OwnedDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try file.writeAll((key.privateText + "\n").utf8)
        } catch {
            throw KeyError(description: "\(path): cannot write the key: \(error)")
        }
        return key
    }
}
