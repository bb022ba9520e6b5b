// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

// Theory of Operation
//
//     snapshots/NAME/roots/GUEST/    what the guest had changed: a copy of its upper directory
//     snapshots/.new-NAME            one that is being made; swept by the next
//     HOST/.restore/GUEST            copies that are to become the upper directories, on their file system
//     HOST/.restore/.ready           all copies are there: from here on a restore is finished, whatever happens
//     HOST/.replaced/GUEST           what was there before; it becomes snapshots/.replaced, and that becomes
//                                    snapshots/before-restore
//
// A snapshot appears by one rename. A restore copies first and renames then; when it is interrupted before `.ready` nothing
// has happened, and after it `recover` does the rest.

/// Snapshots of the roots of a lab's guests, together. The guests are stopped or paused, and their roots, for a restore,
/// not mounted.
public struct RootSnapshots: Sendable {
    /// A guest and what it has changed.
    public struct Root: Sendable, Equatable {
        public var guest: String
        public var upper: String
        public init(guest: String, upper: String) {
            self.guest = guest
            self.upper = upper
        }
    }

    /// What a restore has replaced.
    public static let beforeRestore = "before-restore"

    /// `snapshots` of the lab's directory.
    public let directory: String
    public init(directory: String) { self.directory = directory }

    /// One snapshot.
    public struct Entry: Sendable, Equatable {
        public var name: String
        public var guests: [String]
        /// Seconds since 1970.
        public var time: Int64
    }

    /// Those that there are, by name.
    public func list() -> [Entry] {
        ((try? FileSystem.names(in: directory)) ?? []).sorted().compactMap { name in
            guard !name.hasPrefix("."), let guests = try? FileSystem.names(in: roots(name)),
                let status = try? FileStatus(path: roots(name))
            else { return nil }
            let all = Set(guests).union(disks(name)).sorted()
            return Entry(name: name, guests: all, time: status.modifiedNanoseconds / 1_000_000_000)
        }
    }

    /// Guests whose disk is in a snapshot: it has a mark `disk-GUEST`, the snapshot itself is inside of the disk.
    private func disks(_ name: String) -> [String] {
        ((try? FileSystem.names(in: "\(directory)/\(name)")) ?? []).filter { $0.hasPrefix("disk-") }
            .map { String($0.dropFirst("disk-".count)) }
    }

    /// Where a snapshot has its roots, one directory for each guest.
    public func roots(_ name: String) -> String { "\(directory)/\(name)/roots" }

    /// Names are directories.
    public static func check(_ name: String) throws(GuestError) {
        guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/"), !name.contains("\0"), name.utf8.count <= 200
        else {
            throw GuestError(
                "\"\(name)\": not a snapshot's name: no \"/\", no \".\" first, 200 bytes at most",
                status: 2
            )
        }
    }

    private func exists(_ name: String) -> Bool { (try? FileStatus(path: roots(name))) != nil }

    // MARK: Inside of the user namespace

    /// Who works on snapshots waits for who does already.
    private final class Lock {
        private let descriptor: OwnedDescriptor
        init(_ path: String) throws(Errno) {
            descriptor = try .open(path, flags: O_RDONLY | O_DIRECTORY)
            try descriptor.lock()
        }
        /// The lock goes with the descriptor; this keeps it until here.
        func release() {}
    }

    private func lock() throws(GuestError) -> Lock {
        try RootDirectories.makeHidden(directory)
        do throws(Errno) {
            return try Lock(directory)
        } catch {
            throw GuestError("\(directory): cannot be locked: \(error)")
        }
    }

    func save(_ name: String, roots list: [Root]) throws(GuestError) {
        try Self.check(name)
        let lock = try lock()
        defer { lock.release() }
        guard !exists(name) else { throw GuestError("snapshot \(name) exists; remove it first, or take another name") }
        let temporary = "\(directory)/.new-\(name)"
        try TreeRemoval.remove(temporary)
        do throws(GuestError) {
            try RootDirectories.make("\(temporary)/roots", mode: 0o755)
            for root in list { try copy(root.upper, to: "\(temporary)/roots/\(root.guest)") }
            try settle(temporary)
            try rename(temporary, to: "\(directory)/\(name)")
            try settle(directory)
        } catch {
            try? TreeRemoval.remove(temporary)
            throw error
        }
    }

    func remove(_ name: String) throws(GuestError) {
        try Self.check(name)
        guard exists(name) else { throw unknown(name) }
        let lock = try lock()
        defer { lock.release() }
        try removeLocked(name)
    }

    private func removeLocked(_ name: String) throws(GuestError) {
        guard (try? FileStatus(path: "\(directory)/\(name)", followLinks: false)) != nil else { throw unknown(name) }
        // It is no snapshot any more from here on, also when the removal is interrupted.
        let temporary = "\(directory)/.new-\(name)"
        try TreeRemoval.remove(temporary)
        try rename("\(directory)/\(name)", to: temporary)
        try TreeRemoval.remove(temporary)
    }

    /// Guests that the snapshot does not have are left as they are.
    func restore(_ name: String, roots list: [Root]) throws(GuestError) {
        try Self.check(name)
        let lock = try lock()
        defer { lock.release() }
        guard exists(name) else { throw unknown(name) }
        try recoverLocked(roots: list)
        let list = list.filter { (try? FileStatus(path: "\(roots(name))/\($0.guest)")) != nil }
        let places = Self.places(list)
        do throws(GuestError) {
            for place in places { try TreeRemoval.remove("\(place)/.restore") }
            for root in list {
                let stage = "\(RootDirectories.split(root.upper).parent)/.restore"
                try RootDirectories.make(stage, mode: 0o700)
                try copy("\(roots(name))/\(root.guest)", to: "\(stage)/\(RootDirectories.split(root.upper).name)")
            }
            for place in places { try settle("\(place)/.restore") }
        } catch {
            for place in places { try? TreeRemoval.remove("\(place)/.restore") }
            throw error
        }
        for place in places { try RootDirectories.make("\(place)/.restore/.ready", mode: 0o700) }
        try recoverLocked(roots: list)
    }

    /// Finishes a restore that was interrupted, or forgets it if it had not come far.
    func recover(roots list: [Root]) throws(GuestError) {
        let lock = try lock()
        defer { lock.release() }
        try recoverLocked(roots: list)
    }

    private func recoverLocked(roots list: [Root]) throws(GuestError) {
        for place in Self.places(list) {
            let stage = "\(place)/.restore"
            let replaced = "\(place)/.replaced"
            if (try? FileStatus(path: "\(stage)/.ready")) != nil {
                try RootDirectories.make(replaced, mode: 0o700)
                for name in Self.names(stage) {
                    // The old one goes only once, the new one is what shows that it is still to be done.
                    let old = "\(place)/\(name)"
                    if (try? FileStatus(path: "\(replaced)/\(name)", followLinks: false)) == nil,
                        (try? FileStatus(path: old, followLinks: false)) != nil
                    {
                        try rename(old, to: "\(replaced)/\(name)")
                    }
                    try rename("\(stage)/\(name)", to: old)
                    try? TreeRemoval.remove("\(place)/.work/\(name)")
                }
            }
            try TreeRemoval.remove(stage)
            try keep(replaced, list)
        }
        try finishKeeping()
    }

    /// What was replaced becomes the snapshot `before-restore`. What is in one of the two places already, when this was
    /// interrupted, stays there.
    private func keep(_ replaced: String, _ list: [Root]) throws(GuestError) {
        let parent = RootDirectories.split(replaced).parent
        let temporary = "\(directory)/.replaced"
        for name in Self.names(replaced) {
            let guest = list.first { $0.upper == "\(parent)/\(name)" }?.guest ?? name
            let target = "\(temporary)/roots/\(guest)"
            try RootDirectories.make("\(temporary)/roots", mode: 0o755)
            // A part of a copy between file systems.
            try TreeRemoval.remove(target)
            do throws(Errno) {
                try FileSystem.rename("\(replaced)/\(name)", to: target)
            } catch {
                try TreeCopy.copy("\(replaced)/\(name)", to: target)
                try TreeRemoval.remove("\(replaced)/\(name)")
            }
        }
        try TreeRemoval.remove(replaced)
    }

    private func finishKeeping() throws(GuestError) {
        let temporary = "\(directory)/.replaced"
        guard (try? FileStatus(path: temporary)) != nil else { return }
        if exists(Self.beforeRestore) { try removeLocked(Self.beforeRestore) }
        try rename(temporary, to: "\(directory)/\(Self.beforeRestore)")
    }

    // MARK: Steps

    /// An upper directory that was never made is an empty one.
    private func copy(_ source: String, to target: String) throws(GuestError) {
        guard (try? FileStatus(path: source)) != nil else { return try RootDirectories.make(target, mode: 0o755) }
        try TreeCopy.copy(source, to: target)
    }

    private func settle(_ path: String) throws(GuestError) {
        do throws(Errno) {
            try DirectoryHandle.open(path).synchronize()
        } catch {
            throw GuestError("\(path): \(RootDirectories.reason(error))")
        }
    }

    private func rename(_ path: String, to target: String) throws(GuestError) {
        do throws(Errno) {
            try FileSystem.rename(path, to: target)
        } catch {
            throw GuestError("cannot rename \(path) to \(target): \(RootDirectories.reason(error))")
        }
    }

    private func unknown(_ name: String) -> GuestError {
        let names = list().map(\.name).joined(separator: ", ")
        return GuestError("no snapshot \(name); there \(names.isEmpty ? "are none" : "are: \(names)")")
    }

    private static func names(_ path: String) -> [String] {
        ((try? FileSystem.names(in: path)) ?? []).filter { $0 != ".ready" }.sorted()
    }

    /// The directories that upper directories are in.
    private static func places(_ list: [Root]) -> [String] {
        Set(list.map { RootDirectories.split($0.upper).parent }).sorted()
    }
}
