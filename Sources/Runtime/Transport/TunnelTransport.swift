// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import TunnelCrypto

extension TransportRegistry {
    /// Tunnels to other hosts.
    static var tunnelSchemes: [TransportScheme] {
        [
            TransportScheme(
                "tunnel",
                syntax: "tunnel://HOST:PORT/peer=KEY[/key=FILE][/listen=PORT]",
                open: { url, context in
                    let isPlain = url.description.hasSuffix("/plain")
                    return isPlain ? try PlainTunnelTransport(url, context) : try TunnelTransport(url, context)
                }
            ),
            TransportScheme("umlswitch2", syntax: "umlswitch2://HOST:PORT", open: PlainTunnelTransport.init(_:_:)),
        ]
    }
}

/// One end of an encrypted tunnel.
final class TunnelTransport: Transport {
    private static let known = ["key", "peer", "listen", "mtu", "keepalive", "rekey", "gso", "super", "tcp"]

    private let context: TransportContext
    private var identifier: Int32 = -1
    private var isOpen = true
    private let connections: TunnelConnections
    private var peer = PeerState.awaited
    var hasPeer: Bool { peer.isPresent }

    init(_ url: NetworkURL, _ context: TransportContext) throws {
        self.context = context
        let place = try TunnelURL(url, known: Self.known)
        var options = TunnelOptions(try Self.crypto(place, url))
        options.remote = try place.remoteAddress()
        let peerHost = options.remote?.hostText ?? place.host
        let tcp = try Self.useOfTCP(place, url)
        let isIPv6 = options.remote?.isIPv6 ?? true
        let mtu = try place.number("mtu", 1280...65_535, default: 65_535)
        options.maximumDatagramByteCount = min(mtu - (isIPv6 ? 48 : 28), 65_000)
        options.isSegmented = try place.isOn("gso", default: true)
        options.passesSuperFrames = try place.isOn("super", default: true)
        let socket = try Self.bind(try place.localAddress(for: options.remote), coalesces: options.isSegmented)
        let number = socket.rawValue
        identifier = number
        connections = TunnelConnections(loop: context.loop) { [host = context.host] connection in
            host.configure(identifier: number, .tunnelStream(connection))
        }
        let where_ = options.remote.map { "to \($0)" } ?? "at port \(place.listenPort ?? 0)"
        var newcomer = Newcomer(
            identifier: identifier,
            module: "tunnel",
            description: "tunnel \(where_)",
            userID: nil,
            processID: CurrentProcess.id
        ) { [weak self] in self?.end("tunnel \(where_): its socket failed") }
        newcomer.port = context.port
        newcomer.peer = peer
        newcomer.onNotice = { [weak self, context, connections] notice in
            switch notice.kind {
            case .tunnelStreamEnded: connections.connectionEnded(isMissed: tcp == .always || notice.value != 0)
            case .tunnelWantsStream:
                context.host.log("tunnel \(where_): no answer by UDP; trying TCP")
                // By its address: a name would have to be looked up again, and waited for.
                try? connections.connect(host: peerHost, port: place.port)
            case .peerUp:
                connections.settle()
                context.host.log("tunnel \(where_): the peer answers")
                self?.setPeer(.present, "tunnel \(where_)")
            case .peerDown:
                context.host.log("tunnel \(where_): the peer is silent; trying again")
                let since = (WallClock.nanoseconds &- notice.value) / 1_000_000_000
                self?.setPeer(.silent(since: Int64(since)), "tunnel \(where_)")
            case .peerMoved: context.host.log("tunnel \(where_): the peer is now at \(Self.address(notice.value))")
            default: break
            }
        }
        options.initiatesOnStreams = tcp != .never && options.remote != nil
        options.wantsStreamWhenSilent = tcp == .whenSilent && options.remote != nil
        if tcp == .always { options.remote = nil }
        if tcp != .never, place.host.isEmpty {
            try connections.listen(host: place.listenHost, port: place.listenPort ?? 0)
        }
        try context.host.attach(.tunnel(TunnelEndpoint(socket, options: options)), newcomer)
        guard tcp == .always, !place.host.isEmpty else { return }
        do {
            try connections.connect(host: peerHost, port: place.port)
        } catch {
            close()
            throw error
        }
    }

    private func setPeer(_ state: PeerState, _ name: String) {
        peer = state
        context.host.setPeer(identifier: identifier, state)
        context.onLinkChange(state.isPresent, name)
    }

    /// When packets go in a TCP connection.
    private enum UseOfTCP { case never, always, whenSilent }

    private static func useOfTCP(_ place: TunnelURL, _ url: NetworkURL) throws(TransportError) -> UseOfTCP {
        guard place.has("tcp") else { return .never }
        switch place.value("tcp") {
        case nil: return .always
        case "auto": return .whenSilent
        case .some(let text): throw TransportError(.usage, "\(url): tcp=\(text): wants tcp alone, or tcp=auto")
        }
    }

    /// The key files and keys of a URL.
    private static func crypto(_ place: TunnelURL, _ url: NetworkURL) throws -> TunnelConfiguration {
        guard let peerText = place.value("peer") else {
            throw TransportError(
                .usage,
                "\(url): whose tunnel? give /peer= and the public key that \"etherloom key\" printed there"
            )
        }
        guard let peer = TunnelKey.publicBytes(text: peerText) else {
            throw TransportError(.usage, "\(url): peer=\(peerText): not a public key: wants 44 characters of base64")
        }
        let key: TunnelKey
        do {
            key = try TunnelKeyFile.load(place.value("key") ?? TunnelKeyFile.defaultPath)
        } catch {
            throw TransportError(.failed, error.description)
        }
        guard key.publicBytes != peer else {
            throw TransportError(.usage, "\(url): peer= is this end's own key: give the other one's")
        }
        var crypto = TunnelConfiguration(key: key, peer: peer)
        crypto.keepaliveSeconds = UInt64(try place.number("keepalive", 1...3600, default: 5))
        crypto.rekeySeconds = UInt64(try place.number("rekey", 5...86_400, default: 120))
        crypto.rejectSeconds = crypto.rekeySeconds * 3 / 2
        return crypto
    }

    private static func bind(_ address: InternetAddress, coalesces: Bool) throws -> OwnedDescriptor {
        do {
            do throws(Errno) {
                return try UDPSocket.unfragmented(at: address, coalesces: coalesces)
            } catch  where address.isIPv6 && error == .noAddressFamily {
                // A host without IPv6.
                let any = InternetAddress.any(isIPv6: false, port: address.port)
                return try UDPSocket.unfragmented(at: any, coalesces: coalesces)
            }
        } catch {
            throw TransportError(.failed, "UDP port \(address.port): \(error)")
        }
    }

    /// The address in a notice's value.
    static func address(_ value: UInt64) -> String {
        value == 0 ? "another address" : "\(InternetAddress(ipv4: UInt32(value >> 16), port: UInt16(value & 0xffff)))"
    }

    private func end(_ reason: String) {
        guard isOpen else { return }
        isOpen = false
        connections.close()
        context.onEnd(reason)
    }

    func close() {
        isOpen = false
        connections.close()
        context.host.detach(identifier: identifier)
    }
}
