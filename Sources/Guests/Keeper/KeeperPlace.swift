// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A lab's runtime directory, and its own one, taken: one keeper at a time has them.
public struct KeeperPlace: ~Copyable {
    /// Locked for as long as the keeper lives, so that the number in it is never mistaken.
    private let lock: OwnedDescriptor
    /// Locked too: two labs with one directory, by another name or another user, would write to the same layers.
    private let directoryLock: OwnedDescriptor

    private init(lock: consuming OwnedDescriptor, directoryLock: consuming OwnedDescriptor) {
        self.lock = lock
        self.directoryLock = directoryLock
    }

    /// Makes the directory, sweeps what a dead keeper has left there, and writes who has it. Refused when a lab of that name
    /// runs, or one with that directory.
    public static func take(
        _ files: RuntimeFiles,
        lab: String,
        directory: String
    ) throws(GuestError) -> KeeperPlace {
        let parent = files.directory.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        if files.directory.hasPrefix(LabPlaces.userDirectory + "/") {
            try LabPlaces.makePrivate(LabPlaces.userDirectory)
        } else if (try? FileStatus(path: parent)) == nil {
            try LabPlaces.makeDirectories(parent)
        }
        try LabPlaces.makePrivate(files.directory)
        do throws(Errno) {
            let lock = try OwnedDescriptor.open(files.keeperProcess, flags: O_RDWR | O_CREAT, mode: 0o600)
            guard try FileSystem.tryLock(lock) else { throw .busy }
            guard let directoryLock = try? OwnedDescriptor.open(directory, flags: O_RDONLY | O_DIRECTORY) else {
                try? FileSystem.removeTree(files.directory)
                throw .accessDenied
            }
            // Where there are no locks, as on some file systems of a network, names alone keep labs apart.
            guard (try? FileSystem.tryLock(directoryLock)) != false else {
                try? FileSystem.removeTree(files.directory)
                throw .inProgress
            }
            try sweep(files)
            try FileSystem.write("\(CurrentProcess.id)\n", to: files.keeperProcess)
            let words = try WordMessage([lab, directory]).encoded()
            try FileSystem.write(String(decoding: words, as: UTF8.self), to: files.lab)
            return KeeperPlace(lock: lock, directoryLock: directoryLock)
        } catch {
            if error == .accessDenied, (try? FileSystem.names(in: directory)) == nil {
                throw GuestError("\(directory): this user may not read the lab's directory", status: 2)
            }
            if error == .inProgress {
                let other = (try? FileSystem.linkTarget(directory + "/run/runtime")).flatMap {
                    RuntimeFiles(directory: $0).owner()?.name
                }
                throw GuestError(
                    "a lab runs in \(directory) already" + (other.map { ", \"\($0)\"" } ?? "") + "; take it down first",
                    status: 2
                )
            }
            if error == .busy {
                let owner = files.owner()
                throw GuestError(runsAlready(lab: owner?.name ?? lab, directory: owner?.directory ?? directory))
            }
            throw GuestError("\(files.directory): \(error)")
        }
    }

    /// What is said to the second keeper of a lab.
    public static func runsAlready(lab: String, directory: String) -> String {
        "the lab \"\(lab)\" of \(directory) runs already"
    }

    /// What belongs to nobody now: sockets, directories of segments, bridges on the host. The daemon's own file is not the keeper's.
    private static func sweep(_ files: RuntimeFiles) throws(Errno) {
        files.sweepBridges()
        for path in [files.keeper, files.fabric, files.segments, files.vhost, files.roots, files.roots + ".host"] {
            try FileSystem.removeTree(path)
        }
    }

    /// To be called last.
    public consuming func release() { _ = consume self }
}
