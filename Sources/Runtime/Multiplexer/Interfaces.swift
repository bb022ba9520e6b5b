// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem
import Wire

/// The interfaces of a multiplexer: its ports by name. The control thread's view.
///
/// # Theory of operation
///
///     declared (command line, console) ──▶ interface, with a socket of its name ──┐
///     attach request with a name ─────────▶ interface, unless it is there ─────────┼─▶ port ◀─ clients, any number
///     VDE request with a number ──────────▶ interface of that number, the same ────┘
///
/// An interface is made by whoever attaches first, and is his (mode 0600); the last client's leaving removes it. One that was
/// declared stays, with the owner, group and mode that it was given. Uplinks are ports without a name.
///
/// A name that is a number is that port; other names get ports from the highest number downwards, so that they stay out of
/// the way of clients that know numbers only.
public final class Interfaces {
    private unowned let owner: Switch
    private let directory: String
    private var byName: [String: Interface] = [:]
    private var nameOfPort: [Int: String] = [:]
    /// Of declared interfaces, by name.
    private var servers: [String: VDEServer] = [:]
    /// The networks that the interfaces share, by port.
    public private(set) var uplinks: [Int: String] = [:]
    private var network: InterfaceAddress.Network
    private let stranger = Stranger()

    init(_ owner: Switch) {
        self.owner = owner
        directory = (try? FileSystem.canonicalPath(owner.options.directory)) ?? owner.options.directory
        network = owner.options.address.map { .station($0) } ?? .place("directory \(directory)")
    }

    /// By name.
    public var all: [Interface] { byName.values.sorted { $0.name < $1.name } }

    public func interface(port: Int) -> Interface? { nameOfPort[port].flatMap { byName[$0] } }

    // MARK: Newcomers

    /// The port that a newcomer gets. Nothing is made yet.
    func choosePort(_ newcomer: Newcomer) throws(AttachRefusal) -> Int {
        guard !newcomer.isManagement else {
            throw AttachRefusal(code: EINVAL, message: "a multiplexer has no management port")
        }
        if newcomer.userID == nil, uplinks[newcomer.port] != nil { return newcomer.port }
        let name = try wantedName(newcomer)
        if let user = newcomer.userID, stranger.isUnknown(user) {
            throw AttachRefusal(
                code: EPERM,
                message:
                    "interface \(name): the kernel cannot say who attaches; run the multiplexer outside of user namespaces"
            )
        }
        guard let interface = byName[name] else {
            if let fault = InterfaceName.fault(name) { throw AttachRefusal(code: EINVAL, message: fault) }
            return try freePort(name)
        }
        let isAdmitted = interface.permissions.admit(newcomer.userID)
        guard isAdmitted, owner.ports[interface.port]?.admits(newcomer.userID) != false else {
            throw AttachRefusal(
                code: EACCES,
                message:
                    "interface \(name): permission denied: it is \(CurrentProcess.userName(interface.permissions.owner))'s "
                    + "(mode 0\(String(interface.permissions.mode, radix: 8))), not \(CurrentProcess.userName(newcomer.userID ?? 0))'s"
            )
        }
        return interface.port
    }

    private func wantedName(_ newcomer: Newcomer) throws(AttachRefusal) -> String {
        if !newcomer.interface.isEmpty { return newcomer.interface }
        if newcomer.port > 0 {
            guard newcomer.port <= owner.portCount else { throw outOfRange(newcomer.port) }
            return nameOfPort[newcomer.port] == nil ? String(newcomer.port) : try numberedName(newcomer.port)
        }
        guard newcomer.userID == nil || owner.options.admitsUnnamed else {
            throw AttachRefusal(code: ENOENT, message: "this is a multiplexer: name an interface, as in DIR[NAME]")
        }
        // The switch's own taps and networks.
        guard let number = (1...max(owner.portCount, 1)).first(where: { isFree($0) }) else {
            throw AttachRefusal(code: EMFILE, message: "all \(owner.portCount) interfaces are in use")
        }
        return String(number)
    }

    /// A number stands for the interface of that name only.
    private func numberedName(_ port: Int) throws(AttachRefusal) -> String {
        guard let name = nameOfPort[port], name != String(port) else { return String(port) }
        throw AttachRefusal(code: EADDRINUSE, message: "number \(port) is interface \(name)'s; choose another")
    }

    private func outOfRange(_ number: Int) -> AttachRefusal {
        AttachRefusal(
            code: EINVAL,
            message: "interface \(number) is out of range: this multiplexer has numbers 1 to \(owner.portCount)"
        )
    }

    private func isFree(_ port: Int) -> Bool { nameOfPort[port] == nil && uplinks[port] == nil }

    private func freePort(_ name: String) throws(AttachRefusal) -> Int {
        if let number = InterfaceName.number(name) {
            guard number <= owner.portCount else { throw outOfRange(number) }
            _ = try numberedName(number)
            guard uplinks[number] == nil else {
                throw AttachRefusal(code: EADDRINUSE, message: "number \(number) is an uplink's; choose another")
            }
            return number
        }
        let highest = stride(from: owner.portCount, through: 1, by: -1)
        guard let number = highest.first(where: { isFree($0) && owner.ports[$0] == nil }) else {
            throw AttachRefusal(code: EMFILE, message: "all \(owner.portCount) interfaces are in use")
        }
        return number
    }

    /// Makes the interface that a newcomer gets, unless it is there.
    func prepare(_ newcomer: Newcomer, port: Int) throws(AttachRefusal) {
        guard isFree(port) else { return }
        let name = newcomer.interface.isEmpty ? String(port) : newcomer.interface
        let permissions = Interface.Permissions(owner: newcomer.userID ?? CurrentProcess.userID, mode: 0o600)
        let interface = Interface(
            name: name,
            port: port,
            address: address(name),
            permissions: permissions,
            isConfigured: false
        )
        try InterfaceFile.make(interface, in: directory)
        keep(interface)
    }

    private func keep(_ interface: Interface) {
        byName[interface.name] = interface
        nameOfPort[interface.port] = interface.name
        if owner.ports[interface.port] == nil { owner.makePort(interface.port) }
    }

    /// To be called when nobody is on a port any more.
    func portIsEmpty(_ port: Int) {
        guard let interface = interface(port: port), !interface.isConfigured else { return }
        remove(interface)
    }

    private func remove(_ interface: Interface) {
        byName[interface.name] = nil
        nameOfPort[interface.port] = nil
        servers.removeValue(forKey: interface.name)?.stop()
        InterfaceFile.remove(interface.name, in: directory)
        try? owner.removePort(interface.port)
        // Another interface may get the number.
        owner.hooks.forget(port: interface.port)
    }

    private func address(_ name: String) -> MACAddress {
        var attempt = 0
        while true {
            let address = InterfaceAddress.make(network, name: name, attempt: attempt)
            if !byName.values.contains(where: { $0.address == address && $0.name != name }) { return address }
            attempt += 1
        }
    }

    // MARK: Declared

    /// Declares an interface, or has one stay that is there. EEXIST for one that is declared already.
    @discardableResult
    public func declare(_ declaration: InterfaceDeclaration) throws(AttachRefusal) -> Interface {
        if let fault = InterfaceName.fault(declaration.name) { throw AttachRefusal(code: EINVAL, message: fault) }
        let present = byName[declaration.name]
        guard present?.isConfigured != true else {
            throw AttachRefusal(code: EEXIST, message: "interface \(declaration.name): declared already")
        }
        let port: Int
        if let present { port = present.port } else { port = try freePort(declaration.name) }
        let interface = Interface(
            name: declaration.name,
            port: port,
            address: declaration.address ?? present?.address ?? address(declaration.name),
            permissions: Interface.Permissions(
                owner: declaration.owner ?? CurrentProcess.userID,
                group: declaration.group ?? owner.options.groupID,
                mode: declaration.mode
            ),
            isConfigured: true
        )
        if present != nil { InterfaceFile.remove(interface.name, in: directory) }
        if InterfaceName.number(interface.name) != nil {
            try InterfaceFile.make(interface, in: directory)
        } else {
            try serve(interface)
        }
        keep(interface)
        return interface
    }

    private func serve(_ interface: Interface) throws(AttachRefusal) {
        let path = directory + "/" + interface.name
        if InterfaceFile.isOurs(path) { InterfaceFile.remove(interface.name, in: directory) }
        let listener = try InterfaceFile.listen(interface, in: directory)
        do throws(Errno) {
            servers[interface.name] = try VDEServer(owner, listener, directory: directory, interface: interface.name)
        } catch {
            InterfaceFile.remove(interface.name, in: directory)
            throw AttachRefusal(code: error.rawValue, message: "\(path): cannot serve the interface's socket: \(error)")
        }
    }

    /// Takes a declared interface away. ENOENT for one that is not there, EBUSY while somebody is on it.
    public func withdraw(_ name: String) throws(AttachRefusal) {
        guard let interface = byName[name] else {
            throw AttachRefusal(code: ENOENT, message: "interface \(name): there is none")
        }
        guard owner.ports[interface.port]?.isActive != true else {
            throw AttachRefusal(code: EBUSY, message: "interface \(name): somebody is on it")
        }
        remove(interface)
    }

    // MARK: Uplinks

    /// Plugs a network in that all interfaces share. Throws `TransportError`.
    public func addUplink(_ text: String) throws {
        let highest = stride(from: owner.portCount, through: 1, by: -1)
        guard let port = highest.first(where: { isFree($0) && owner.ports[$0] == nil }) else {
            throw TransportError(.failed, "\(text): all \(owner.portCount) numbers are in use")
        }
        let isFirst = uplinks.isEmpty
        uplinks[port] = text
        owner.makePort(port)
        owner.dataPlane.setUplink(port: port, true)
        do {
            try owner.attachments.attach(text, port: port)
        } catch {
            uplinks[port] = nil
            owner.dataPlane.setUplink(port: port, false)
            try? owner.removePort(port)
            throw error
        }
        if isFirst, owner.options.address == nil { network = InterfaceAddress.network(text) }
    }

    /// Ends the sockets of declared interfaces, and who came by them.
    public func stop() {
        for server in servers.values { server.stop() }
        servers = [:]
    }
}

/// Users that the kernel cannot tell apart: in a user namespace everybody without a number there looks the same (user_namespaces(7)).
private struct Stranger {
    private let overflow: UInt32?

    init() {
        func text(_ path: String) -> [Substring] {
            let bytes = (try? FileSystem.contents(path, limit: 4096)) ?? []
            return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        }
        let isInitial = text("/proc/self/uid_map") == ["0", "0", "4294967295"]
        overflow = isInitial ? nil : UInt32(text("/proc/sys/kernel/overflowuid").first ?? "65534")
    }

    func isUnknown(_ user: UInt32) -> Bool { user == overflow }
}
