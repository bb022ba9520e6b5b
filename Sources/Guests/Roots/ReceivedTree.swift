// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

// Theory of Operation
//
// What a guest sends as an archive is the guest's work, whatever it was asked for: it may have names that nobody wants, links
// behind which other names lead elsewhere, devices, programs that set their user. So it is unpacked in a directory of its own,
// which nobody else can enter, and only what was asked for is moved out of there, by descriptors, following no link.

/// What has come from a guest and is on its way to where the user wants it.
public struct ReceivedTree: ~Copyable {
    /// Where it is unpacked; gone with this value.
    public let directory: String

    private static let prefix = ".etherloom-cp-"
    /// Deeper trees are not taken.
    private static let depthLimit = 256

    /// - Parameter parent: the directory into which things are moved later: on the same file system.
    public init(beside parent: String) throws(GuestError) {
        Self.sweep(parent)
        directory = "\(parent)/\(Self.prefix)\(CurrentProcess.id)"
        do throws(Errno) {
            try FileSystem.makeDirectory(directory, mode: 0o700)
        } catch {
            throw GuestError("cannot write to \(parent): \(RootDirectories.reason(error))")
        }
    }

    deinit { try? TreeRemoval.remove(directory) }

    /// What killed processes have left.
    private static func sweep(_ parent: String) {
        for name in (try? FileSystem.names(in: parent)) ?? [] where name.hasPrefix(prefix) {
            let process = name.dropFirst(prefix.count)
            guard !process.isEmpty, process.utf8.allSatisfy({ 48...57 ~= $0 }),
                (try? FileStatus(path: "/proc/\(process)")) == nil
            else { continue }
            try? TreeRemoval.remove("\(parent)/\(name)")
        }
    }

    /// Moves what was asked for to its place, over what is there: directories are merged. `.` is everything.
    public func take(_ name: String, to target: String, as newName: String) throws(GuestError) {
        var place = name
        do throws(Errno) {
            let from = try DirectoryHandle.open(directory)
            let to = try DirectoryHandle.open(target)
            // Nobody else makes any.
            if CurrentProcess.userID == 0 { try Self.removeDevices(in: from, depth: 0) }
            guard name == "." else {
                return try Self.move(FileName(name), from, to: FileName(newName), to, &place, depth: 0)
            }
            for name in try from.names() {
                place = name.description
                try Self.move(name, from, to: name, to, &place, depth: 0)
            }
        } catch {
            if error == .noEntry { throw GuestError("the guest has sent no \(place)") }
            throw GuestError("\(place): cannot be put into \(target): \(RootDirectories.reason(error))")
        }
    }

    private static func move(
        _ name: FileName,
        _ from: borrowing DirectoryHandle,
        to newName: FileName,
        _ to: borrowing DirectoryHandle,
        _ place: inout String,
        depth: Int
    ) throws(Errno) {
        let status = try from.status(name)
        guard status.kind == .directory else { return try from.move(name, to: newName, in: to) }
        // A directory that its owner may not write to cannot be moved either.
        if status.mode & 0o700 != 0o700 { try from.setMode(name, 0o700) }
        let isThere: Bool
        do throws(Errno) {
            guard try to.status(newName).kind == .directory else { throw .notADirectory }
            isThere = true
        } catch {
            guard error == .noEntry else { throw error }
            isThere = false
        }
        guard isThere else {
            try from.move(name, to: newName, in: to)
            return try to.setMode(newName, status.mode)
        }
        guard depth < depthLimit else { throw .nameTooLong }
        let inner = try from.openDirectory(name)
        let outer = try to.openDirectory(newName)
        for name in try inner.names() {
            let before = place
            place += "/\(name)"
            try move(name, inner, to: name, outer, &place, depth: depth + 1)
            place = before
        }
    }

    private static func removeDevices(in directory: borrowing DirectoryHandle, depth: Int) throws(Errno) {
        guard depth < depthLimit else { throw .nameTooLong }
        for name in try directory.names() {
            let status = try directory.status(name)
            if status.isDevice { try directory.removeFile(name) }
            if status.kind == .directory { try removeDevices(in: try directory.openDirectory(name), depth: depth + 1) }
        }
    }
}
