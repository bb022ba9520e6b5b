// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Protocol numbers of the IPv4 header and next-header numbers of IPv6 (IANA registry "Protocol Numbers").
public enum IPProtocol {
    /// IPv6 hop-by-hop options (RFC 8200 section 4.3).
    public static let hopByHop: UInt8 = 0
    /// Internet Control Message Protocol (RFC 792).
    public static let icmp: UInt8 = 1
    /// Internet Group Management Protocol (RFC 3376).
    public static let igmp: UInt8 = 2
    /// Transmission Control Protocol (RFC 9293).
    public static let tcp: UInt8 = 6
    /// User Datagram Protocol (RFC 768).
    public static let udp: UInt8 = 17
    /// IPv6 routing header (RFC 8200 section 4.4).
    public static let routing: UInt8 = 43
    /// IPv6 fragment header (RFC 8200 section 4.5).
    public static let fragment: UInt8 = 44
    /// Internet Control Message Protocol for IPv6 (RFC 4443).
    public static let icmpv6: UInt8 = 58
    /// Nothing follows (RFC 8200 section 4.7).
    public static let noNextHeader: UInt8 = 59
    /// IPv6 destination options (RFC 8200 section 4.6).
    public static let destinationOptions: UInt8 = 60
}
