// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The header of a UDP datagram (RFC 768) as a value.
@frozen
public struct UDPHeader: Hashable, Sendable {
    /// The sender's port; 0 if it expects no answer.
    public var sourcePort: UInt16
    /// The receiver's port.
    public var destinationPort: UInt16
    /// Header and data, 8 to 65,535 bytes.
    public var byteCount: Int
    /// As on the wire; 0 means that the sender computed none (allowed over IPv4 only).
    public var checksum: UInt16

    /// Bytes of the header.
    public static let byteCount = 8

    /// Where the checksum stands in the header, for virtio's checksum offset.
    public static let checksumOffset = 6

    /// - Parameter byteCount: header and data.
    @inlinable
    public init(sourcePort: UInt16, destinationPort: UInt16, byteCount: Int, checksum: UInt16 = 0) {
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.byteCount = byteCount
        self.checksum = checksum
    }

    /// Bytes behind the header.
    @inlinable @inline(__always)
    public var payloadByteCount: Int { byteCount &- UDPHeader.byteCount }

    /// Reads the header of the datagram in `availableByteCount` bytes from `offset`.
    ///
    /// The checksum is not looked at; `InternetChecksum.verify` with the IP header's pseudo-header does that.
    ///
    /// - Returns: nil if the header is cut short or its length is below 8 or beyond the available bytes.
    @inlinable
    public static func parse(_ span: Span<UInt8>, at offset: Int, availableByteCount: Int) -> UDPHeader? {
        guard availableByteCount >= byteCount, span.hasBytes(availableByteCount, at: offset) else { return nil }
        let length = Int(truncatingIfNeeded: span.readUInt16(at: offset &+ 4))
        guard length >= byteCount, length <= availableByteCount else { return nil }
        return UDPHeader(
            sourcePort: span.readUInt16(at: offset),
            destinationPort: span.readUInt16(at: offset &+ 2),
            byteCount: length,
            checksum: span.readUInt16(at: offset &+ 6)
        )
    }

    /// Writes the header at `offset` with `checksum` as it is, and returns 8.
    ///
    /// - Returns: nil if it does not fit or the length cannot be written.
    @inlinable
    @discardableResult
    public func emit(into span: inout MutableSpan<UInt8>, at offset: Int) -> Int? {
        guard span.hasRoom(UDPHeader.byteCount, at: offset), byteCount >= UDPHeader.byteCount, byteCount <= 0xffff
        else { return nil }
        span.storeUInt16(sourcePort, at: offset)
        span.storeUInt16(destinationPort, at: offset &+ 2)
        span.storeUInt16(UInt16(truncatingIfNeeded: byteCount), at: offset &+ 4)
        span.storeUInt16(checksum, at: offset &+ 6)
        return UDPHeader.byteCount
    }

    /// Computes and stores the checksum of the datagram at `offset`, whose data is in place.
    ///
    /// - Parameter pseudoHeaderSum: from the IP header, for `byteCount` bytes.
    /// - Returns: whether the datagram lies within the span; nothing is stored otherwise.
    @inlinable
    @discardableResult
    public func storeChecksum(
        into span: inout MutableSpan<UInt8>,
        at offset: Int,
        pseudoHeaderSum: UInt64
    ) -> Bool {
        guard byteCount >= UDPHeader.byteCount, span.hasRoom(byteCount, at: offset) else { return false }
        span.storeUInt16(0, at: offset &+ UDPHeader.checksumOffset)
        let sum = pseudoHeaderSum &+ InternetChecksum.partialSum(span.span, from: offset, to: offset &+ byteCount)
        span.storeUInt16(InternetChecksum.finishUDP(sum), at: offset &+ UDPHeader.checksumOffset)
        return true
    }
}

extension TCPHeader {
    /// Computes and stores the checksum of the segment of `segmentByteCount` bytes at `offset`, whose data is in place.
    ///
    /// - Parameter pseudoHeaderSum: from the IP header, for `segmentByteCount` bytes.
    /// - Returns: whether the segment lies within the span; nothing is stored otherwise.
    @inlinable
    @discardableResult
    public static func storeChecksum(
        into span: inout MutableSpan<UInt8>,
        at offset: Int,
        segmentByteCount: Int,
        pseudoHeaderSum: UInt64
    ) -> Bool {
        guard segmentByteCount >= TCPHeader.byteCount, span.hasRoom(segmentByteCount, at: offset) else { return false }
        span.storeUInt16(0, at: offset &+ TCPHeader.checksumOffset)
        let end = offset &+ segmentByteCount
        let sum = pseudoHeaderSum &+ InternetChecksum.partialSum(span.span, from: offset, to: end)
        span.storeUInt16(InternetChecksum.finish(sum), at: offset &+ TCPHeader.checksumOffset)
        return true
    }
}
