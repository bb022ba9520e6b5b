// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A file that lines with the time of day are appended to; `-` stands for the system's log.
final class LogFile {
    let path: String
    /// How `iplog/showinfo` tells it.
    var place: String { path == "-" ? "log on syslog" : "log on file \(path)" }
    private var file: OwnedDescriptor?

    init(path: String) throws(Errno) {
        self.path = path
        if path != "-" { file = try Self.open(path) }
    }

    private static func open(_ path: String) throws(Errno) -> OwnedDescriptor {
        try OwnedDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, mode: 0o600)
    }

    /// After somebody has moved the file away. What cannot be opened stays as it was.
    func reopen() {
        if path != "-", let fresh = try? Self.open(path) { file = Optional(fresh) }
    }

    func append(_ text: String) {
        let line = "\(WallClock.logTime(seconds: Int(WallClock.nanoseconds / 1_000_000_000))) \(text)\n"
        switch file {
        case .some(let file): _ = try? file.write(line.utf8)
        case .none: SystemLog.write(text)
        }
    }
}
