// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The fixed header of an IPv6 packet (RFC 8200 section 3) as a value.
@frozen
public struct IPv6Header: Hashable, Sendable {
    /// Who sent the packet.
    public var source: IPv6Address
    /// Who shall receive it.
    public var destination: IPv6Address
    /// What follows directly: an extension header or the upper layer; see `IPProtocol`.
    public var nextHeader: UInt8
    /// Everything behind the fixed header, 0 to 65,535 bytes.
    public var payloadByteCount: Int
    /// Routers that the packet may still pass.
    public var hopLimit: UInt8
    /// Differentiated services and congestion notification (RFC 2474, RFC 3168).
    public var trafficClass: UInt8
    /// 20 bits (RFC 6437).
    public var flowLabel: UInt32

    /// Bytes of the fixed header.
    public static let byteCount = 40

    /// A header of these fields.
    @inlinable
    public init(
        source: IPv6Address,
        destination: IPv6Address,
        nextHeader: UInt8,
        payloadByteCount: Int,
        hopLimit: UInt8 = 64,
        trafficClass: UInt8 = 0,
        flowLabel: UInt32 = 0
    ) {
        self.source = source
        self.destination = destination
        self.nextHeader = nextHeader
        self.payloadByteCount = payloadByteCount
        self.hopLimit = hopLimit
        self.trafficClass = trafficClass
        self.flowLabel = flowLabel
    }

    /// Reads the fixed header at `offset` and checks version and payload length.
    ///
    /// - Parameter availableByteCount: bytes from `offset` that belong to the packet; without it all that the span has.
    /// - Returns: nil for a malformed packet. Jumbograms (RFC 2675) count as malformed: their length of 0 makes
    ///   them packets without payload.
    @inlinable
    public static func parse(_ span: Span<UInt8>, at offset: Int, availableByteCount: Int? = nil) -> IPv6Header? {
        guard span.hasBytes(byteCount, at: offset) else { return nil }
        let room = span.count &- offset
        let available = if let availableByteCount { min(availableByteCount, room) } else { room }
        let first = span.readUInt32(at: offset)
        let payloadByteCount = Int(truncatingIfNeeded: span.readUInt16(at: offset &+ 4))
        guard first >> 28 == 6, byteCount &+ payloadByteCount <= available else { return nil }
        return IPv6Header(
            source: IPv6Address(span, at: offset &+ 8),
            destination: IPv6Address(span, at: offset &+ 24),
            nextHeader: span[offset &+ 6],
            payloadByteCount: payloadByteCount,
            hopLimit: span[offset &+ 7],
            trafficClass: UInt8(truncatingIfNeeded: first >> 20),
            flowLabel: first & 0xf_ffff
        )
    }

    /// Writes the fixed header at `offset` and returns its length, or nil if it does not fit or the payload is longer
    /// than its field can say.
    @inlinable
    @discardableResult
    public func emit(into span: inout MutableSpan<UInt8>, at offset: Int) -> Int? {
        guard span.hasRoom(IPv6Header.byteCount, at: offset), payloadByteCount >= 0, payloadByteCount <= 0xffff
        else { return nil }
        let first = 6 << 28 | UInt32(truncatingIfNeeded: trafficClass) << 20 | flowLabel & 0xf_ffff
        span.storeUInt32(first, at: offset)
        span.storeUInt16(UInt16(truncatingIfNeeded: payloadByteCount), at: offset &+ 4)
        span[offset &+ 6] = nextHeader
        span[offset &+ 7] = hopLimit
        source.store(to: &span, at: offset &+ 8)
        destination.store(to: &span, at: offset &+ 24)
        return IPv6Header.byteCount
    }

    /// Fixed header and payload.
    @inlinable @inline(__always)
    public var totalByteCount: Int { IPv6Header.byteCount &+ payloadByteCount }

    /// The pseudo-header's sum for an upper-layer packet of `byteCount` bytes.
    @inlinable @inline(__always)
    public func pseudoHeaderSum(protocolNumber: UInt8, byteCount: Int) -> UInt64 {
        InternetChecksum.pseudoHeader(
            source: source,
            destination: destination,
            protocolNumber: protocolNumber,
            byteCount: byteCount
        )
    }
}
