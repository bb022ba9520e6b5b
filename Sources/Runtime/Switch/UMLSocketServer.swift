// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem

/// A switch's socket in the layout of uml_switch: one path that is the socket itself, as User Mode Linux's `daemon` takes
/// it. No directory: each client's data socket has an abstract name of its own, and is connected to that client alone.
public final class UMLSocketServer {
    private let owner: Switch
    private let connections: ConnectionTable
    private var received: [Int32: [UInt8]] = [:]
    private var attached: Set<Int32> = []
    private let path: String

    /// Why the socket could not be had.
    public struct SetupError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Listens at `path`, taking over what a killed predecessor left there.
    ///
    /// - Parameter userID: who else may connect, as the socket's owner; nil: the caller alone.
    public init(_ owner: Switch, path: String, userID: UInt32?) throws(SetupError) {
        self.owner = owner
        self.path = path
        connections = ConnectionTable(loop: owner.loop)
        guard let address = UnixSocketAddress(path: path) else {
            throw SetupError(
                description: "\(path): a socket's path has 1 to \(UnixSocketAddress.maximumPathByteCount) bytes"
            )
        }
        do throws(Errno) {
            try Self.takeOver(path, address)
            let listener = try UnixSocket.make(.stream)
            try UnixSocket.bind(listener, to: address)
            try FileSystem.setMode(path, 0o600)
            if let userID { try FileSystem.setOwner(path, user: userID, group: .max) }
            try UnixSocket.listen(listener)
            try connections.serve(listener) { [unowned self] number in readable(number) }
        } catch {
            throw SetupError(
                description: error == .addressInUse
                    ? "\(path): another switch is running there" : "\(path): cannot listen: \(error)"
            )
        }
    }

    private static func takeOver(_ path: String, _ address: UnixSocketAddress) throws(Errno) {
        guard let status = try? FileStatus(path: path, followLinks: false) else { return }
        guard status.isSocket else { throw .exists }
        let probe = try UnixSocket.make(.stream)
        do throws(Errno) {
            try UnixSocket.connect(probe, to: address)
        } catch .connectionRefused {
            try FileSystem.remove(path)
            return
        }
        throw .addressInUse
    }

    /// Ends all connections and removes the socket.
    public func close() {
        for number in attached { owner.detach(identifier: number) }
        connections.stop()
        try? FileSystem.remove(path)
    }

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
        if attached.contains(number) { return }
        received[number, default: []] += bytes
        do {
            let request = try VDERequest.parse(received[number] ?? [])
            received[number] = nil
            try admit(request, number)
        } catch VDERequest.Refusal.incomplete {
            return
        } catch {
            owner.log("\(path): refused a client: \(error)")
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
        if let path = request.address.path {
            // A client may name only a socket of its own.
            let status = try FileStatus(path: path, followLinks: false)
            guard status.isSocket, status.userID == credentials.userID || credentials.userID == 0 else {
                throw AttachRefusal(code: EACCES, message: "\(path): not a socket of user \(credentials.userID)")
            }
        }
        let data = try UnixSocket.make(.datagram)
        guard let address = Self.abstractAddress() else { return end(number) }
        try UnixSocket.bind(data, to: address)
        try UnixSocket.connect(data, to: request.address)
        var newcomer = Newcomer(
            identifier: number,
            module: "unix prog",
            description: request.description,
            userID: credentials.userID,
            processID: credentials.processID
        ) { [weak self] in
            self?.attached.remove(number)
            self?.connections.close(number)
        }
        newcomer.port = request.port
        try owner.attach(.datagram(DatagramEndpoint(data)), newcomer)
        connections.keep(number)
        attached.insert(number)
        let sent = connections.with(number) { (try? UnixSocket.send(address.bytes, to: $0)) != nil }
        if sent != true { end(number) }
    }

    /// A name that nobody has or can guess.
    private static func abstractAddress() -> UnixSocketAddress? {
        let number = String(CurrentProcess.random(), radix: 16)
        let name = Array("etherloom-uml-\(CurrentProcess.id)-\(number)".utf8)
        return UnixSocketAddress(
            bytes: [UInt8(AF_UNIX), 0, 0] + name + [UInt8](repeating: 0, count: 107 - name.count)
        )
    }
}
