// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// ICMP messages that tell a sender why its datagram was not delivered (RFC 792, RFC 1122 section 3.2.2, RFC 1812
/// section 4.3), as IPv4 packets.
@frozen
public struct ICMPError: Hashable, Sendable {
    /// 3 for "unreachable", 11 for "time exceeded".
    public var type: UInt8
    /// Why, within the type.
    public var code: UInt8
    /// The four bytes behind the checksum; the next hop's MTU in the low half of "fragmentation needed" (RFC 1191).
    public var restOfHeader: UInt32

    /// An error of any type and code.
    @inlinable
    public init(type: UInt8, code: UInt8, restOfHeader: UInt32 = 0) {
        self.type = type
        self.code = code
        self.restOfHeader = restOfHeader
    }

    /// There is no way to the network.
    public static let networkUnreachable = ICMPError(type: 3, code: 0)
    /// The host does not answer.
    public static let hostUnreachable = ICMPError(type: 3, code: 1)
    /// The host does not speak the protocol.
    public static let protocolUnreachable = ICMPError(type: 3, code: 2)
    /// Nobody listens at the port.
    public static let portUnreachable = ICMPError(type: 3, code: 3)
    /// The network is forbidden (RFC 1122).
    public static let networkProhibited = ICMPError(type: 3, code: 9)
    /// A policy forbids it (RFC 1812).
    public static let administrativelyProhibited = ICMPError(type: 3, code: 13)
    /// The time to live ran out on the way.
    public static let timeToLiveExceeded = ICMPError(type: 11, code: 0)
    /// Fragments did not all arrive in time.
    public static let reassemblyTimeExceeded = ICMPError(type: 11, code: 1)

    /// The datagram is longer than the next link takes and must not be fragmented (RFC 1191).
    @inlinable
    public static func fragmentationNeeded(nextHopMTU: UInt16) -> ICMPError {
        ICMPError(type: 3, code: 4, restOfHeader: UInt32(nextHopMTU))
    }

    /// Whether an error about the packet at `offset` may be sent at all (RFC 1122 section 3.2.2): not about ICMP
    /// errors, groups, broadcasts, later fragments, or a source that is not one host.
    ///
    /// Whether the frame was a link-layer broadcast, and whether the destination is the link's own broadcast address,
    /// is for the caller to know.
    public static func mayReport(_ packet: Span<UInt8>, at offset: Int) -> Bool {
        guard let header = IPv4Header.parse(packet, at: offset, verifyChecksum: false),
            header.fragmentOffset == 0, !header.destination.isMulticast, !header.destination.isBroadcast,
            !header.source.isMulticast, !header.source.isBroadcast, !header.source.isUnspecified,
            !header.source.isLoopback
        else { return false }
        guard header.protocolNumber == IPProtocol.icmp else { return true }
        guard header.payloadByteCount > 0 else { return false }
        return !ICMPMessage.isError(type: packet[offset &+ header.headerByteCount])
    }

    /// Writes an IPv4 packet at `offset` that reports this error to the sender of the packet at `quotedOffset`.
    ///
    /// The original header and as much data as fits is quoted (RFC 1812 section 4.3.2.3): never more than was
    /// received, and so that the whole packet has at most 576 bytes.
    ///
    /// - Parameters:
    ///   - source: who reports, normally an address of the gateway.
    ///   - quoted: bytes that hold the undelivered packet; what is behind the packet's end is not quoted.
    /// - Returns: bytes written, or nil, with nothing written, if the quoted packet is malformed, must not be
    ///   reported, or the result does not fit.
    public func emit(
        source: IPv4Address,
        quoting quoted: Span<UInt8>,
        at quotedOffset: Int,
        into span: inout MutableSpan<UInt8>,
        at offset: Int,
        identification: UInt16 = 0
    ) -> Int? {
        guard ICMPError.mayReport(quoted, at: quotedOffset),
            let original = IPv4Header.parse(quoted, at: quotedOffset, verifyChecksum: false)
        else { return nil }
        let overhead = IPv4Header.byteCount &+ ICMPMessage.byteCount
        let quotedByteCount = min(original.totalByteCount, WireTunables.maximumICMPErrorByteCount &- overhead)
        let total = overhead &+ quotedByteCount
        guard span.hasRoom(total, at: offset) else { return nil }
        // RFC 1812 section 4.3.2.5: errors go with precedence 6 (internetwork control).
        let header = IPv4Header(
            source: source,
            destination: original.source,
            protocolNumber: IPProtocol.icmp,
            totalByteCount: total,
            identification: identification,
            typeOfService: 0xc0
        )
        header.emit(into: &span, at: offset)
        span.store(quoted, quotedOffset..<(quotedOffset &+ quotedByteCount), at: offset &+ overhead)
        ICMPMessage(type: type, code: code, restOfHeader: restOfHeader).emit(
            into: &span,
            at: offset &+ IPv4Header.byteCount,
            messageByteCount: total &- IPv4Header.byteCount
        )
        return total
    }
}
