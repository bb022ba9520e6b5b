// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A socket's file, held fast: what was looked at is what is changed and connected to, whatever others meanwhile put in the
/// path's place.
///
/// For directories in which others may make and rename files, above all when this process is root's: chmod(2) follows a
/// symbolic link that took the file's place, and connect(2) goes wherever the path leads by then.
public struct SocketFile: ~Copyable {
    private let descriptor: OwnedDescriptor
    /// As it was found.
    public let status: FileStatus

    /// Throws ENOTSOCK for anything but a socket, a symbolic link included.
    public init(path: String) throws(Errno) {
        let held = OwnedDescriptor(adopting: try systemCall { unsafe cel_hold(path) })
        let found = try FileStatus(held)
        guard found.isSocket else { throw Errno(rawValue: ENOTSOCK) }
        descriptor = held
        status = found
    }

    /// The file by a name that stays its own: proc(5), /proc/PID/fd.
    private var heldPath: String { "/proc/self/fd/\(descriptor.rawValue)" }

    /// Sets the permission bits.
    public func setMode(_ mode: UInt32) throws(Errno) { try FileSystem.setMode(heldPath, mode) }

    /// Changes owner and group; `UInt32.max` leaves one as it is.
    public func setOwner(user: UInt32, group: UInt32) throws(Errno) {
        let fd = descriptor.rawValue
        try systemCall { cel_change_owner(fd, user, group) }
    }

    /// Connects a socket to this one.
    public func connect(_ socket: borrowing OwnedDescriptor) throws(Errno) {
        guard let address = UnixSocketAddress(path: heldPath) else { throw .nameTooLong }
        try UnixSocket.connect(socket, to: address)
    }
}
