// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem

/// A socket's path in the file system: taken over from a dead owner, removed at the end if it is still ours.
public final class SocketPath {
    /// Why a socket could not be had there, in one line.
    public enum BindError: Error, Equatable, Sendable, CustomStringConvertible {
        /// No socket can have such a path.
        case unusable(String)
        /// Somebody serves it.
        case inUse(String)
        /// Something is there that is no socket.
        case occupied(String)
        case failed(String, Errno)

        public var description: String {
            switch self {
            case .unusable(let path):
                "\(path): a socket's path has 1 to \(UnixSocketAddress.maximumPathByteCount) bytes"
            case .inUse(let path): "\(path): in use by another program"
            case .occupied(let path): "\(path): exists and is no socket"
            case .failed(let path, let error): "\(path): cannot make the socket: \(error)"
            }
        }
    }

    /// As it was given; absolute and without symbolic links from `bind` on.
    public private(set) var path: String
    public let address: UnixSocketAddress
    /// The file that was made.
    private var identity: FileStatus?

    public init(_ path: String) throws(BindError) {
        guard let address = UnixSocketAddress(path: path) else { throw .unusable(path) }
        self.path = path
        self.address = address
    }

    deinit { remove() }

    /// A new socket that is bound here and has these permission bits, perhaps in the place of one that nobody serves any
    /// more.
    ///
    /// - Parameters:
    ///   - user: whom the file shall belong to; nil: this process's user.
    ///   - group: likewise.
    public func makeSocket(
        _ kind: UnixSocket.Kind,
        mode: UInt32,
        user: UInt32? = nil,
        group: UInt32? = nil
    ) throws(BindError) -> OwnedDescriptor {
        var isSecond = false
        while true {
            do throws(Errno) {
                let socket = try UnixSocket.make(kind)
                try UnixSocket.bind(socket, to: address)
                do throws(Errno) {
                    try settle(mode, user, group)
                } catch {
                    try? FileSystem.remove(path)
                    throw error
                }
                return socket
            } catch .addressInUse where !isSecond {
                try removeDead(kind)
                isSecond = true
            } catch {
                throw error == .addressInUse ? .inUse(path) : .failed(path, error)
            }
        }
    }

    /// Removes a file whose program is gone.
    private func removeDead(_ kind: UnixSocket.Kind) throws(BindError) {
        guard let status = try? FileStatus(path: path, followLinks: false) else { return }
        guard status.isSocket else { throw .occupied(path) }
        do throws(Errno) {
            let probe = try UnixSocket.make(kind)
            try UnixSocket.connect(probe, to: address)
        } catch .connectionRefused {
            try? FileSystem.remove(path)
            return
        } catch .noEntry {
            return
        } catch {
            // A full backlog, or no permission to ask: somebody's.
        }
        throw .inUse(path)
    }

    /// What the file is to be like. Before listen(2) nobody can connect.
    private func settle(_ mode: UInt32, _ user: UInt32?, _ group: UInt32?) throws(Errno) {
        let file = try SocketFile(path: path)
        identity = file.status
        try file.setMode(mode & 0o777)
        if user != nil || group != nil { try file.setOwner(user: user ?? .max, group: group ?? .max) }
        // The process may go to another directory, as daemons do.
        path = try FileSystem.canonicalPath(path)
    }

    /// Removes the file.
    public func remove() {
        guard let identity = identity.take(), let status = try? FileStatus(path: path, followLinks: false),
            status.inode == identity.inode, status.device == identity.device
        else { return }
        try? FileSystem.remove(path)
    }
}
