// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Limits of this module, with units and reasons. They bound work on hostile input; none is a setting of users.
public enum WireTunables {
    /// Payload of the largest IP packet, in bytes: its length field has 16 bits (RFC 791, RFC 8200).
    public static let maximumPacketByteCount = 65_535

    /// The largest frame, in bytes: an IPv6 packet with 65,535 bytes of payload behind its 40-byte header, an Ethernet
    /// header and two VLAN tags. IPv4 super-frames end 40 bytes earlier.
    public static let maximumFrameByteCount =
        Ethernet.headerByteCount + Ethernet.maximumTagCount * Ethernet.vlanTagByteCount + IPv6Header.byteCount
        + maximumPacketByteCount

    /// The largest frame with a virtio-net header before it, in bytes; a buffer of this size receives anything.
    public static let maximumBufferByteCount = VirtioNetHeader.byteCount + maximumFrameByteCount

    /// IPv6 extension headers that are looked behind. RFC 8200 section 4.1 names seven at most, each once but for
    /// destination options.
    public static let maximumExtensionHeaderCount = 7

    /// Bits by which a TCP window may be shifted (RFC 7323 section 2.3: larger values are used as 14).
    public static let maximumWindowScale: UInt8 = 14

    /// Bytes of an ICMP error with its IPv4 header (RFC 1812 section 4.3.2.3).
    public static let maximumICMPErrorByteCount = 576

    /// Smallest BOOTP message, in bytes: older clients and relays drop shorter ones (RFC 1542 section 2.1).
    public static let minimumBOOTPByteCount = 300

    /// Bytes that every DHCP client must accept (RFC 2131 section 2).
    public static let minimumDHCPLimit = 576

    /// Bytes of a DNS name with length octets (RFC 1035 section 2.3.4).
    public static let maximumDNSNameByteCount = 255

    /// Bytes of a DNS label (RFC 1035 section 2.3.4).
    public static let maximumDNSLabelByteCount = 63

    /// Payload bytes of the smallest TCP segment that a super-frame may ask for: Linux never goes below
    /// (`TCP_MIN_GSO_SIZE`).
    public static let minimumTCPSegmentByteCount = 8

    /// Segments that one TCP super-frame may become. Linux sets no limit of its own but the size: 64 KiB are 46 segments at an
    /// MTU of 1500, 132 at 576, and 304 at 296 with all 40 bytes of options, the smallest MTU that anybody is known to use. Who
    /// has a smaller one still gets through what fits his window. More is hostile: with segments of 8 bytes one frame would
    /// become 8,000 for each port that takes no super-frames.
    public static let maximumTCPSegmentCount = 512

    /// Datagrams that one UDP super-frame may become (Linux `UDP_MAX_SEGMENTS`).
    public static let maximumUDPSegmentCount = 128
}
