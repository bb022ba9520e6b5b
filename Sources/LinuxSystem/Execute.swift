// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

extension CurrentProcess {
    /// Becomes another program, execv(3): returns only when that fails.
    ///
    /// - Parameters:
    ///   - path: the program's file.
    ///   - arguments: what it is called, and its arguments.
    public static func execute(_ path: String, arguments: [String]) -> Errno {
        guard !(arguments + [path]).contains(where: { $0.utf8.contains(0) }) else { return .invalid }
        let strings = unsafe arguments.map { unsafe strdup($0) }
        defer { unsafe strings.forEach { unsafe free($0) } }
        var vector = unsafe strings + [nil]
        _ = unsafe execv(path, &vector)
        return Errno(rawValue: errno)
    }

    /// The directory of the running program's file, without symbolic links.
    public static var programDirectory: String? {
        guard let path = try? FileSystem.canonicalPath("/proc/self/exe"), let slash = path.lastIndex(of: "/") else {
            return nil
        }
        return String(path[..<slash])
    }
}

extension CurrentProcess {
    /// Goes to another directory, chdir(2); false when that cannot be.
    public static func changeDirectory(_ path: String) -> Bool { unsafe chdir(path) == 0 }
}
