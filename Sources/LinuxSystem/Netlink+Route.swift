// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

extension Netlink {
    /// A network interface as the kernel lists it.
    public struct Link: Equatable, Sendable {
        public let index: Int32
        public let name: String
        /// The link-layer address, six bytes for Ethernet.
        public let address: [UInt8]
        public let mtu: Int
        /// IFF_UP: switched on by its administrator.
        public let isUp: Bool
        /// IFF_LOWER_UP: the cable is plugged in.
        public let hasCarrier: Bool
    }

    /// An address of an interface.
    public struct Address: Equatable, Sendable {
        public let interface: Int32
        public let bytes: [UInt8]
        public let prefixLength: Int
        /// RT_SCOPE_UNIVERSE: good beyond the link.
        public let isGlobal: Bool
        /// Duplicate address detection has not finished, or has found one (RFC 4862 section 5.4).
        public let isTentative: Bool
    }

    /// A route of the main table.
    public struct Route: Equatable, Sendable {
        /// Nil for the default route.
        public let destination: [UInt8]?
        public let prefixLength: Int
        public let gateway: [UInt8]?
        public let interface: Int32
    }

    /// All interfaces of the namespace.
    public mutating func links() throws(NetlinkError) -> [Link] {
        try dump("list the interfaces", type: RTM_GETLINK) { Self.appendLinkHeader(&$0, index: 0) }.compactMap(
            Self.link
        )
    }

    /// The interface of this name.
    public mutating func link(named name: String) throws(NetlinkError) -> Link {
        guard let link = try links().first(where: { $0.name == name }) else {
            throw NetlinkError(
                operation: "find interface \"\(name)\"",
                errno: Errno(rawValue: ENODEV),
                explanation: nil
            )
        }
        return link
    }

    /// Switches an interface on or off.
    public mutating func setUp(_ interface: Int32, _ isUp: Bool = true) throws(NetlinkError) {
        try change("bring interface \(interface) \(isUp ? "up" : "down")", type: RTM_NEWLINK) {
            Self.appendLinkHeader(&$0, index: interface, flags: isUp ? Self.up : 0, mask: Self.up)
        }
    }

    /// Sets the largest packet, in bytes without the link-layer header.
    public mutating func setMTU(_ interface: Int32, _ mtu: Int) throws(NetlinkError) {
        try change("set the MTU of interface \(interface) to \(mtu)", type: RTM_NEWLINK) {
            Self.appendLinkHeader(&$0, index: interface)
            $0.attribute(Int(IFLA_MTU), UInt32(clamping: mtu))
        }
    }

    /// Sets the link-layer address; most devices must be down.
    public mutating func setHardwareAddress(_ interface: Int32, _ address: [UInt8]) throws(NetlinkError) {
        try change("set the hardware address of interface \(interface)", type: RTM_NEWLINK) {
            Self.appendLinkHeader(&$0, index: interface)
            $0.attribute(Int(IFLA_ADDRESS), address)
        }
    }

    /// Renames an interface, which must be down.
    public mutating func rename(_ interface: Int32, to name: String) throws(NetlinkError) {
        try change("rename interface \(interface) to \"\(name)\"", type: RTM_NEWLINK) {
            Self.appendLinkHeader(&$0, index: interface)
            $0.attribute(Int(IFLA_IFNAME), text: name)
        }
    }

    /// Gives an interface an address, or changes the lifetime of one that it has. IPv6 addresses are ready at once:
    /// whoever gives an address by hand answers for it being free (no duplicate address detection).
    ///
    /// - Parameter lifetime: seconds that it is valid, nil for ever.
    public mutating func addAddress(
        _ interface: Int32,
        _ address: [UInt8],
        prefixLength: Int,
        lifetime: UInt32? = nil
    ) throws(NetlinkError) {
        try change(
            "add an address to interface \(interface)",
            type: RTM_NEWADDR,
            flags: Int(NLM_F_CREATE | NLM_F_REPLACE)
        ) {
            Self.appendAddress(&$0, interface, address, prefixLength)
            if address.count == 4, prefixLength < 31 {
                let host = prefixLength == 0 ? UInt32.max : UInt32.max >> UInt32(prefixLength)
                let broadcast = (0..<4).map { address[$0] | UInt8(truncatingIfNeeded: host >> UInt32(24 - 8 * $0)) }
                $0.attribute(Int(IFA_BROADCAST), broadcast)
            }
            if address.count == 16 { $0.attribute(Int(IFA_FLAGS), UInt32(IFA_F_NODAD)) }
            if let lifetime {
                // struct ifa_cacheinfo: preferred and valid lifetimes, then two times that the kernel writes.
                let seconds = (0..<4).map { UInt8(truncatingIfNeeded: lifetime >> (8 * $0)) }
                $0.attribute(Int(IFA_CACHEINFO), seconds + seconds + [UInt8](repeating: 0, count: 8))
            }
        }
    }

    /// Takes an address away.
    public mutating func removeAddress(
        _ interface: Int32,
        _ address: [UInt8],
        prefixLength: Int
    ) throws(NetlinkError) {
        try change("remove an address of interface \(interface)", type: RTM_DELADDR) {
            Self.appendAddress(&$0, interface, address, prefixLength)
        }
    }

    /// All addresses of the namespace.
    public mutating func addresses() throws(NetlinkError) -> [Address] {
        try dump("list the addresses", type: RTM_GETADDR) {
            $0.append(UInt64(0))  // struct ifaddrmsg: any family, any interface.
        }.compactMap(Self.address)
    }

    /// Adds a route, replacing one to the same destination.
    ///
    /// - Parameters:
    ///   - destination: nil for everything (the default route) of the gateway's family.
    ///   - gateway: nil when the destination is on the link.
    ///   - isOnLink: the gateway is on this link, whatever the addresses say.
    public mutating func addRoute(
        to destination: [UInt8]? = nil,
        prefixLength: Int = 0,
        via gateway: [UInt8]?,
        interface: Int32,
        metric: UInt32? = nil,
        isOnLink: Bool = false
    ) throws(NetlinkError) {
        let isVersion6 = (gateway ?? destination)?.count == 16
        try change(
            "add a route over interface \(interface)",
            type: RTM_NEWROUTE,
            flags: Int(NLM_F_CREATE | NLM_F_REPLACE)
        ) {
            Self.appendRouteHeader(
                &$0,
                isVersion6: isVersion6,
                prefixLength: prefixLength,
                hasGateway: gateway != nil,
                isOnLink: isOnLink
            )
            if let destination { $0.attribute(Int(RTA_DST.rawValue), destination) }
            if let gateway { $0.attribute(Int(RTA_GATEWAY.rawValue), gateway) }
            $0.attribute(Int(RTA_OIF.rawValue), UInt32(bitPattern: interface))
            if let metric { $0.attribute(Int(RTA_PRIORITY.rawValue), metric) }
        }
    }

    /// The routes of the main table, IPv4 and IPv6.
    public mutating func routes() throws(NetlinkError) -> [Route] {
        try dump("list the routes", type: RTM_GETROUTE) {
            $0.append(UInt64(0))  // struct rtmsg: any family, any table.
            $0.append(UInt32(0))
        }.compactMap(Self.route)
    }
}

// Fixed parts of the messages, rtnetlink(7).
extension Netlink {
    private static var up: UInt32 { UInt32(IFF_UP) }

    /// `struct ifinfomsg`.
    private static func appendLinkHeader(
        _ request: inout NetlinkRequest,
        index: Int32,
        flags: UInt32 = 0,
        mask: UInt32 = 0
    ) {
        request.append(UInt32(0))  // Family, padding, device type.
        request.append(index)
        request.append(flags)
        request.append(mask)
    }

    /// `struct ifaddrmsg` and the address itself.
    private static func appendAddress(
        _ request: inout NetlinkRequest,
        _ interface: Int32,
        _ address: [UInt8],
        _ prefixLength: Int
    ) {
        request.append(family(address))
        request.append(UInt8(clamping: prefixLength))
        request.append(UInt8(0))
        request.append(UInt8(truncatingIfNeeded: RT_SCOPE_UNIVERSE.rawValue))
        request.append(interface)
        request.attribute(Int(IFA_LOCAL), address)
        request.attribute(Int(IFA_ADDRESS), address)
    }

    /// `struct rtmsg`.
    private static func appendRouteHeader(
        _ request: inout NetlinkRequest,
        isVersion6: Bool,
        prefixLength: Int,
        hasGateway: Bool,
        isOnLink: Bool
    ) {
        let scope = hasGateway || isVersion6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK
        request.append(UInt8(isVersion6 ? AF_INET6 : AF_INET))
        request.append(UInt8(clamping: prefixLength))
        request.append(UInt16(0))  // Source prefix length, type of service.
        request.append(UInt8(truncatingIfNeeded: RT_TABLE_MAIN.rawValue))
        request.append(UInt8(RTPROT_STATIC))
        request.append(UInt8(truncatingIfNeeded: scope.rawValue))
        request.append(UInt8(RTN_UNICAST))
        request.append(UInt32(isOnLink ? RTNH_F_ONLINK : 0))
    }

    private static func family(_ address: [UInt8]) -> UInt8 { UInt8(address.count == 16 ? AF_INET6 : AF_INET) }

    private static func link(_ message: NetlinkMessage) -> Link? {
        guard message.type == RTM_NEWLINK, let index = message.payload.integer(at: 4, byteCount: 4),
            let flags = message.payload.integer(at: 8, byteCount: 4)
        else { return nil }
        var name = ""
        var address: [UInt8] = []
        var mtu = 0
        for attribute in message.attributes(from: 16) {
            switch attribute.type {
            case Int(IFLA_IFNAME): name = attribute.payload.text
            case Int(IFLA_ADDRESS): address = Array(attribute.payload)
            case Int(IFLA_MTU): mtu = Int(attribute.payload.integer(at: 0, byteCount: 4) ?? 0)
            default: break
            }
        }
        return Link(
            index: Int32(truncatingIfNeeded: index),
            name: name,
            address: address,
            mtu: mtu,
            isUp: flags & UInt64(up) != 0,
            hasCarrier: flags & 0x10000 != 0
        )  // IFF_LOWER_UP, hidden by net/if.h.
    }

    private static func address(_ message: NetlinkMessage) -> Address? {
        guard message.type == RTM_NEWADDR, let prefixLength = message.payload.integer(at: 1, byteCount: 1),
            var flags = message.payload.integer(at: 2, byteCount: 1),
            let scope = message.payload.integer(at: 3, byteCount: 1),
            let interface = message.payload.integer(at: 4, byteCount: 4)
        else { return nil }
        var peer: [UInt8]?
        var local: [UInt8]?
        for attribute in message.attributes(from: 8) {
            switch attribute.type {
            case Int(IFA_ADDRESS): peer = Array(attribute.payload)
            case Int(IFA_LOCAL): local = Array(attribute.payload)
            case Int(IFA_FLAGS): flags = attribute.payload.integer(at: 0, byteCount: 4) ?? flags
            default: break
            }
        }
        guard let bytes = local ?? peer else { return nil }
        return Address(
            interface: Int32(truncatingIfNeeded: interface),
            bytes: bytes,
            prefixLength: Int(prefixLength),
            isGlobal: scope == UInt64(RT_SCOPE_UNIVERSE.rawValue),
            isTentative: flags & UInt64(IFA_F_TENTATIVE | IFA_F_DADFAILED) != 0
        )
    }

    private static func route(_ message: NetlinkMessage) -> Route? {
        guard message.type == RTM_NEWROUTE, let prefixLength = message.payload.integer(at: 1, byteCount: 1),
            message.payload.integer(at: 4, byteCount: 1) == UInt64(RT_TABLE_MAIN.rawValue)
        else { return nil }
        var destination: [UInt8]?
        var gateway: [UInt8]?
        var interface: UInt64 = 0
        for attribute in message.attributes(from: 12) {
            switch attribute.type {
            case Int(RTA_DST.rawValue): destination = Array(attribute.payload)
            case Int(RTA_GATEWAY.rawValue): gateway = Array(attribute.payload)
            case Int(RTA_OIF.rawValue): interface = attribute.payload.integer(at: 0, byteCount: 4) ?? 0
            default: break
            }
        }
        return Route(
            destination: destination,
            prefixLength: Int(prefixLength),
            gateway: gateway,
            interface: Int32(truncatingIfNeeded: interface)
        )
    }
}
