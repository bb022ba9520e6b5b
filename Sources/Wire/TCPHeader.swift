// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The header of a TCP segment (RFC 9293 section 3.1) as a value. The urgent pointer is not kept: nothing here gives
/// urgent data a meaning.
@frozen
public struct TCPHeader: Hashable, Sendable {
    /// The sender's port.
    public var sourcePort: UInt16
    /// The receiver's port.
    public var destinationPort: UInt16
    /// Number of the first data byte, or of SYN.
    public var sequence: UInt32
    /// Number of the next byte that the sender expects; means something with ACK only.
    public var acknowledgement: UInt32
    /// Control bits.
    public var flags: TCPFlags
    /// The receive window as on the wire, not yet scaled (RFC 7323 section 2.2).
    public var window: UInt16
    /// Header with options, 20 to 60 bytes, a multiple of four.
    public var headerByteCount: Int

    /// Bytes of a header without options.
    public static let byteCount = 20

    /// Bytes of the longest header.
    public static let maximumByteCount = 60

    /// Where the checksum stands in the header, for virtio's checksum offset.
    public static let checksumOffset = 16

    /// A header of these fields.
    @inlinable
    public init(
        sourcePort: UInt16,
        destinationPort: UInt16,
        sequence: UInt32,
        acknowledgement: UInt32,
        flags: TCPFlags,
        window: UInt16,
        headerByteCount: Int = TCPHeader.byteCount
    ) {
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.sequence = sequence
        self.acknowledgement = acknowledgement
        self.flags = flags
        self.window = window
        self.headerByteCount = headerByteCount
    }

    /// Reads the header of the segment that occupies `segmentByteCount` bytes from `offset`.
    ///
    /// The checksum is not looked at; `InternetChecksum.verify` with the IP header's pseudo-header does that.
    ///
    /// - Returns: nil if the header is cut short or its length is impossible.
    @inlinable
    public static func parse(_ span: Span<UInt8>, at offset: Int, segmentByteCount: Int) -> TCPHeader? {
        guard segmentByteCount >= byteCount, span.hasBytes(segmentByteCount, at: offset) else { return nil }
        let headerByteCount = Int(truncatingIfNeeded: span[offset &+ 12] >> 4) &* 4
        guard headerByteCount >= byteCount, headerByteCount <= segmentByteCount else { return nil }
        return TCPHeader(
            sourcePort: span.readUInt16(at: offset),
            destinationPort: span.readUInt16(at: offset &+ 2),
            sequence: span.readUInt32(at: offset &+ 4),
            acknowledgement: span.readUInt32(at: offset &+ 8),
            flags: TCPFlags(rawValue: span[offset &+ 13]),
            window: span.readUInt16(at: offset &+ 14),
            headerByteCount: headerByteCount
        )
    }

    /// The options of the segment that was read from `offset`.
    @inlinable
    public func options(_ span: Span<UInt8>, at offset: Int) -> TCPOptions {
        TCPOptions.parse(span, from: offset &+ TCPHeader.byteCount, to: offset &+ headerByteCount)
    }

    /// Writes the header at `offset` with a checksum of zero and those of `options` that are set.
    ///
    /// `headerByteCount` is ignored: the header is as long as the options need. When the payload stands behind it,
    /// the caller computes the checksum with `InternetChecksum`, or leaves it to the device.
    ///
    /// - Returns: the header's length, or nil if it does not fit.
    @inlinable
    @discardableResult
    public func emit(into span: inout MutableSpan<UInt8>, at offset: Int, options: TCPOptions = TCPOptions()) -> Int? {
        let headerByteCount = TCPHeader.byteCount &+ options.byteCount
        guard span.hasRoom(headerByteCount, at: offset) else { return nil }
        span.storeUInt16(sourcePort, at: offset)
        span.storeUInt16(destinationPort, at: offset &+ 2)
        span.storeUInt32(sequence, at: offset &+ 4)
        span.storeUInt32(acknowledgement, at: offset &+ 8)
        span[offset &+ 12] = UInt8(truncatingIfNeeded: headerByteCount << 2)
        span[offset &+ 13] = flags.rawValue
        span.storeUInt16(window, at: offset &+ 14)
        span.storeUInt32(0, at: offset &+ 16)
        options.emit(into: &span, at: offset &+ TCPHeader.byteCount)
        return headerByteCount
    }
}

/// Control bits of a TCP segment (RFC 9293 section 3.1; RFC 3168 for congestion notification).
@frozen
public struct TCPFlags: OptionSet, Hashable, Sendable {
    /// The bits as on the wire.
    public let rawValue: UInt8

    /// Any bits.
    @inlinable @inline(__always)
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// No more data from the sender.
    public static let fin = TCPFlags(rawValue: 0x01)
    /// Synchronise sequence numbers.
    public static let syn = TCPFlags(rawValue: 0x02)
    /// Reset the connection.
    public static let rst = TCPFlags(rawValue: 0x04)
    /// Push: hand the data to the application.
    public static let psh = TCPFlags(rawValue: 0x08)
    /// The acknowledgement field is meant.
    public static let ack = TCPFlags(rawValue: 0x10)
    /// The urgent pointer is meant.
    public static let urg = TCPFlags(rawValue: 0x20)
    /// Congestion was experienced on the way here.
    public static let ece = TCPFlags(rawValue: 0x40)
    /// The congestion window was reduced.
    public static let cwr = TCPFlags(rawValue: 0x80)
}
