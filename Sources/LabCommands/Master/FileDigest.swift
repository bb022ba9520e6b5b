// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Guests
import LinuxSystem
import TunnelCrypto

/// What a file's contents hash to, for images whose files are called by that.
enum FileDigest {
    /// Nil for an algorithm that is not known.
    static func text(of path: String, by algorithm: String) throws(GuestError) -> String? {
        guard var hash = ContentHash(algorithm) else { return nil }
        do throws(Errno) {
            let file = try OwnedDescriptor.open(path, flags: O_RDONLY)
            while true {
                let part = try file.read(atMost: 1 << 20)
                if part.isEmpty { return hash.text }
                hash.update(part)
            }
        } catch {
            throw GuestError("\(path): \(error)")
        }
    }
}
