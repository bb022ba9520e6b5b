// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem

/// What shows of an interface in the switch's directory, so that `ls` lists what exists.
///
/// A declared one is a socket that stock clients can use by name. All others are small files, numbers always: stock clients
/// trip over a socket whose name is a number. A file holds the interface's URL, which clients of vdeplug4 and ours follow.
enum InterfaceFile {
    private static var mark: String { "# interface of an Etherloom multiplexer\n" }

    /// Makes the small file. EEXIST when something stands there that is not ours.
    static func make(_ interface: Interface, in directory: String) throws(AttachRefusal) {
        // A multiplexer without a directory shows nothing.
        guard !directory.isEmpty else { return }
        let path = directory + "/" + interface.name
        if isOurs(path) { try? FileSystem.remove(path) }
        do throws(Errno) {
            let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
            let file = try OwnedDescriptor.open(path, flags: flags, mode: interface.permissions.mode & 0o444 | 0o400)
            // The URL first: some clients read no further, and know no comments.
            try file.writeAll(Array("vde://\(directory)[\(interface.name)]\n\(mark)".utf8))
            setOwner(path, interface.permissions)
        } catch {
            throw refusal(path, error)
        }
    }

    /// Makes the socket, which listens.
    static func listen(_ interface: Interface, in directory: String) throws(AttachRefusal) -> OwnedDescriptor {
        let path = directory + "/" + interface.name
        guard let address = UnixSocketAddress(path: path) else {
            throw AttachRefusal(
                code: ENAMETOOLONG,
                message: "\(path): longer than the \(UnixSocketAddress.maximumPathByteCount) bytes of a socket's path"
            )
        }
        do throws(Errno) {
            let socket = try UnixSocket.make(.stream)
            try UnixSocket.bind(socket, to: address)
            try UnixSocket.listen(socket)
            let isOwners = setOwner(path, interface.permissions)
            // Where the file cannot be given away, everybody may knock, and the switch asks who it is.
            try FileSystem.setMode(path, interface.permissions.mode | (isOwners ? 0 : 0o666))
            return socket
        } catch {
            throw refusal(path, error == .addressInUse ? .exists : error)
        }
    }

    /// False when only root could have done that.
    @discardableResult
    private static func setOwner(_ path: String, _ permissions: Interface.Permissions) -> Bool {
        let user = permissions.owner == CurrentProcess.userID ? .max : permissions.owner
        let group = permissions.group ?? .max
        guard user != .max || group != .max else { return true }
        return (try? FileSystem.setOwner(path, user: user, group: group)) != nil
    }

    private static func refusal(_ path: String, _ error: Errno) -> AttachRefusal {
        AttachRefusal(
            code: error.rawValue,
            message: error == .exists
                ? "\(path): something else has that name; remove it or choose another"
                : "\(path): cannot make the interface's file: \(error)"
        )
    }

    static func remove(_ name: String, in directory: String) {
        if !directory.isEmpty { try? FileSystem.remove(directory + "/" + name) }
    }

    /// A small file that a multiplexer has made.
    static func isOurs(_ path: String) -> Bool {
        guard let status = try? FileStatus(path: path, followLinks: false), status.isRegularFile,
            let bytes = try? FileSystem.contents(path, limit: 1024)
        else { return false }
        return bytes.suffix(mark.utf8.count).elementsEqual(mark.utf8)
    }

    /// A socket by the name of an interface, at which nobody listens any more.
    static func isDeadSocket(_ path: String, name: String) -> Bool {
        guard InterfaceName.fault(name) == nil, let status = try? FileStatus(path: path, followLinks: false),
            status.isSocket, let address = UnixSocketAddress(path: path)
        else { return false }
        do throws(Errno) {
            try UnixSocket.connect(try UnixSocket.make(.stream), to: address)
            return false
        } catch {
            return error == .connectionRefused
        }
    }
}
