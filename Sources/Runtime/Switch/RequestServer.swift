// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem

/// Serves a listening socket on which clients ask for a place at a switch, versions 3 and 1 of VDE's protocol: `ctl` in a
/// switch's directory, or the one socket of uml_switch.
///
/// A client connects, sends one request, and gets the address of a datagram socket made for it alone, already connected to
/// its own. The connection stays open; its end is the endpoint's end. Every refusal closes the connection, so that no client
/// waits for ever. Who the client is says the kernel (SO_PEERCRED), not the client.
final class RequestServer {
    /// A client that is let in.
    struct Client {
        /// Of its connection; the endpoint's identifier.
        let number: Int32
        let request: VDERequest
        let credentials: UnixSocket.Credentials
        /// The port that it gets.
        let port: Int
    }

    /// The data socket that one client gets: bound, to be connected to the client's own.
    struct DataSocket: ~Copyable {
        let descriptor: OwnedDescriptor
        let address: UnixSocketAddress
        /// When only the client can send to it.
        var onConnected: () throws -> Void = {}
        /// Removes its file, if it has one.
        var remove: () -> Void = {}
        /// Removes what the client may have left behind, when it is gone.
        var sweep: () -> Void = {}
    }

    private let owner: Switch
    /// What the log calls it.
    private let name: String
    /// Of a multiplexer, for whoever comes; empty: the request says which.
    private let interface: String
    private let connections: ConnectionTable
    private let makeSocket: (Client) throws -> DataSocket
    /// Beginnings of requests.
    private var received: [Int32: [UInt8]] = [:]
    private var attached: Set<Int32> = []

    init(
        _ owner: Switch,
        _ listener: borrowing OwnedDescriptor,
        name: String,
        interface: String = "",
        makeSocket: @escaping (Client) throws -> DataSocket
    ) throws(Errno) {
        self.owner = owner
        self.name = name
        self.interface = interface
        self.makeSocket = makeSocket
        connections = ConnectionTable(loop: owner.loop)
        try connections.serve(listener) { [weak self] number in self?.readable(number) }
    }

    /// Ends all connections: nobody can connect any more.
    func stop() { connections.stop() }

    /// Unplugs all that came this way.
    func detachAll() { for number in attached { owner.detach(identifier: number) } }

    private func readable(_ number: Int32) {
        let bytes: [UInt8]?? = connections.with(number) { descriptor in
            do throws(Errno) {
                return try descriptor.read(atMost: VDERequest.maximumByteCount + 1)
            } catch .wouldBlock {
                return [UInt8]?.none
            } catch {
                return []
            }
        }
        guard let bytes = bytes ?? nil else { return }
        if bytes.isEmpty { return end(number) }
        // What an attached client says later has no meaning in the protocol and is passed over.
        if attached.contains(number) { return }
        received[number, default: []] += bytes
        do {
            let request = try VDERequest.parse(received[number] ?? [])
            received[number] = nil
            try admit(request, number)
        } catch VDERequest.Refusal.incomplete {
            return
        } catch {
            owner.log("\(name): refused a client: \((error as? AttachRefusal)?.message ?? "\(error)")")
            end(number)
        }
    }

    private func end(_ number: Int32) {
        received[number] = nil
        if attached.remove(number) != nil {
            owner.detach(identifier: number)
        } else {
            connections.close(number)
        }
    }

    private func admit(_ request: VDERequest, _ number: Int32) throws {
        guard let credentials = connections.with(number, { try? UnixSocket.credentials($0) }) ?? nil else {
            throw AttachRefusal(code: EACCES, message: "no credentials")
        }
        var newcomer = Newcomer(
            identifier: number,
            module: "unix prog",
            description: request.description,
            userID: credentials.userID,
            processID: credentials.processID
        )
        newcomer.interface = interface
        newcomer.port = interface.isEmpty ? request.port : 0
        newcomer.isManagement = request.isManagement
        let port = try owner.choosePort(newcomer)
        newcomer.port = port
        let data = try makeSocket(Client(number: number, request: request, credentials: credentials, port: port))
        let (address, remove, sweep) = (data.address, data.remove, data.sweep)
        let onConnected = data.onConnected
        var isDone = false
        defer { if !isDone { remove() } }
        // Before the answer: clients unlink their own socket as soon as they have it.
        try Self.connect(data.descriptor, to: request.address, of: credentials)
        try onConnected()
        newcomer.onRemoval = { [weak self] in
            remove()
            sweep()
            self?.attached.remove(number)
            self?.connections.close(number)
        }
        try owner.attach(.datagram(DatagramEndpoint(data.descriptor)), newcomer)
        isDone = true
        connections.keep(number)
        attached.insert(number)
        let isSent = connections.with(number) { (try? UnixSocket.send(address.bytes, to: $0)) != nil }
        if isSent != true { end(number) }
    }

    /// A client may name only a socket of its own: the switch, perhaps root, could be sent to somebody else's.
    private static func connect(
        _ socket: borrowing OwnedDescriptor,
        to address: UnixSocketAddress,
        of credentials: UnixSocket.Credentials
    ) throws {
        guard let path = address.path else { return try UnixSocket.connect(socket, to: address) }
        do throws(Errno) {
            let file = try SocketFile(path: path)
            if file.status.userID == credentials.userID || credentials.userID == 0 {
                return try file.connect(socket)
            }
        } catch  where error != Errno(rawValue: ENOTSOCK) {
            throw AttachRefusal(code: error.rawValue, message: "\(path): \(error)")
        } catch {}
        throw AttachRefusal(code: EACCES, message: "\(path): not a socket of user \(credentials.userID)")
    }
}
