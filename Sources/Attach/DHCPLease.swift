// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// What a DHCP server grants, checked: nothing in it is taken on trust (RFC 2131, RFC 2132).
public struct DHCPLease: Hashable, Sendable {
    /// A route of option 121 (RFC 3442), or the default route to the router of option 3.
    public struct Route: Hashable, Sendable {
        public var destination: IPv4Network
        /// Nil: on the link.
        public var gateway: IPv4Address?

        public init(destination: IPv4Network, gateway: IPv4Address?) {
            self.destination = destination
            self.gateway = gateway
        }
    }

    /// The client's address in its network.
    public var address: IPv4Network
    /// The server that granted it, for renewals.
    public var server: IPv4Address
    public var routes: [Route]
    public var nameServers: [IPv4Address]
    public var domain: String?
    /// Bytes of the largest packet, 576 at least.
    public var mtu: Int?
    /// Seconds from the request on; nil is for ever.
    public var duration: UInt32?
    /// Seconds until renewal (T1) and rebinding (T2); meaningless for a lease without end.
    public var renewal: UInt32
    public var rebinding: UInt32

    /// Seconds of the shortest lease that is worth having: a server that gives less would keep us renewing.
    static let minimumDuration: UInt32 = 10

    /// Reads an offer or an acknowledgement. Nil unless it gives an address that a host can have, from a server that says
    /// who it is, for a stated time: a message without these is as good as none.
    public init?(_ message: DHCPMessage) {
        let own = message.yourAddress
        guard let server = message.serverIdentifier, Self.isHost(server), let seconds = message.leaseTime,
            seconds >= Self.minimumDuration,
            let network = Self.network(own, mask: message.subnetMask),
            Self.isHost(own),
            network.prefixLength > 30 || own != network.networkAddress && own != network.broadcastAddress
        else { return nil }
        address = network
        self.server = server
        routes = Self.routes(message)
        nameServers = message.domainNameServers.filter(Self.isHost)
        domain = message.domainName.flatMap { ResolverFile.isDomain($0) ? $0 : nil }
        // RFC 791: every host takes packets of 576 bytes; a smaller MTU is a mistake or an attack on our throughput.
        mtu = message.interfaceMTU.map(Int.init).flatMap {
            (576...NetworkConfiguration.mtuLimits.upperBound) ~= $0 ? $0 : nil
        }
        duration = seconds == .max ? nil : seconds
        let t1 = message.renewalTime ?? seconds / 2
        let t2 = message.rebindingTime ?? seconds / 8 * 7
        let isOrdered = t1 <= t2 && t2 <= seconds
        renewal = max(isOrdered ? t1 : seconds / 2, Self.minimumDuration / 2)
        rebinding = max(isOrdered ? t2 : seconds / 8 * 7, renewal)
    }

    /// Whether one host of a network can have this address.
    static func isHost(_ address: IPv4Address) -> Bool {
        !address.isUnspecified && !address.isBroadcast && !address.isMulticast && !address.isLoopback
            && address.rawValue >> 24 != 0 && address.rawValue >> 28 != 0xf
    }

    /// Without a mask, that of the address's class (RFC 2132 section 3.3 leaves it to the client; RFC 950).
    private static func network(_ address: IPv4Address, mask: IPv4Address?) -> IPv4Network? {
        if let mask {
            guard let network = IPv4Network(address: address, mask: mask), network.prefixLength > 0 else { return nil }
            return network
        }
        let firstBits = address.rawValue >> 30
        return IPv4Network(address: address, prefixLength: firstBits < 2 ? 8 : firstBits == 2 ? 16 : 24)
    }

    /// RFC 3442: who understands option 121 ignores option 3 when both are there.
    private static func routes(_ message: DHCPMessage) -> [Route] {
        if let bytes = message.bytes(of: .classlessStaticRoute), let routes = classlessRoutes(bytes) { return routes }
        let everything = IPv4Network(address: .unspecified, prefixLength: 0)
        guard let router = message.routers.first(where: isHost), let everything else { return [] }
        return [Route(destination: everything, gateway: router)]
    }

    /// Option 121: for each route the prefix length, so many octets of the destination as matter, and the router. Nil when
    /// it is cut short or says nonsense, empty included.
    static func classlessRoutes(_ bytes: [UInt8]) -> [Route]? {
        var rest = bytes[...]
        var routes: [Route] = []
        while let length = rest.popFirst() {
            let significant = (Int(length) + 7) / 8
            guard length <= 32, rest.count >= significant + 4 else { return nil }
            let octets = Array(rest.prefix(significant)) + [UInt8](repeating: 0, count: 4 - significant)
            rest = rest.dropFirst(significant)
            let router = IPv4Address(Array(rest.prefix(4)).span, at: 0)
            rest = rest.dropFirst(4)
            guard let destination = IPv4Network(address: IPv4Address(octets.span, at: 0), prefixLength: Int(length)),
                router.isUnspecified || isHost(router), routes.count < 64
            else { return nil }
            let network = IPv4Network(address: destination.networkAddress, prefixLength: Int(length))
            guard let network else { return nil }
            routes.append(Route(destination: network, gateway: router.isUnspecified ? nil : router))
        }
        return routes.isEmpty ? nil : routes
    }
}
