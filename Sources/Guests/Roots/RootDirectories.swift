// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// The directories of a guest's root, on the host.
enum RootDirectories {
    /// Where overlayfs works for an upper directory: hidden beside it, on the same file system.
    static func work(of upper: String) -> String {
        let (parent, name) = split(upper)
        return "\(parent)/.work/\(name)"
    }

    static func split(_ path: String) -> (parent: String, name: String) {
        let parts = path.split(separator: "/")
        return (
            (path.hasPrefix("/") ? "/" : "") + parts.dropLast().joined(separator: "/"),
            parts.last.map(String.init) ?? ""
        )
    }

    /// Makes what is missing of a root's own directories, and says how it is to be mounted.
    ///
    /// - Parameter skeleton: a directory for what a root needs that shows the host's own.
    static func prepare(_ plan: RootPlan, target: String, skeleton: String) throws(GuestError) -> [RootMount.Overlay] {
        if HostRoot.isMeant(by: plan.master) {
            return try HostRoot.overlays(plan, target: target, skeleton: skeleton)
        }
        try makeHidden(split(plan.upper).parent)
        for path in [plan.upper, work(of: plan.upper)] { try make(path, mode: 0o755) }
        let root = RootMount.Overlay(
            target: target,
            upper: plan.upper,
            work: work(of: plan.upper),
            layers: plan.layers + [plan.master]
        )
        return [root]
    }

    /// A directory that nobody else can enter: programs in there that set their user would set him to ours. One that is there
    /// already stays as its owner has it.
    static func makeHidden(_ path: String) throws(GuestError) {
        let parent = split(path).parent
        if !parent.isEmpty { try make(parent, mode: 0o755) }
        try make(path, mode: 0o700)
    }

    /// A directory with all that it is in.
    static func make(_ path: String, mode: UInt32) throws(GuestError) {
        var missing: [String] = []
        var next = path
        while true {
            if let status = try? FileStatus(path: next) {
                guard status.isDirectory else { throw GuestError("\(next): not a directory") }
                break
            }
            missing.append(next)
            let parent = split(next).parent
            if parent.isEmpty || parent == "/" { break }
            next = parent
        }
        for path in missing.reversed() {
            do throws(Errno) {
                try FileSystem.makeDirectory(path, mode: mode)
            } catch {
                if error == .exists { continue }
                throw GuestError("\(path): \(reason(error))")
            }
        }
    }

    static func reason(_ error: Errno) -> String {
        switch error {
        case Errno(rawValue: ENOSPC): "the disk is full"
        case Errno(rawValue: EDQUOT): "the disk quota is used up"
        case Errno(rawValue: EROFS): "on a read-only file system"
        default: error.description
        }
    }

    // MARK: Links for people

    /// Makes a symbolic link, in the place of one that is there.
    static func link(
        _ path: String,
        to target: String,
        for what: String = "the guest's root"
    ) throws(GuestError) {
        let (parent, name) = split(path)
        try make(parent, mode: 0o755)
        if let status = try? FileStatus(path: path, followLinks: false), status.mode & 0o170000 != 0o120000 {
            // An empty directory is what a lab of another making may have left.
            guard status.isDirectory, (try? FileSystem.removeDirectory(path)) != nil else {
                throw GuestError("\(path): something else is here than the link to \(what)")
            }
        }
        // Whoever looks finds the old one or the new one.
        let temporary = "\(parent)/.\(name).new"
        try? FileSystem.remove(temporary)
        do throws(Errno) {
            try FileSystem.makeLink(temporary, to: target)
            try FileSystem.rename(temporary, to: path)
        } catch {
            throw GuestError("\(path): cannot make the link to \(what): \(reason(error))")
        }
    }

    /// Removes the link if it still leads there.
    static func unlink(_ path: String, from target: String) {
        guard (try? FileSystem.linkTarget(path)) == target else { return }
        try? FileSystem.remove(path)
    }
}
