// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// User and group numbers of a new user namespace: everybody stays who they are, user_namespaces(7).
///
/// An ordinary user can map himself alone; others, root among them, then show as 65534 inside. Root maps everybody that
/// there is, so that programs which give up root for a user of their own find that user.
enum IdentityMap {
    /// Writes the maps of the process whose /proc directory is `process`.
    static func write(process: borrowing OwnedDescriptor) throws(Errno) {
        let directory = "/proc/self/fd/\(process.rawValue)"
        if CurrentProcess.userID == 0, (try? writeAll(directory)) != nil { return }
        // Needed before an ordinary user may write groups: a group could be given up that denies him something.
        do {
            try put("deny", to: directory + "/setgroups")
        } catch .noEntry {
            // Linux before 3.19.
        }
        try put("\(CurrentProcess.userID) \(CurrentProcess.userID) 1\n", to: directory + "/uid_map")
        try put("\(CurrentProcess.groupID) \(CurrentProcess.groupID) 1\n", to: directory + "/gid_map")
    }

    private static func writeAll(_ directory: String) throws(Errno) {
        for name in ["gid_map", "uid_map"] {
            let own = String(decoding: try FileSystem.contents("/proc/self/" + name, limit: 4096), as: UTF8.self)
            // "first inside, first outside, count" of our own namespace: inside and outside are the same for the new one.
            let lines = own.split(separator: "\n").map { line -> String in
                let numbers = line.split(separator: " ")
                return numbers.count == 3 ? "\(numbers[0]) \(numbers[0]) \(numbers[2])\n" : ""
            }
            try put(lines.joined(), to: "\(directory)/\(name)")
        }
    }

    /// The kernel takes a map in one write, or not at all.
    private static func put(_ text: String, to path: String) throws(Errno) {
        let file = try OwnedDescriptor.open(path, flags: O_WRONLY)
        _ = try file.write(text.utf8)
    }
}
