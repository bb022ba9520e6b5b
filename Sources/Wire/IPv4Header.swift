// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The header of an IPv4 packet (RFC 791 section 3.1) as a value. Options are skipped when read and never written.
@frozen
public struct IPv4Header: Hashable, Sendable {
    /// Who sent the packet.
    public var source: IPv4Address
    /// Who shall receive it.
    public var destination: IPv4Address
    /// What the payload is; see `IPProtocol`.
    public var protocolNumber: UInt8
    /// Header and payload, 20 to 65,535 bytes.
    public var totalByteCount: Int
    /// Header with options, 20 to 60 bytes, a multiple of four.
    public var headerByteCount: Int
    /// Which datagram a fragment belongs to.
    public var identification: UInt16
    /// Whether routers must not fragment the packet.
    public var dontFragment: Bool
    /// Whether later parts of the datagram come in other packets.
    public var moreFragments: Bool
    /// Where the payload belongs within the datagram, in bytes, a multiple of eight.
    public var fragmentOffset: Int
    /// Routers that the packet may still pass.
    public var timeToLive: UInt8
    /// Differentiated services and congestion notification (RFC 2474, RFC 3168).
    public var typeOfService: UInt8

    /// Bytes of a header without options.
    public static let byteCount = 20

    /// Bytes of the longest header.
    public static let maximumByteCount = 60

    /// Time to live of packets that begin here (RFC 1700; Linux's default too).
    public static let defaultTimeToLive: UInt8 = 64

    /// A header of these fields.
    @inlinable
    public init(
        source: IPv4Address,
        destination: IPv4Address,
        protocolNumber: UInt8,
        totalByteCount: Int,
        headerByteCount: Int = IPv4Header.byteCount,
        identification: UInt16 = 0,
        dontFragment: Bool = false,
        moreFragments: Bool = false,
        fragmentOffset: Int = 0,
        timeToLive: UInt8 = IPv4Header.defaultTimeToLive,
        typeOfService: UInt8 = 0
    ) {
        self.source = source
        self.destination = destination
        self.protocolNumber = protocolNumber
        self.totalByteCount = totalByteCount
        self.headerByteCount = headerByteCount
        self.identification = identification
        self.dontFragment = dontFragment
        self.moreFragments = moreFragments
        self.fragmentOffset = fragmentOffset
        self.timeToLive = timeToLive
        self.typeOfService = typeOfService
    }

    /// Reads the header at `offset` and checks version, header length, total length and checksum.
    ///
    /// - Parameters:
    ///   - availableByteCount: bytes from `offset` that belong to the packet; without it all that the span has. A
    ///     total length beyond it makes the packet malformed; bytes behind the total length are padding.
    ///   - verifyChecksum: whether a wrong header checksum makes the packet malformed. A frame whose sender left
    ///     checksums to the device has a right header checksum nevertheless.
    /// - Returns: nil for a malformed packet.
    @inlinable
    public static func parse(
        _ span: Span<UInt8>,
        at offset: Int,
        availableByteCount: Int? = nil,
        verifyChecksum: Bool = true
    ) -> IPv4Header? {
        guard span.hasBytes(byteCount, at: offset) else { return nil }
        let room = span.count &- offset
        let available = if let availableByteCount { min(availableByteCount, room) } else { room }
        let first = span[offset]
        let headerByteCount = Int(truncatingIfNeeded: first & 0x0f) &* 4
        let totalByteCount = Int(truncatingIfNeeded: span.readUInt16(at: offset &+ 2))
        guard first >> 4 == 4, headerByteCount >= byteCount, totalByteCount >= headerByteCount,
            totalByteCount <= available
        else { return nil }
        if verifyChecksum {
            guard InternetChecksum.verify(span, from: offset, to: offset &+ headerByteCount) else { return nil }
        }
        let fragment = span.readUInt16(at: offset &+ 6)
        return IPv4Header(
            source: IPv4Address(span, at: offset &+ 12),
            destination: IPv4Address(span, at: offset &+ 16),
            protocolNumber: span[offset &+ 9],
            totalByteCount: totalByteCount,
            headerByteCount: headerByteCount,
            identification: span.readUInt16(at: offset &+ 4),
            dontFragment: fragment & 0x4000 != 0,
            moreFragments: fragment & 0x2000 != 0,
            fragmentOffset: Int(truncatingIfNeeded: fragment & 0x1fff) &* 8,
            timeToLive: span[offset &+ 8],
            typeOfService: span[offset &+ 1]
        )
    }

    /// Writes a header without options at `offset`, checksum included, and returns its length.
    ///
    /// `totalByteCount` is written as it is; `headerByteCount` must be 20.
    ///
    /// - Returns: nil if it does not fit, or if a length or the fragment offset cannot be written.
    @inlinable
    @discardableResult
    public func emit(into span: inout MutableSpan<UInt8>, at offset: Int) -> Int? {
        guard span.hasRoom(IPv4Header.byteCount, at: offset), headerByteCount == IPv4Header.byteCount,
            totalByteCount >= headerByteCount, totalByteCount <= 0xffff, fragmentOffset >= 0,
            fragmentOffset <= 0xffff, fragmentOffset & 7 == 0
        else { return nil }
        span[offset] = 0x45
        span[offset &+ 1] = typeOfService
        span.storeUInt16(UInt16(truncatingIfNeeded: totalByteCount), at: offset &+ 2)
        span.storeUInt16(identification, at: offset &+ 4)
        let flags: UInt16 = (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0)
        span.storeUInt16(flags | UInt16(truncatingIfNeeded: fragmentOffset >> 3), at: offset &+ 6)
        span[offset &+ 8] = timeToLive
        span[offset &+ 9] = protocolNumber
        span.storeUInt16(0, at: offset &+ 10)
        source.store(to: &span, at: offset &+ 12)
        destination.store(to: &span, at: offset &+ 16)
        let checksum = InternetChecksum.checksum(span.span, from: offset, to: offset &+ IPv4Header.byteCount)
        span.storeUInt16(checksum, at: offset &+ 10)
        return IPv4Header.byteCount
    }

    /// Bytes behind the header.
    @inlinable @inline(__always)
    public var payloadByteCount: Int { totalByteCount &- headerByteCount }

    /// Whether the packet carries only a part of its datagram.
    @inlinable @inline(__always)
    public var isFragment: Bool { moreFragments || fragmentOffset != 0 }

    /// The pseudo-header's sum for the payload's checksum.
    @inlinable @inline(__always)
    public var pseudoHeaderSum: UInt64 {
        InternetChecksum.pseudoHeader(
            source: source,
            destination: destination,
            protocolNumber: protocolNumber,
            byteCount: payloadByteCount
        )
    }
}
