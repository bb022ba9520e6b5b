// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// To whom a network is given, and how a process of root's becomes one that can do no more than that.
///
/// Two processes: the worker opens the network and the directory as root, becomes the user, and serves. The keeper stays root,
/// waits, and takes away what only root can: an interface that was made for this, the directory. The worker's end is the
/// delegation's end, and so is the keeper's: the kernel tells the worker.
struct Delegation: Sendable {
    let userID: UInt32
    let groupID: UInt32
    /// The directory is the group's; else it is the user's alone.
    let isForGroup: Bool
    /// An interface that does not exist yet and will be made for this.
    var madeInterface: String?
    /// The console is root's: who was given something does not widen it.
    var consolePath: String?
    var pidFile: String?

    /// Nobody, as Linux counts users: files of his are made by no one, and what he could do anybody can.
    private static var nobody: UInt32 { 65_534 }

    init(user: String?, group: String?) throws {
        guard (user == nil) != (group == nil) else {
            throw Failure("delegate: to whom? give --uid USER or --group GROUP", status: ExitStatus.usage)
        }
        if let user {
            guard let number = CurrentProcess.userID(named: user) else {
                throw Failure("--uid \(user): no such user", status: ExitStatus.usage)
            }
            guard number != 0 else {
                throw Failure("--uid \(user): root has everything already; name another user", status: ExitStatus.usage)
            }
            userID = number
            groupID = Privileges.group(of: number) ?? number
            isForGroup = false
        } else {
            let name = group ?? ""
            guard let number = CurrentProcess.groupID(named: name) else {
                throw Failure("--group \(name): no such group", status: ExitStatus.usage)
            }
            userID = Self.nobody
            groupID = number
            isForGroup = true
        }
        guard CurrentProcess.userID == 0 else {
            throw Failure("delegate: only root can give a device away", status: ExitStatus.unsupported)
        }
    }

    /// Continues as the worker, and returns the keeper's number; the keeper stays in here until all is over.
    func split(directory: String) throws -> Int32 {
        try Self.takeBack(directory)
        let half: Privileges.Half
        do throws(Errno) {
            half = try Privileges.split()
        } catch {
            throw Failure("delegate: cannot make a process: \(error)")
        }
        switch half {
        case .worker(let keeper): return keeper
        case .keeper(let worker):
            try writePidFile()
            let status = try? Privileges.keep(worker)
            cleanUp(directory)
            throw ExitCodeOnly(status: status?.shellStatus ?? ExitStatus.failure)
        }
    }

    private func writePidFile() throws {
        guard let pidFile else { return }
        do throws(Errno) {
            let file = try OwnedDescriptor.open(pidFile, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
            try file.writeAll("\(CurrentProcess.id)\n".utf8)
        } catch {
            // The worker ends with its keeper.
            throw Failure("\(pidFile): cannot write the process number: \(error)")
        }
    }

    /// A directory that was given to somebody becomes root's again, before root does anything in it: who owns a directory can
    /// put links where root expects files. Whoever could put another directory in its place is refused.
    private static func takeBack(_ directory: String) throws {
        do throws(Errno) {
            let parent = directory.split(separator: "/", omittingEmptySubsequences: true).dropLast().joined(
                separator: "/"
            )
            let path = directory.hasPrefix("/") ? "/" + parent : parent.isEmpty ? "." : parent
            try checkOwners(try FileSystem.canonicalPath(path))
            guard let status = try? FileStatus(path: directory, followLinks: false) else { return }
            guard status.isDirectory else { throw Errno(rawValue: ENOTDIR) }
            try FileSystem.setOwner(directory, user: 0, group: 0)
            // From here on nobody but root can replace it; until here somebody may have.
            guard try FileStatus(path: directory, followLinks: false).isDirectory else {
                throw Errno(rawValue: ENOTDIR)
            }
            try FileSystem.setMode(directory, 0o700)
        } catch {
            guard error != .notPermitted else {
                throw Failure(
                    "\(directory): somebody else than root may change what is above it; choose a place below /run",
                    status: ExitStatus.usage
                )
            }
            throw Failure("\(directory): cannot make the directory there: \(error)")
        }
    }

    /// Every directory of a path is root's, and writable to root alone or sticky.
    private static func checkOwners(_ path: String) throws(Errno) {
        var path = path
        while true {
            let status = try FileStatus(path: path)
            guard status.userID == 0, status.mode & 0o022 == 0 || status.mode & 0o1000 != 0 else { throw .notPermitted }
            if path == "/" { return }
            let parent = path.split(separator: "/").dropLast().joined(separator: "/")
            path = "/" + parent
        }
    }

    private func cleanUp(_ directory: String) {
        if let name = madeInterface, let interface = try? NetworkInterface.index(name), var netlink = try? Netlink() {
            try? netlink.removeLink(interface)
        }
        for path in [pidFile, consolePath].compactMap({ $0 }) { try? FileSystem.remove(path) }
        guard (try? Self.takeBack(directory)) != nil else { return }
        // What a worker that was killed has left; anything else in there keeps the directory.
        for name in (try? FileSystem.names(in: directory)) ?? [] {
            let path = directory + "/" + name
            guard let status = try? FileStatus(path: path, followLinks: false) else { continue }
            if status.isSocket || status.isRegularFile && status.userID == userID { try? FileSystem.remove(path) }
        }
        try? FileSystem.removeDirectory(directory)
    }

    /// Gives the directory and its sockets away, and becomes whom they are for.
    func drop(directory: String, keeper: Int32) throws {
        do throws(Errno) {
            for name in ["/ctl", "/attach"] { try FileSystem.setOwner(directory + name, user: owner, group: groupID) }
            try FileSystem.setOwner(directory, user: owner, group: groupID)
            try Privileges.become(user: userID, group: groupID, keeper: keeper)
        } catch {
            throw Failure("\(directory): cannot give it to \(CurrentProcess.userName(userID)): \(error)")
        }
    }

    private var owner: UInt32 { isForGroup ? 0 : userID }
}
