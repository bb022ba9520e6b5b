// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The protocol of an Ethernet frame's payload (IEEE 802.3 clause 3.2.6; numbers registered with IEEE).
@frozen
public struct EtherType: RawRepresentable, Hashable, Sendable {
    /// The number as on the wire, in host order.
    public let rawValue: UInt16

    /// Any number is a type, known here or not. Values up to 1500 are an IEEE 802.3 length instead.
    @inlinable @inline(__always)
    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// Internet Protocol version 4.
    public static let ipv4 = EtherType(rawValue: 0x0800)
    /// Address Resolution Protocol.
    public static let arp = EtherType(rawValue: 0x0806)
    /// Reverse ARP; some hypervisors announce a guest's move with it.
    public static let reverseARP = EtherType(rawValue: 0x8035)
    /// Internet Protocol version 6.
    public static let ipv6 = EtherType(rawValue: 0x86dd)
    /// Customer VLAN tag (IEEE 802.1Q, C-TAG).
    public static let vlan = EtherType(rawValue: 0x8100)
    /// Service VLAN tag (IEEE 802.1Q, S-TAG; formerly 802.1ad).
    public static let serviceVLAN = EtherType(rawValue: 0x88a8)
    /// Link Layer Discovery Protocol.
    public static let lldp = EtherType(rawValue: 0x88cc)

    /// Whether this type announces a VLAN tag.
    @inlinable @inline(__always)
    public var isVLANTag: Bool { rawValue == 0x8100 || rawValue == 0x88a8 }

    /// Whether the number is a length (IEEE 802.3 clause 3.2.6): an LLC frame such as spanning tree's.
    @inlinable @inline(__always)
    public var isLength: Bool { rawValue <= 1500 }
}

extension EtherType: CustomStringConvertible {
    /// The number in hexadecimal, as `0x0800`.
    public var description: String {
        "0x" + twoHexadecimalDigits(UInt8(rawValue >> 8)) + twoHexadecimalDigits(UInt8(rawValue & 0xff))
    }
}
