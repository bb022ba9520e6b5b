// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem

/// A switch's socket in the layout of uml_switch: one path that is the socket itself, as User Mode Linux's `daemon` takes
/// it. No directory: each client's data socket has an abstract name of its own, and is connected to that client alone.
public final class UMLSocketServer {
    private let server: RequestServer
    private let path: SocketPath

    /// Why the socket could not be had.
    public struct SetupError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Listens at `path`, taking over what a killed predecessor left there.
    ///
    /// - Parameter userID: who else may connect, as the socket's owner; nil: the caller alone.
    public init(_ owner: Switch, path: String, userID: UInt32?) throws(SetupError) {
        do {
            self.path = try SocketPath(path)
            let listener = try self.path.makeSocket(.stream, mode: 0o600, user: userID)
            try UnixSocket.listen(listener)
            server = try RequestServer(owner, listener, name: path) { _ in try Self.makeSocket() }
        } catch let error as SocketPath.BindError {
            throw SetupError(
                description: error == .inUse(path) ? "\(path): another switch is running there" : error.description
            )
        } catch {
            throw SetupError(description: "\(path): cannot listen: \(error)")
        }
    }

    /// Ends all connections and removes the socket.
    public func close() {
        server.detachAll()
        server.stop()
        path.remove()
    }

    /// A data socket with a name that nobody has or can guess.
    private static func makeSocket() throws -> RequestServer.DataSocket {
        let number = String(CurrentProcess.random(), radix: 16)
        let name = Array("etherloom-uml-\(CurrentProcess.id)-\(number)".utf8)
        let padding = [UInt8](repeating: 0, count: UnixSocketAddress.maximumPathByteCount - name.count)
        guard let address = UnixSocketAddress(bytes: [UInt8(AF_UNIX), 0, 0] + name + padding) else {
            throw AttachRefusal(code: ENAMETOOLONG, message: "no name for a socket")
        }
        let socket = try UnixSocket.make(.datagram)
        try UnixSocket.bind(socket, to: address)
        return RequestServer.DataSocket(descriptor: socket, address: address)
    }
}
