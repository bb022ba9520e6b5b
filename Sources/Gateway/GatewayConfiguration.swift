// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// What a gateway is to be. A passive value; `validate` says whether it can be.
public struct GatewayConfiguration: Sendable, Equatable {
    /// The guests' network.
    public var network: IPv4Network
    /// The gateway's own address: the guests' router; its ports are the host's loopback ports.
    public var gatewayAddress: IPv4Address
    /// The address whose port 53 is the host's name server.
    public var dnsAddress: IPv4Address
    /// The Ethernet address of both.
    public var macAddress: MACAddress
    /// Bytes of the largest IP packet towards guests (super-frames are cut to it on their way).
    public var mtu = 1500
    /// Whether guests are given addresses.
    public var isDHCPEnabled = false
    /// The first address given to guests; the pool ends with the network.
    public var poolStart: IPv4Address
    /// Seconds for which an address is given.
    public var leaseSeconds: UInt32 = 86_400
    /// The domain told to guests, empty for none.
    public var domain = ""
    public var forwards: [PortForward] = []
    /// So many more may be added while the gateway runs.
    public var spareForwardCount = 0
    /// The host's name servers, the first one preferred.
    public var resolvers: [HostEndpoint] = []
    /// Whether guests reach the host's loopback ports at the gateway address.
    public var reachesHostLoopback = true
    public var limits = GatewayLimits()
    /// Keys the hash tables and the initial sequence numbers, so that nobody can guess them.
    public var seed = UInt64.random(in: 0 ... .max)

    /// A gateway for a network, with the addresses that slirp made usual: gateway .2, name server .3, pool from .15. A host
    /// part in `network` is the gateway's address.
    public init(network: IPv4Network) throws(GatewayConfigurationError) {
        guard network.prefixLength <= 29, network.prefixLength > 0, let second = network.host(2),
            let third = network.host(3), let fourth = network.host(4)
        else { throw .networkTooSmall(network) }
        self.network = network
        gatewayAddress = network.address == network.networkAddress ? second : network.address
        dnsAddress = gatewayAddress == third ? fourth : third
        poolStart = network.host(15) ?? fourth
        if !network.contains(poolStart) || poolStart >= network.broadcastAddress { poolStart = fourth }
        macAddress = Self.defaultMAC(for: gatewayAddress)
        try validate()
    }

    /// 52:55 and the address, as slirp does: two gateways of different networks never share one.
    public static func defaultMAC(for address: IPv4Address) -> MACAddress {
        MACAddress(rawValue: 0x5255_0000_0000 | UInt64(address.rawValue))
    }

    /// Whether the parts fit each other.
    public func validate() throws(GatewayConfigurationError) {
        for address in [gatewayAddress, dnsAddress, poolStart] {
            guard network.contains(address), address != network.networkAddress, address != network.broadcastAddress
            else { throw .addressOutsideNetwork(address, network) }
        }
        guard gatewayAddress != dnsAddress else { throw .addressUsedTwice(gatewayAddress) }
        guard mtu >= 576, mtu <= 65_520 else { throw .mtuOutOfRange(mtu) }
        guard !macAddress.isMulticast, macAddress != .zero else { throw .invalidMAC(macAddress) }
        guard forwards.count <= GatewayTunables.maximumForwardCount else { throw .tooManyForwards(forwards.count) }
        for forward in forwards { try validate(forward) }
    }

    /// Whether a forward leads to somebody who may be a guest.
    public func validate(_ forward: PortForward) throws(GatewayConfigurationError) {
        guard network.contains(forward.guestAddress), forward.guestAddress != network.networkAddress,
            forward.guestAddress != network.broadcastAddress, forward.guestAddress != gatewayAddress,
            forward.guestAddress != dnsAddress
        else { throw .forwardTargetNoGuest(forward, network) }
    }
}

/// Why a configuration cannot be.
public enum GatewayConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    case networkTooSmall(IPv4Network)
    case addressOutsideNetwork(IPv4Address, IPv4Network)
    case addressUsedTwice(IPv4Address)
    case mtuOutOfRange(Int)
    case invalidMAC(MACAddress)
    case tooManyForwards(Int)
    case forwardTargetNoGuest(PortForward, IPv4Network)

    public var description: String {
        switch self {
        case .networkTooSmall(let network):
            "network \(network) has no room for gateway, name server and guests: use a prefix of 1 to 29 bits"
        case .addressOutsideNetwork(let address, let network): "\(address) is not a host address of \(network)"
        case .addressUsedTwice(let address): "\(address) cannot be both gateway and name server"
        case .mtuOutOfRange(let mtu): "MTU \(mtu) is out of range: 576 to 65520"
        case .invalidMAC(let mac): "\(mac) is not the Ethernet address of one station"
        case .tooManyForwards(let count):
            "\(count) forwards are too many: \(GatewayTunables.maximumForwardCount) at most"
        case .forwardTargetNoGuest(let forward, let network):
            "forward \(forward): the target is not the address of a guest in \(network)"
        }
    }
}
