// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
public import LinuxSystem

/// Serves the `ctl` socket of a switch: clients of VDE. Their data sockets are files in the switch's directory.
public final class VDEServer {
    private let server: RequestServer

    public convenience init(_ owner: Switch, directory: borrowing SwitchDirectory) throws(Errno) {
        try self.init(owner, directory.control, directory: directory.path, interface: "")
    }

    /// Serves a socket that stands for one interface of a multiplexer; whoever comes gets that. Empty: the request says
    /// which.
    init(
        _ owner: Switch,
        _ listener: borrowing OwnedDescriptor,
        directory: String,
        interface: String
    ) throws(Errno) {
        let options = owner.options
        server = try RequestServer(owner, listener, name: directory, interface: interface) { client in
            try Self.makeSocket(for: client, in: directory, options)
        }
    }

    /// Ends all connections: nobody can connect any more.
    public func stop() { server.stop() }

    /// Makes `NNN.N`, port and connection, which only the client may use, or whom the switch's mode admits.
    private static func makeSocket(
        for client: RequestServer.Client,
        in directory: String,
        _ options: SwitchOptions
    ) throws -> RequestServer.DataSocket {
        let name = String(client.port)
        let path = "\(directory)/" + String(repeating: "0", count: max(0, 3 - name.count)) + "\(name).\(client.number)"
        guard let address = UnixSocketAddress(path: path) else {
            throw AttachRefusal(code: ENAMETOOLONG, message: "\(path): too long")
        }
        let socket = try UnixSocket.make(.datagram)
        try? FileSystem.remove(path)
        try UnixSocket.bind(socket, to: address)
        do throws(Errno) {
            // The directory may be one in which others rename files.
            let file = try SocketFile(path: path)
            guard file.status.userID == CurrentProcess.userID else { throw .accessDenied }
            if CurrentProcess.userID == 0 {
                try file.setMode(options.socketMode & 0o700)
                try file.setOwner(user: client.credentials.userID, group: options.groupID ?? .max)
            } else {
                try file.setMode(options.socketMode)
                if let group = options.groupID { try file.setOwner(user: .max, group: group) }
            }
        } catch {
            try? FileSystem.remove(path)
            throw AttachRefusal(code: error.rawValue, message: "\(path): \(error)")
        }
        let request = client.request
        return RequestServer.DataSocket(
            descriptor: socket,
            address: address,
            onConnected: {
                // Connected, it takes frames from that client alone; one of another user could not reach it.
                let isAnothers = ![0, client.credentials.userID].contains(CurrentProcess.userID)
                if options.isMultiplexer, isAnothers { try FileSystem.setMode(path, 0o666) }
            },
            remove: { try? FileSystem.remove(path) },
            sweep: { removeSocket(of: request, in: directory) }
        )
    }

    /// Clients of libvdeplug make their own socket in the switch's directory, as `.PID-NUMBER`. One that was killed leaves it
    /// there, and it would keep the directory when the switch ends.
    private static func removeSocket(of request: VDERequest, in directory: String) {
        guard let file = request.address.path, let slash = file.lastIndex(of: "/"),
            file[file.index(after: slash)...].hasPrefix("."),
            (try? FileSystem.canonicalPath(String(file[..<slash]))) == directory,
            let status = try? FileStatus(path: file, followLinks: false), status.isSocket
        else { return }
        try? FileSystem.remove(file)
    }
}
