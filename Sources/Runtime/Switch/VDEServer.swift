// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
public import LinuxSystem

/// Serves the `ctl` socket of a switch: clients of VDE, versions 3 and 1 of the protocol.
///
/// A client connects, sends one request, and gets the address of a datagram socket made for it alone, already connected to
/// its own. The connection stays open; its end is the endpoint's end. Every refusal closes the connection, so that no client
/// waits for ever. Who the client is says the kernel (SO_PEERCRED), not the client.
public final class VDEServer {
    private let owner: Switch
    private let connections: ConnectionTable
    private let path: String
    /// Whoever comes gets this interface of a multiplexer; empty: the request says which.
    private let interface: String
    private var received: [Int32: [UInt8]] = [:]
    private var attached: Set<Int32> = []

    public convenience init(_ owner: Switch, directory: borrowing SwitchDirectory) throws(Errno) {
        try self.init(owner, directory.control, directory: directory.path, interface: "")
    }

    /// Serves a socket that stands for one interface of a multiplexer.
    init(
        _ owner: Switch,
        _ listener: borrowing OwnedDescriptor,
        directory: String,
        interface: String
    ) throws(Errno) {
        self.owner = owner
        path = directory
        self.interface = interface
        connections = ConnectionTable(loop: owner.loop)
        try connections.serve(listener) { [unowned self] number in readable(number) }
    }

    /// Ends all connections: nobody can connect any more.
    public func stop() { connections.stop() }

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
        if bytes.isEmpty {
            end(number)
            return
        }
        // What an attached client says later has no meaning in the protocol and is passed over.
        if attached.contains(number) { return }
        received[number, default: []] += bytes
        do {
            let request = try VDERequest.parse(received[number] ?? [])
            received[number] = nil
            try admit(request, number)
        } catch VDERequest.Refusal.incomplete {
            return
        } catch let refusal as AttachRefusal {
            owner.log("refused a VDE client: \(refusal.message)")
            end(number)
        } catch {
            owner.log("refused a VDE client: \(error)")
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
        try checkOwner(of: request.address, credentials)

        let data = try UnixSocket.make(.datagram)
        let name = String(port)
        let file = path + "/" + String(repeating: "0", count: max(0, 3 - name.count)) + name + ".\(number)"
        guard let address = UnixSocketAddress(path: file) else {
            throw AttachRefusal(code: ENAMETOOLONG, message: "\(file): too long")
        }
        try? FileSystem.remove(file)
        try UnixSocket.bind(data, to: address)
        var isDone = false
        defer { if !isDone { try? FileSystem.remove(file) } }
        if CurrentProcess.userID == 0 {
            try FileSystem.setMode(file, owner.options.socketMode & 0o700)
            try FileSystem.setOwner(file, user: credentials.userID, group: owner.options.groupID ?? .max)
        } else {
            try FileSystem.setMode(file, owner.options.socketMode)
            if let group = owner.options.groupID { try FileSystem.setOwner(file, user: .max, group: group) }
        }
        // Before the answer: clients unlink their own socket as soon as they have it.
        try UnixSocket.connect(data, to: request.address)
        // Connected, it takes frames from that client alone; one of another user could not reach it.
        if owner.isMultiplexer, credentials.userID != CurrentProcess.userID, CurrentProcess.userID != 0 {
            try FileSystem.setMode(file, 0o666)
        }

        newcomer.onRemoval = { [unowned self] in
            try? FileSystem.remove(file)
            removeSocket(of: request)
            attached.remove(number)
            connections.close(number)
        }
        newcomer.port = port
        try owner.attach(.datagram(DatagramEndpoint(data)), newcomer)
        isDone = true
        connections.keep(number)
        attached.insert(number)
        let sent = connections.with(number) { (try? UnixSocket.send(address.bytes, to: $0)) != nil }
        if sent != true { end(number) }
    }

    /// Clients of libvdeplug make their own socket in the switch's directory, as `.PID-NUMBER`. One that was killed leaves it
    /// there, and it would keep the directory when the switch ends.
    private func removeSocket(of request: VDERequest) {
        guard let file = request.address.path, let slash = file.lastIndex(of: "/"),
            file[file.index(after: slash)...].hasPrefix("."),
            (try? FileSystem.canonicalPath(String(file[..<slash]))) == path,
            let status = try? FileStatus(path: file, followLinks: false), status.isSocket
        else { return }
        try? FileSystem.remove(file)
    }

    /// A client may name only a socket of its own: the switch, perhaps root, could be sent to somebody else's.
    private func checkOwner(of address: UnixSocketAddress, _ credentials: UnixSocket.Credentials) throws {
        guard let path = address.path else { return }
        let status = try FileStatus(path: path, followLinks: false)
        guard status.isSocket, status.userID == credentials.userID || credentials.userID == 0 else {
            throw AttachRefusal(code: EACCES, message: "\(path): not a socket of user \(credentials.userID)")
        }
    }
}
