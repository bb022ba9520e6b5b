// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

extension Netlink {
    /// Makes a bridge of the kernel's own, without a spanning tree.
    public mutating func addBridge(_ name: String) throws(NetlinkError) {
        let information = Self.nested(UInt16(IFLA_INFO_KIND), Array("bridge".utf8))
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
