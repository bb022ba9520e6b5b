// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

extension Netlink {
    /// How the macvtap devices of one interface see each other (kernel: include/uapi/linux/if_link.h, MACVLAN_MODE_*).
    public enum MacvtapMode: UInt32, Sendable {
        case `private` = 1
        case vepa = 2
        case bridge = 4
        case passthru = 8

        public init?(_ name: String) {
            switch name {
            case "private": self = .private
            case "vepa": self = .vepa
            case "bridge": self = .bridge
            case "passthru": self = .passthru
            default: return nil
            }
        }
    }

    /// Makes a macvtap device on an interface.
    public mutating func addMacvtap(_ name: String, on interface: Int32, mode: MacvtapMode) throws(NetlinkError) {
        let data = Self.nested(
            UInt16(IFLA_MACVLAN_MODE),
            (0..<4).map { UInt8(truncatingIfNeeded: mode.rawValue >> (8 * $0)) }
        )
        let information =
            Self.nested(UInt16(IFLA_INFO_KIND), Array("macvtap".utf8)) + Self.nested(UInt16(IFLA_INFO_DATA), data)
        // Its file is /dev/tap and this number, for all network namespaces of the machine: one that no other is likely to have.
        let index = Int32(truncatingIfNeeded: 1 << 20 | CurrentProcess.random() & 0xf_ffff)
        let flags = Int(NLM_F_CREATE) | Int(NLM_F_EXCL)
        try change("make macvtap \"\(name)\"", type: Int(RTM_NEWLINK), flags: flags) {
            Self.appendHeader(&$0, index: index)
            $0.attribute(Int(IFLA_IFNAME), text: name)
            $0.attribute(Int(IFLA_LINK), UInt32(bitPattern: interface))
            $0.attribute(Int(IFLA_LINKINFO), information)
        }
    }

    /// Removes an interface.
    public mutating func removeLink(_ interface: Int32) throws(NetlinkError) {
        try change("remove interface \(interface)", type: Int(RTM_DELLINK)) {
            Self.appendHeader(&$0, index: interface)
        }
    }

    /// `struct ifinfomsg`.
    static func appendHeader(_ request: inout NetlinkRequest, index: Int32) {
        request.append(UInt32(0))
        request.append(index)
        request.append(UInt32(0))
        request.append(UInt32(0))
    }

    /// An attribute within an attribute, padded to four bytes.
    static func nested(_ type: UInt16, _ payload: [UInt8]) -> [UInt8] {
        let size = UInt16(payload.count + 4)
        let bytes =
            [
                UInt8(truncatingIfNeeded: size), UInt8(truncatingIfNeeded: size >> 8),
                UInt8(truncatingIfNeeded: type), UInt8(truncatingIfNeeded: type >> 8),
            ] + payload
        return bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
    }
}
