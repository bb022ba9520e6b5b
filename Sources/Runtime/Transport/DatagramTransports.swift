// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem

/// Two datagram sockets that face each other, each frame a datagram: `-netdev dgram` of QEMU, `ptp://` of vdeplug4.
///
///     dgram:///tmp/ours->/tmp/theirs          paths
///     dgram://127.0.0.1:5001->host:5000       UDP
///     ptp:///tmp/wire                         the first to come has the path, the second one the path with a "+"
///
/// The other side may come later, go and come again: its path is looked at, and connected to, until it answers. Only the
/// connected peer's datagrams are taken.
final class DatagramTransport: SingleEndpoint {
    /// How often the other side's path is looked at.
    private static let checkMilliseconds: UInt64 = 250

    private let socket: OwnedDescriptor
    private let remote: SocketPath?
    private let local: SocketPath?
    private var timer: ControlLoop.Token?
    /// The other side's file that the socket is connected to. Its number alone would not tell it from its successor.
    private var connected: FileStatus?

    static func open(_ url: NetworkURL, _ context: TransportContext) throws -> any Transport {
        try url.refuseOptions(except: ["mode", "reconnect"])
        guard let arrow = url.address.firstRange(of: "->") else {
            throw TransportError(.usage, "\(url): from where to where? dgram://LOCAL->REMOTE")
        }
        let (near, far) = (String(url.address[..<arrow.lowerBound]), String(url.address[arrow.upperBound...]))
        if far.contains("/") {
            let local = try SocketPath(near, url)
            let remote = try SocketPath(far, url)
            let socket = try local.makeSocket(.datagram, url)
            return try DatagramTransport(url, context, socket, local: local, remote: remote)
        }
        return try DatagramTransport(url, context, try internet(url, near, far), local: nil, remote: nil)
    }

    static func openPointToPoint(_ url: NetworkURL, _ context: TransportContext) throws -> any Transport {
        try url.refuseOptions(except: ["mode", "reconnect"])
        let first = try SocketPath(url.address, url)
        let second = try SocketPath(url.address + "+", url)
        guard let socket = try? first.makeSocket(.datagram, url) else {
            // Somebody has the path: this is the second one.
            let socket = try second.makeSocket(.datagram, url)
            return try DatagramTransport(url, context, socket, local: second, remote: first)
        }
        return try DatagramTransport(url, context, socket, local: first, remote: second)
    }

    private static func internet(_ url: NetworkURL, _ near: String, _ far: String) throws -> OwnedDescriptor {
        do {
            guard let there = try NetworkURL("dgram://" + far).hostAndPort,
                let here = try NetworkURL("dgram://" + near).hostAndPort
            else { throw TransportError(.usage, "\(url): each side is HOST:PORT, or a path") }
            let remote = try SocketAddress(host: url.numericHost(there.host), port: there.port, isStream: false)
            let own = url.numericHost(here.host)
            let host = own.isEmpty && remote.isIPv6 ? "::" : own.isEmpty ? "0.0.0.0" : own
            let local = try SocketAddress(host: host, port: here.port, isStream: false, isPassive: true)
            let socket = try UnixSocket.makeInternet(for: remote, isStream: false)
            try UnixSocket.bind(socket, to: local)
            _ = try UnixSocket.connect(socket, to: remote)
            return socket
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
    }

    private init(
        _ url: NetworkURL,
        _ context: TransportContext,
        _ socket: consuming OwnedDescriptor,
        local: SocketPath?,
        remote: SocketPath?
    ) throws {
        let endpointSocket: OwnedDescriptor
        do throws(Errno) {
            endpointSocket = try socket.duplicate()
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
        self.socket = socket
        self.local = local
        self.remote = remote
        super.init("\(url) (no carrier)", context)
        onClose = { [weak self] in self?.leave() }
        if remote != nil { check() }
        let number = endpointSocket.rawValue
        try plug(
            .datagram(DatagramEndpoint(endpointSocket)),
            identifier: number,
            module: "dgram",
            ending: "\(url): the socket has failed"
        )
    }

    /// Connects to whoever has the other side's path now.
    private func check() {
        guard let remote else { return }
        if let file = try? FileStatus(path: remote.path), file != connected {
            connected = (try? UnixSocket.connect(socket, to: remote.address)) != nil ? file : nil
        }
        timer = context.loop.after(milliseconds: Self.checkMilliseconds) { [weak self] in self?.check() }
    }

    private func leave() {
        if let timer { context.loop.cancel(timer) }
        timer = nil
        local?.remove()
    }
}

/// `mcast://GROUP:PORT`: the Ethernet of a UDP multicast group, as QEMU's and User Mode Linux's.
///
///     mcast://230.0.0.1:1234/if=192.168.1.5/ttl=1     by the interface with that address
final class MulticastTransport: SingleEndpoint {
    init(_ url: NetworkURL, _ context: TransportContext) throws {
        super.init("\(url) (no carrier)", context)
        try url.refuseOptions(except: ["if", "ttl"])
        guard let (host, port) = url.hostAndPort else {
            throw TransportError(.usage, "\(url): mcast://GROUP:PORT is what it takes")
        }
        do {
            let group = try SocketAddress(host: host, port: port, isStream: false)
            guard let (address, _) = group.version4, address >> 28 == 0xe else {
                throw TransportError(.usage, "\(url): a group is an IPv4 address from 224.0.0.0 to 239.255.255.255")
            }
            var interface: UInt32 = 0
            if let text = url.value("if") {
                interface = try SocketAddress(host: text, port: "0", isStream: false).version4?.address ?? 0
            }
            let ttl = Int32(try url.number("ttl", 0...255, default: 1))
            let incoming = try UnixSocket.makeInternet(for: group, isStream: false)
            try UnixSocket.bind(incoming, to: group)
            try UnixSocket.join(incoming, group: address, interface: interface)
            let outgoing = try UnixSocket.makeInternet(for: group, isStream: false)
            try UnixSocket.setGroup(outgoing, interface: interface, ttl: ttl)
            _ = try UnixSocket.connect(outgoing, to: group)
            guard let own = UnixSocket.localAddress4(outgoing) else { throw Errno.invalid }
            let number = incoming.rawValue
            let endpoint = MulticastEndpoint(
                incoming: incoming,
                outgoing: outgoing,
                ownAddress: own.address,
                ownPort: own.port
            )
            try plug(.multicast(endpoint), identifier: number, module: "mcast", ending: "\(url): the socket has failed")
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
    }
}
