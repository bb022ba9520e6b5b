// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

// Theory of Operation
//
// A master "/" is this host's own root. Overlayfs refuses it as a layer in a user namespace, because something is mounted
// below it (/proc at least), and what a mount hides must stay hidden from who cannot unmount it. So the root is put together:
// a skeleton of empty directories and of the links in /, made anew each time, is the master; over its /etc and /var lie
// overlays of the host's, with their changes in the guest's upper directory; /usr and the like are the host's, read-only.
// The host's home directories, devices and run-time files are not shown.

/// A guest's root that shows this host's own.
enum HostRoot {
    /// Directories of which a guest has changes of its own.
    static let writable = ["etc", "var"]
    /// Those that it shares.
    static let shared = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "opt", "srv"]

    static func isMeant(by master: String) -> Bool {
        master == "/" || (try? FileSystem.canonicalPath(master)) == "/"
    }

    /// - Parameter skeleton: a directory of ours for the skeleton.
    static func overlays(_ plan: RootPlan, target: String, skeleton: String) throws(GuestError) -> [RootMount.Overlay] {
        let directories = try makeSkeleton(skeleton)
        let work = RootDirectories.work(of: plan.upper)
        try RootDirectories.makeHidden(RootDirectories.split(plan.upper).parent)
        try RootDirectories.make(plan.upper, mode: 0o755)
        try RootDirectories.make(work, mode: 0o755)
        var overlays = [
            RootMount.Overlay(target: target, upper: plan.upper, work: work, layers: plan.layers + [skeleton])
        ]
        for name in writable where directories.contains(name) {
            let layers = plan.layers.map { "\($0)/\(name)" }.filter { (try? FileStatus(path: $0))?.isDirectory == true }
            overlays.append(
                RootMount.Overlay(
                    target: "\(target)/\(name)",
                    upper: "\(plan.upper)/\(name)",
                    work: "\(work):\(name)",
                    layers: layers + ["/\(name)"],
                    mayBind: layers.isEmpty
                )
            )
            try RootDirectories.make("\(plan.upper)/\(name)", mode: 0o755)
            try RootDirectories.make("\(work):\(name)", mode: 0o755)
        }
        for name in shared where directories.contains(name) {
            overlays.append(
                RootMount.Overlay(target: "\(target)/\(name)", upper: "", work: "", layers: ["/\(name)"])
            )
        }
        return overlays
    }

    /// The directories of / as empty ones, and its links. Returns the directories.
    static func makeSkeleton(_ path: String) throws(GuestError) -> Set<String> {
        try RootDirectories.make(path, mode: 0o755)
        var directories: Set<String> = []
        do throws(Errno) {
            for name in try FileSystem.names(in: "/") {
                guard let status = try? FileStatus(path: "/\(name)", followLinks: false) else { continue }
                if status.isDirectory {
                    directories.insert(name)
                    do { try FileSystem.makeDirectory("\(path)/\(name)", mode: 0o755) } catch .exists {}
                } else if status.mode & 0o170000 == 0o120000 {
                    let link = try FileSystem.linkTarget("/\(name)")
                    if (try? FileSystem.linkTarget("\(path)/\(name)")) != link {
                        try? FileSystem.remove("\(path)/\(name)")
                        try FileSystem.makeLink("\(path)/\(name)", to: link)
                    }
                }
            }
            try? FileSystem.setMode("\(path)/tmp", 0o1777)
            try? FileSystem.setMode("\(path)/root", 0o700)
        } catch {
            throw GuestError("\(path): cannot make the frame of a root: \(RootDirectories.reason(error))")
        }
        return directories
    }
}
