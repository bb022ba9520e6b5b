// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Who is who in a lab's user namespace, user_namespaces(7).
///
/// An ordinary user is root inside, so that what a guest's root makes belongs to him, and he can edit it. The other numbers
/// are the sub-uids and sub-gids that /etc/subuid and /etc/subgid grant him (subuid(5)), from 1 on; without a grant there is
/// root alone, and whoever else owns a file shows as 65534. For root all numbers stay what they are.
public struct IdentityMaps: Sendable, Equatable {
    /// `count` numbers from `inside` on are those from `outside` on.
    public struct Extent: Sendable, Equatable {
        public var inside, outside, count: UInt32
        public init(inside: UInt32, outside: UInt32, count: UInt32) {
            self.inside = inside
            self.outside = outside
            self.count = count
        }
        fileprivate var words: [String] { [inside, outside, count].map(String.init) }
    }

    public var users: [Extent]
    public var groups: [Extent]

    /// Whether guests have more than one user.
    public var hasManyUsers: Bool { users.count > 1 || users.contains { $0.count > 1 } }

    public init(users: [Extent], groups: [Extent]) {
        self.users = users
        self.groups = groups
    }

    /// Root alone, who is this user outside.
    public static func single(user: UInt32, group: UInt32) -> IdentityMaps {
        IdentityMaps(
            users: [Extent(inside: 0, outside: user, count: 1)],
            groups: [Extent(inside: 0, outside: group, count: 1)]
        )
    }

    /// What this process may have.
    public static func ofThisProcess() -> IdentityMaps {
        let user = CurrentProcess.userID
        let group = CurrentProcess.groupID
        if user == 0, let all = everybody() { return all }
        let users = SubordinateIDs.granted(in: "/etc/subuid", user: user)
        let groups = SubordinateIDs.granted(in: "/etc/subgid", user: user)
        guard !users.isEmpty, !groups.isEmpty, programs != nil else { return single(user: user, group: group) }
        return IdentityMaps(
            users: behindRoot(user, users),
            groups: behindRoot(group, groups)
        )
    }

    /// Root first, then the ranges, one behind the other.
    static func behindRoot(_ root: UInt32, _ ranges: [Range<UInt32>]) -> [Extent] {
        var extents = [Extent(inside: 0, outside: root, count: 1)]
        var next: UInt32 = 1
        // The kernel takes 340 extents; newuidmap's words must fit a command line too.
        for range in ranges.prefix(300) {
            let count = min(UInt32(range.count), UInt32.max - 1 - next)
            guard count > 0 else { break }
            extents.append(Extent(inside: next, outside: range.lowerBound, count: count))
            next += count
        }
        return extents
    }

    /// All numbers that there are in this process's own user namespace.
    private static func everybody() -> IdentityMaps? {
        guard let users = own("uid_map"), let groups = own("gid_map") else { return nil }
        return IdentityMaps(users: users, groups: groups)
    }

    private static func own(_ name: String) -> [Extent]? {
        guard let bytes = try? FileSystem.contents("/proc/self/\(name)", limit: 1 << 16) else { return nil }
        let extents = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line -> Extent? in
            let numbers = line.split(separator: " ").compactMap { UInt32($0) }
            return numbers.count == 3 ? Extent(inside: numbers[0], outside: numbers[0], count: numbers[2]) : nil
        }
        return extents.isEmpty ? nil : extents
    }

    // MARK: Writing

    /// newuidmap(1) and newgidmap(1), which may write what an ordinary user may not.
    private static var programs: (users: String, groups: String)? {
        guard let users = ProgramSearch.path("newuidmap"), let groups = ProgramSearch.path("newgidmap") else {
            return nil
        }
        return (users, groups)
    }

    /// Gives these maps to the new user namespace of a child process, which waits meanwhile; where the host refuses, root
    /// alone. Returns what it has got.
    ///
    /// Takes the two programs' time, a few milliseconds.
    @discardableResult
    public func write(processID: Int32) throws(GuestError) -> IdentityMaps {
        let directory = "/proc/\(processID)"
        let isPlain = users.count == 1 && groups.count == 1 && users[0].count == 1 && groups[0].count == 1
        if !isPlain {
            if CurrentProcess.userID == 0 {
                if (try? writeDirectly(directory)) != nil { return self }
            } else if writeByPrograms(processID) {
                return self
            }
        }
        let single = IdentityMaps.single(user: CurrentProcess.userID, group: CurrentProcess.groupID)
        // Needed before an ordinary user may write groups: a group could be given up that denies him something. A program
        // that succeeded before the other one failed has made it needless, and impossible.
        try? Self.put("deny", to: directory + "/setgroups")
        do {
            for (name, extents) in [("gid_map", single.groups), ("uid_map", single.users)]
            where !Self.hasMap("\(directory)/\(name)") {
                try Self.put(Self.text(extents), to: "\(directory)/\(name)")
            }
        } catch {
            throw GuestError("cannot set up the user namespace of the lab: \(error)", status: 4)
        }
        return single
    }

    private func writeDirectly(_ directory: String) throws(Errno) {
        for (name, extents) in [("gid_map", groups), ("uid_map", users)] {
            try Self.put(Self.text(extents), to: "\(directory)/\(name)")
        }
    }

    private static func text(_ extents: [Extent]) -> String {
        extents.map { $0.words.joined(separator: " ") + "\n" }.joined()
    }

    private func writeByPrograms(_ processID: Int32) -> Bool {
        guard let programs = Self.programs else { return false }
        // Groups first: as long as users are not mapped, root alone is still possible.
        for (program, extents) in [(programs.groups, groups), (programs.users, users)] {
            let words = [program, String(processID)] + extents.flatMap(\.words)
            guard let child = try? ChildProgram(words), (try? child.wait())?.exitCode == 0 else { return false }
        }
        return true
    }

    private static func hasMap(_ path: String) -> Bool {
        (try? FileSystem.contents(path, limit: 64))?.isEmpty == false
    }

    /// The kernel takes a map in one write, or not at all.
    private static func put(_ text: String, to path: String) throws(Errno) {
        let file = try OwnedDescriptor.open(path, flags: O_WRONLY)
        _ = try file.write(text.utf8)
    }
}
