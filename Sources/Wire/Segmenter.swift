// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// Theory of Operation
//
// A super-frame is one Ethernet frame with up to 64 KiB of TCP or UDP payload and headers as if that were one segment.
// Ports that can take it get it intact. For every other port the segmenter makes the frames that a network card would:
//
//      super-frame   | Ethernet, tags | IP | TCP | payload 0 | payload 1 | payload 2 |
//      segments      | Ethernet, tags | IP'| TCP'| payload 0 |
//                    | Ethernet, tags | IP'| TCP'| payload 1 |
//                    | Ethernet, tags | IP'| TCP'| payload 2 |
//
// What changes between segments (RFC 9293, Linux `tcp_gso_segment`, `__udp_gso_segment`):
//   - lengths in the IP and UDP headers,
//   - IPv4 identification, one more for each segment,
//   - TCP sequence number; FIN and PSH stay on the last segment only, CWR on the first only,
//   - checksums.
//
// The parts of the checksums that are the same for all segments are summed once, when the segmenter is made. For each
// segment only the changing words are added, and the payload is summed while it is copied. The sender left the
// pseudo-header's sum in the checksum field; everything is summed afresh, so that the field's old value does not matter.
//
// The value holds numbers only. It neither allocates nor keeps the frame; segments may be made in any order.

/// Cuts one super-frame into the segments that a network card would send.
@frozen
public struct Segmenter: Sendable {
    /// Segments that the super-frame becomes, at least 1.
    public let segmentCount: Int
    /// Payload bytes of every segment but the last, which may have fewer.
    public let segmentPayloadByteCount: Int
    /// Bytes of all headers, which every segment repeats.
    public let headerByteCount: Int

    /// Where the IP header begins.
    @usableFromInline let networkOffset: Int
    /// Where the TCP or UDP header begins.
    @usableFromInline let transportOffset: Int
    /// Where the payload ends; what the frame has behind is padding.
    @usableFromInline let payloadEnd: Int
    @usableFromInline let isIPv6: Bool
    @usableFromInline let isTCP: Bool
    /// TCP flags of the super-frame.
    @usableFromInline let flags: UInt8
    /// IPv4 identification of the first segment.
    @usableFromInline let identification: UInt16
    /// TCP sequence number of the first segment.
    @usableFromInline let sequence: UInt32
    /// Sum of the IPv4 header without total length, identification and checksum.
    @usableFromInline let networkSum: UInt64
    /// Sum of pseudo-header and transport header without lengths, sequence number, flags and checksum.
    @usableFromInline let transportSum: UInt64

    /// The length of the longest segment: what a buffer for segments must hold.
    @inlinable
    public var maximumSegmentByteCount: Int {
        headerByteCount &+ min(segmentPayloadByteCount, payloadEnd &- headerByteCount)
    }

    /// Reads the headers of a super-frame: Ethernet with up to two VLAN tags, IPv4 or IPv6, TCP or UDP.
    ///
    /// - Parameters:
    ///   - header: the header that came with the frame; it need not be validated before.
    ///   - frame: the frame without that header.
    /// - Returns: nil if this is no super-frame, or if it contradicts itself: the frame is malformed then.
    @inlinable
    public init?(header: VirtioNetHeader, frame: Span<UInt8>) {
        guard header.isSuperFrame, header.validate(frame: frame), let ethernet = EthernetFrame(frame) else {
            return nil
        }
        let isTCP = header.gsoType.kind != .udpL4
        let offset = ethernet.payloadOffset
        guard let network = SuperFrameNetworkLayer(ethernet.type, frame, at: offset),
            network.protocolNumber == (isTCP ? IPProtocol.tcp : IPProtocol.udp)
        else { return nil }
        switch header.gsoType.kind {
        case .tcpv4: guard !network.isIPv6 else { return nil }
        case .tcpv6: guard network.isIPv6 else { return nil }
        default: break
        }
        let transportOffset = network.transportOffset
        let transportByteCount = network.end &- transportOffset
        guard Int(header.checksumStart) == transportOffset,
            Int(header.checksumOffset) == (isTCP ? TCPHeader.checksumOffset : UDPHeader.checksumOffset)
        else { return nil }

        var transportSum = network.pseudoHeaderSum
        if isTCP {
            guard let tcp = TCPHeader.parse(frame, at: transportOffset, segmentByteCount: transportByteCount) else {
                return nil
            }
            headerByteCount = transportOffset &+ tcp.headerByteCount
            flags = tcp.flags.rawValue
            sequence = tcp.sequence
            // Ports, acknowledgement, header length, window, urgent pointer and options.
            transportSum &+= InternetChecksum.partialSum(frame, from: transportOffset, to: transportOffset &+ 4)
            transportSum &+= InternetChecksum.partialSum(frame, from: transportOffset &+ 8, to: transportOffset &+ 12)
            transportSum &+= UInt64(frame[transportOffset &+ 12]) << 8
            transportSum &+= UInt64(frame.readUInt16(at: transportOffset &+ 14))
            transportSum &+= InternetChecksum.partialSum(frame, from: transportOffset &+ 18, to: headerByteCount)
        } else {
            guard transportByteCount >= UDPHeader.byteCount else { return nil }
            headerByteCount = transportOffset &+ UDPHeader.byteCount
            flags = 0
            sequence = 0
            transportSum &+= InternetChecksum.partialSum(frame, from: transportOffset, to: transportOffset &+ 4)
        }
        // How many segments that become is bounded: `validate` has counted those of everything behind the shortest header.
        let payloadByteCount = network.end &- headerByteCount
        segmentPayloadByteCount = Int(header.gsoSize)
        segmentCount = max(1, (payloadByteCount &+ segmentPayloadByteCount &- 1) / segmentPayloadByteCount)
        // Every segment's length must be one that its own header can say.
        let longestPacket = headerByteCount &- offset &+ min(segmentPayloadByteCount, payloadByteCount)
        guard longestPacket &- (network.isIPv6 ? IPv6Header.byteCount : 0) <= WireTunables.maximumPacketByteCount else {
            return nil
        }
        self.isTCP = isTCP
        self.transportSum = transportSum
        self.transportOffset = transportOffset
        networkOffset = offset
        payloadEnd = network.end
        isIPv6 = network.isIPv6
        identification = network.identification
        networkSum = network.headerSum
    }
}

/// The IP header of a super-frame, as far as segmentation needs it.
@frozen
@usableFromInline
struct SuperFrameNetworkLayer {
    @usableFromInline var isIPv6: Bool
    @usableFromInline var protocolNumber: UInt8
    @usableFromInline var transportOffset: Int
    /// Where the packet ends.
    @usableFromInline var end: Int
    @usableFromInline var identification: UInt16 = 0
    /// Sum of the IPv4 header without total length, identification and checksum; 0 for IPv6.
    @usableFromInline var headerSum: UInt64 = 0
    /// Sum of the pseudo-header without the length.
    @usableFromInline var pseudoHeaderSum: UInt64

    /// Reads the header at `offset`, or nil if it is malformed, unknown or a fragment's.
    @inlinable
    init?(_ type: EtherType, _ frame: Span<UInt8>, at offset: Int) {
        let available = frame.count &- offset
        if type == .ipv4 {
            guard available >= IPv4Header.byteCount else { return nil }
            let headerByteCount = Int(frame[offset] & 0x0f) &* 4
            // Some stacks leave the length to the card, as what they hand over may be longer than it can say.
            let written = Int(frame.readUInt16(at: offset &+ 2))
            let total = written == 0 ? available : written
            guard frame[offset] >> 4 == 4, headerByteCount >= IPv4Header.byteCount, headerByteCount <= total,
                total <= available, frame.readUInt16(at: offset &+ 6) & 0x3fff == 0
            else { return nil }
            isIPv6 = false
            protocolNumber = frame[offset &+ 9]
            transportOffset = offset &+ headerByteCount
            end = offset &+ total
            identification = frame.readUInt16(at: offset &+ 4)
            headerSum =
                UInt64(frame.readUInt16(at: offset))
                &+ InternetChecksum.partialSum(frame, from: offset &+ 6, to: offset &+ 10)
                &+ InternetChecksum.partialSum(frame, from: offset &+ 12, to: transportOffset)
            pseudoHeaderSum = InternetChecksum.pseudoHeader(
                source: IPv4Address(frame, at: offset &+ 12),
                destination: IPv4Address(frame, at: offset &+ 16),
                protocolNumber: protocolNumber,
                byteCount: 0
            )
        } else if type == .ipv6 {
            guard var header = IPv6Header.parse(frame, at: offset) else { return nil }
            if header.payloadByteCount == 0 { header.payloadByteCount = available &- IPv6Header.byteCount }
            guard let upper = header.upperLayer(frame, at: offset), !upper.isFragment else { return nil }
            isIPv6 = true
            protocolNumber = upper.protocolNumber
            transportOffset = upper.offset
            end = upper.offset &+ upper.byteCount
            if upper.offset > offset &+ IPv6Header.byteCount,
                let last = Self.finalDestination(header, frame, from: offset &+ IPv6Header.byteCount, to: upper.offset)
            {
                header.destination = last
            }
            pseudoHeaderSum = header.pseudoHeaderSum(protocolNumber: upper.protocolNumber, byteCount: 0)
        } else {
            return nil
        }
    }

    /// Where a packet with a routing header goes in the end, which is what its pseudo-header has (RFC 8200 section 8.1): nil
    /// without one, or when the packet has arrived there. The extension headers were found whole before.
    @inlinable
    static func finalDestination(
        _ header: IPv6Header,
        _ frame: Span<UInt8>,
        from start: Int,
        to end: Int
    ) -> IPv6Address? {
        var number = header.nextHeader
        var position = start
        while position < end {
            let length = (Int(truncatingIfNeeded: frame[position &+ 1]) &+ 1) &* 8
            if number == IPProtocol.routing, frame[position &+ 3] > 0, length >= 8 &+ 16 {
                switch frame[position &+ 2] {
                // Mobile IPv6 (RFC 6275), the one address; segment routing (RFC 8754), whose list begins with the last.
                case 2, 4: return IPv6Address(frame, at: position &+ 8)
                // The list of RFC 2460.
                case 0: return IPv6Address(frame, at: position &+ length &- 16)
                default: return nil
                }
            }
            number = frame[position]
            position &+= length
        }
        return nil
    }
}
