// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

extension Netlink {
    /// Makes a bridge of the kernel's own, as transparent as it can be: without a spanning tree, without a look into multicast,
    /// and with all reserved addresses let through that the kernel lets be let through (not spanning tree, pause, LACP).
    public mutating func addBridge(_ name: String) throws(NetlinkError) {
        // IFLA_BR_GROUP_FWD_MASK (9) and IFLA_BR_MCAST_SNOOPING (23) of include/uapi/linux/if_link.h.
        let settings = Self.nested(9, [0xf8, 0xff]) + Self.nested(23, [0])
        let information =
            Self.nested(UInt16(IFLA_INFO_KIND), Array("bridge".utf8))
            + Self.nested(UInt16(IFLA_INFO_DATA), settings)
        try change("make bridge \"\(name)\"", type: Int(RTM_NEWLINK), flags: Int(NLM_F_CREATE) | Int(NLM_F_EXCL)) {
            Self.appendHeader(&$0, index: 0)
            $0.attribute(Int(IFLA_IFNAME), text: name)
            $0.attribute(Int(IFLA_LINKINFO), information)
        }
    }

    /// Makes a pair of interfaces, each of which is the other's cable: `name` here, `peer` in another network namespace.
    ///
    /// - Parameters:
    ///   - address: link-layer address of the peer.
    ///   - namespace: a descriptor of the other namespace.
    public mutating func addPair(
        _ name: String,
        peer: String,
        address: [UInt8],
        mtu: Int?,
        namespace: Int32
    ) throws(NetlinkError) {
        func bytes(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        // VETH_INFO_PEER (1) holds a whole `struct ifinfomsg` and attributes (kernel: include/uapi/linux/veth.h).
        var other = [UInt8](repeating: 0, count: 16)
        other += Self.nested(UInt16(IFLA_IFNAME), Array(peer.utf8) + [0])
        other += Self.nested(UInt16(IFLA_ADDRESS), address)
        other += Self.nested(UInt16(IFLA_NET_NS_FD), bytes(UInt32(bitPattern: namespace)))
        if let mtu { other += Self.nested(UInt16(IFLA_MTU), bytes(UInt32(clamping: mtu))) }
        let information =
            Self.nested(UInt16(IFLA_INFO_KIND), Array("veth".utf8))
            + Self.nested(UInt16(IFLA_INFO_DATA), Self.nested(1, other))
        let flags = Int(NLM_F_CREATE) | Int(NLM_F_EXCL)
        try change("make the pair \"\(name)\"", type: Int(RTM_NEWLINK), flags: flags) {
            Self.appendHeader(&$0, index: 0)
            $0.attribute(Int(IFLA_IFNAME), text: name)
            if let mtu { $0.attribute(Int(IFLA_MTU), UInt32(clamping: mtu)) }
            $0.attribute(Int(IFLA_LINKINFO), information)
        }
    }

    /// Keeps the kernel from giving an interface an IPv6 address, and so from speaking there: it is somebody's cable.
    public mutating func setQuiet(_ interface: Int32) throws(NetlinkError) {
        // IFLA_INET6_ADDR_GEN_MODE (8): IN6_ADDR_GEN_MODE_NONE (1).
        let list = Self.nested(UInt16(AF_INET6), Self.nested(8, [1]))
        try change("keep interface \(interface) quiet", type: Int(RTM_NEWLINK)) {
            Self.appendHeader(&$0, index: interface)
            $0.attribute(Int(IFLA_AF_SPEC), list)
        }
    }

    /// Whether there is a bridge of the kernel's of this name.
    public mutating func isBridge(_ name: String) throws(NetlinkError) -> Bool {
        let links = try dump("list the bridges", type: Int(RTM_GETLINK)) {
            Self.appendHeader(&$0, index: 0)
            // The kernel lists only those of the kind; an older one lists all.
            $0.attribute(Int(IFLA_LINKINFO), Self.nested(UInt16(IFLA_INFO_KIND), Array("bridge".utf8)))
        }
        return links.contains { message in
            let attributes = message.attributes(from: 16)
            guard attributes.first(where: { $0.type == Int(IFLA_IFNAME) })?.payload.text == name,
                let information = attributes.first(where: { $0.type == Int(IFLA_LINKINFO) })?.payload
            else { return false }
            return NetlinkMessage(type: 0, flags: 0, sequence: 0, payload: information).attributes(from: 0)
                .contains { $0.type == Int(IFLA_INFO_KIND) && $0.payload.text == "bridge" }
        }
    }

    /// Interfaces that are on a bridge.
    public mutating func members(ofBridge bridge: Int32) throws(NetlinkError) -> Int {
        let links = try dump("list the interfaces", type: Int(RTM_GETLINK)) { Self.appendHeader(&$0, index: 0) }
        return links.count { message in
            let master = message.attributes(from: 16).first { $0.type == Int(IFLA_MASTER) }
            return master?.payload.integer(at: 0, byteCount: 4) == UInt64(UInt32(bitPattern: bridge))
        }
    }

    /// Puts an interface on a bridge.
    public mutating func setBridge(_ interface: Int32, _ bridge: Int32) throws(NetlinkError) {
        try change("put interface \(interface) on bridge \(bridge)", type: Int(RTM_NEWLINK)) {
            Self.appendHeader(&$0, index: interface)
            $0.attribute(Int(IFLA_MASTER), UInt32(bitPattern: bridge))
        }
    }

    /// Gives an interface another name, beside its own, of up to 127 bytes; Linux 5.5.
    public mutating func addAlternativeName(_ interface: Int32, _ name: String) throws(NetlinkError) {
        let list = Self.nested(UInt16(IFLA_ALT_IFNAME), Array(name.utf8) + [0])
        try change(
            "name interface \(interface) \"\(name)\"",
            type: Int(RTM_NEWLINKPROP),
            flags: Int(NLM_F_CREATE) | Int(NLM_F_EXCL)
        ) {
            Self.appendHeader(&$0, index: interface)
            $0.attribute(Int(IFLA_PROP_LIST) | Int(NLA_F_NESTED), list)
        }
    }

    /// Takes a route away.
    public mutating func removeRoute(
        to destination: [UInt8]?,
        prefixLength: Int,
        isVersion6: Bool,
        via gateway: [UInt8]?,
        interface: Int32?
    ) throws(NetlinkError) {
        try change("remove a route", type: Int(RTM_DELROUTE)) {
            $0.append(UInt8(isVersion6 ? AF_INET6 : AF_INET))
            $0.append(UInt8(clamping: prefixLength))
            $0.append(UInt16(0))
            $0.append(UInt8(truncatingIfNeeded: RT_TABLE_MAIN.rawValue))
            $0.append(UInt8(0))
            // Any scope, any type: RT_SCOPE_NOWHERE matches all.
            $0.append(UInt8(truncatingIfNeeded: RT_SCOPE_NOWHERE.rawValue))
            $0.append(UInt8(0))
            $0.append(UInt32(0))
            if let destination { $0.attribute(Int(RTA_DST.rawValue), destination) }
            if let gateway { $0.attribute(Int(RTA_GATEWAY.rawValue), gateway) }
            if let interface { $0.attribute(Int(RTA_OIF.rawValue), UInt32(bitPattern: interface)) }
        }
    }
}
