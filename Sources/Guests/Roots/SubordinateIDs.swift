// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What /etc/subuid and /etc/subgid grant: lines of `user:first:count`, subuid(5), the user by name or number.
enum SubordinateIDs {
    /// The ranges of a user, in the file's order; empty without a file.
    static func granted(in path: String, user: UInt32) -> [Range<UInt32>] {
        guard let bytes = try? FileSystem.contents(path) else { return [] }
        return ranges(String(decoding: bytes, as: UTF8.self), names: [CurrentProcess.userName(user), String(user)])
    }

    /// Lines that make no sense, and numbers that are none of an ordinary user's, are passed over.
    static func ranges(_ text: String, names: [String]) -> [Range<UInt32>] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, names.contains(String(fields[0])),
                let first = UInt32(fields[1]), let count = UInt32(fields[2].filter { $0 != " " }), first > 0, count > 0
            else { return nil }
            // The last number means "nobody" to the kernel.
            let (end, overflow) = first.addingReportingOverflow(count)
            return overflow ? nil : first..<end
        }
    }
}

/// Programs of the host.
enum ProgramSearch {
    /// The file that a name stands for: in PATH, or where administrators have theirs.
    static func path(_ name: String) -> String? {
        let own = (CurrentProcess.environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        return (own.map(String.init) + ["/usr/local/sbin", "/usr/sbin", "/sbin"]).map { "\($0)/\(name)" }.first {
            path in
            (try? FileStatus(path: path)).map { $0.isRegularFile && $0.mode & 0o111 != 0 } ?? false
        }
    }
}
