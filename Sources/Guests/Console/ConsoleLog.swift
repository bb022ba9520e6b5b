// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// What a guest has written to its console: a file, and the one before it when that became too long.
final class ConsoleLog {
    let path: String
    private let limit: Int
    private var file: SharedDescriptor?
    private var byteCount = 0

    /// Bytes of one file.
    static let defaultLimit = 4 << 20

    init(path: String, limit: Int = defaultLimit) {
        self.path = path
        self.limit = limit
    }

    private var previous: String { path + ".1" }

    /// Goes on where the file ends. What cannot be written is not: a full disk is no reason to stop a guest.
    func append(_ bytes: [UInt8]) {
        if file == nil || byteCount + bytes.count > limit && byteCount > 0 { open(anew: file != nil) }
        guard let file else { return }
        let written = file.withDescriptor { file in (try? file.write(bytes)) ?? 0 }
        byteCount += written
    }

    private func open(anew: Bool) {
        if anew { try? FileSystem.rename(path, to: previous) }
        // Whatever somebody has put there instead of a file: it is not waited for.
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY
        guard let descriptor = try? OwnedDescriptor.open(path, flags: flags, mode: 0o600) else { return }
        let shared = SharedDescriptor(descriptor)
        byteCount = shared.withDescriptor { (try? FileSystem.byteCount($0)) ?? 0 }
        file = shared
        if byteCount > limit, !anew { open(anew: true) }
    }

    /// The last so many bytes.
    func tail(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        let last = Self.end(of: path, count)
        return last.count < count ? Self.end(of: previous, count - last.count) + last : last
    }

    private static func end(of path: String, _ count: Int) -> [UInt8] {
        guard (try? FileStatus(path: path))?.isRegularFile == true else { return [] }
        return Array(((try? FileSystem.contents(path, limit: 2 * defaultLimit)) ?? []).suffix(count))
    }

    func close() { file = nil }
}
