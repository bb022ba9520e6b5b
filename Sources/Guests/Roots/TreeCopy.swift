// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Copies a directory with all that is in it, as it is: owners, modes, times, attributes, holes, links of both sorts,
/// devices, and so also what overlayfs notes there: whiteouts and opaque directories.
struct TreeCopy: ~Copyable {
    /// Deeper than any path can say.
    private static let depthLimit = 2100

    private let base: DirectoryHandle
    /// Devices, which nobody makes in a user namespace, and what is mounted below are left out.
    private let isLenient: Bool
    /// First copy of each file with several names, as a path below `base`.
    private var linked: [[UInt64]: FileName] = [:]
    private var path: [FileName] = []

    /// The target must not be there.
    static func copy(_ source: String, to target: String, isLenient: Bool = false) throws(GuestError) {
        // Many levels are open at once.
        ResourceLimits.raiseDescriptorLimit()
        var place = ""
        do throws(Errno) {
            let from = try DirectoryHandle.open(source)
            try FileSystem.makeDirectory(target, mode: 0o700)
            try copy(from, source, target, isLenient, place: &place)
        } catch {
            throw GuestError("cannot copy \(source)\(place) to \(target)\(place): \(RootDirectories.reason(error))")
        }
    }

    private static func copy(
        _ from: borrowing DirectoryHandle,
        _ source: String,
        _ target: String,
        _ isLenient: Bool,
        place: inout String
    ) throws(Errno) {
        let into = try DirectoryHandle.open(target)
        var copy = TreeCopy(base: try into.duplicate(), isLenient: isLenient)
        do throws(Errno) {
            try copy.copyContents(of: from, to: into)
        } catch {
            place = copy.path.map { "/\($0)" }.joined()
            throw error
        }
        try copyOwn(source, target, from, into)
    }

    private init(base: consuming DirectoryHandle, isLenient: Bool) {
        self.base = base
        self.isLenient = isLenient
    }

    /// Owner, mode, attributes and times of the directory itself.
    private static func copyOwn(
        _ source: String,
        _ target: String,
        _ from: borrowing DirectoryHandle,
        _ into: borrowing DirectoryHandle
    ) throws(Errno) {
        let (sourceParts, targetParts) = (RootDirectories.split(source), RootDirectories.split(target))
        let outer = try DirectoryHandle.open(sourceParts.parent)
        let targetOuter = try DirectoryHandle.open(targetParts.parent)
        let status = try outer.status(FileName(sourceParts.name))
        // The source may be a link to the directory.
        guard status.kind == .directory else { return try into.copyAttributes(from: from) }
        try finish(FileName(targetParts.name), in: targetOuter, as: status) { () throws(Errno) in
            try into.copyAttributes(from: from)
        }
    }

    private mutating func copyContents(
        of from: borrowing DirectoryHandle,
        to into: borrowing DirectoryHandle
    ) throws(Errno) {
        for name in try from.names() {
            path.append(name)
            try copyEntry(name, from, into)
            path.removeLast()
        }
    }

    private mutating func copyEntry(
        _ name: FileName,
        _ from: borrowing DirectoryHandle,
        _ into: borrowing DirectoryHandle
    ) throws(Errno) {
        let status = try from.status(name)
        if status.kind != .directory, status.links > 1 {
            if let first = linked[status.identity] {
                do throws(Errno) {
                    return try into.makeHardLink(name, to: first, in: base)
                } catch {
                    // Where the path is too long, or the file has all the names that it can have, it is copied again.
                    guard error == .nameTooLong || error == Errno(rawValue: EMLINK) else { throw error }
                }
            }
            linked[status.identity] = FileName.path(path)
        }
        switch status.kind {
        case .directory:
            guard path.count < Self.depthLimit else { throw .nameTooLong }
            try into.makeDirectory(name, mode: 0o700)
            if isLenient {
                do throws(Errno) {
                    _ = try from.openDirectory(name)
                } catch .crossesMount {
                    return try into.setMode(name, status.mode)
                }
            }
            let inner = try from.openDirectory(name)
            let copy = try into.openDirectory(name)
            try copyContents(of: inner, to: copy)
            try Self.finish(name, in: into, as: status) { () throws(Errno) in try copy.copyAttributes(from: inner) }
        case .regular:
            let file = try from.open(name, flags: O_RDONLY | O_NONBLOCK)
            let copy = try into.open(name, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try FileCopy.copy(from: file, to: copy, size: status.size)
            try Self.finish(name, in: into, as: status) { () throws(Errno) in
                // Some are taken away by a change of the owner.
                try FileCopy.copyAttributes(from: file, to: copy)
            }
        case .link:
            try into.makeLink(name, to: try from.linkTarget(name))
            try Self.finish(name, in: into, as: status) { () throws(Errno) in }
        case .node:
            do throws(Errno) {
                try into.makeNode(name, as: status)
            } catch {
                if isLenient && status.isDevice { return }
                throw error
            }
            try Self.finish(name, in: into, as: status) { () throws(Errno) in }
        }
    }

    private static func finish(
        _ name: FileName,
        in directory: borrowing DirectoryHandle,
        as status: TreeStatus,
        attributes: () throws(Errno) -> Void
    ) throws(Errno) {
        do throws(Errno) {
            try directory.setOwner(name, as: status)
        } catch {
            // Who is nobody in this namespace can be given nothing.
            guard error == .invalid || error == .notPermitted else { throw error }
        }
        if status.kind != .link && !status.isDevice { try directory.setMode(name, status.mode) }
        try attributes()
        try directory.setTimes(name, as: status)
    }
}
