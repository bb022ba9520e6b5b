// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Options of a TCP segment that we understand; others are skipped (RFC 9293 section 3.2, RFC 7323, RFC 2018).
@frozen
public struct TCPOptions: Hashable, Sendable {
    /// The largest segment that the sender can receive (kind 2).
    public var maximumSegmentSize: UInt16?
    /// By how many bits the sender's window is shifted, at most 14 (kind 3; RFC 7323 section 2.3).
    public var windowScale: UInt8?
    /// Whether selective acknowledgements may be sent (kind 4).
    public var sackPermitted: Bool
    /// Value and echo reply (kind 8; RFC 7323 section 3).
    public var timestamps: Timestamps?

    /// The timestamps option.
    @frozen
    public struct Timestamps: Hashable, Sendable {
        /// The sender's clock.
        public var value: UInt32
        /// The receiver's clock as last seen; means something with ACK only.
        public var echoReply: UInt32

        /// An option of these fields.
        @inlinable
        public init(value: UInt32, echoReply: UInt32) {
            self.value = value
            self.echoReply = echoReply
        }
    }

    /// Options to write; those that are nil or false are left out.
    @inlinable
    public init(
        maximumSegmentSize: UInt16? = nil,
        windowScale: UInt8? = nil,
        sackPermitted: Bool = false,
        timestamps: Timestamps? = nil
    ) {
        self.maximumSegmentSize = maximumSegmentSize
        self.windowScale = windowScale
        self.sackPermitted = sackPermitted
        self.timestamps = timestamps
    }

    @usableFromInline
    enum Kind {
        @usableFromInline static let end: UInt8 = 0
        @usableFromInline static let noOperation: UInt8 = 1
        @usableFromInline static let maximumSegmentSize: UInt8 = 2
        @usableFromInline static let windowScale: UInt8 = 3
        @usableFromInline static let sackPermitted: UInt8 = 4
        @usableFromInline static let timestamps: UInt8 = 8
    }

    /// Reads the options between two offsets.
    ///
    /// Every turn moves on by at least one byte. An option whose length is below two or beyond the end stops the walk,
    /// and what was read before it stays valid (RFC 9293 MUST-7); an option of a wrong length for its kind is skipped.
    @inlinable
    public static func parse(_ span: Span<UInt8>, from start: Int, to end: Int) -> TCPOptions {
        var options = TCPOptions()
        guard start >= 0, end <= span.count else { return options }
        var position = start
        while position < end {
            let kind = span[position]
            if kind == Kind.end { break }
            if kind == Kind.noOperation {
                position &+= 1
                continue
            }
            guard position &+ 1 < end else { break }
            let length = Int(truncatingIfNeeded: span[position &+ 1])
            guard length >= 2, length <= end &- position else { break }
            switch (kind, length) {
            case (Kind.maximumSegmentSize, 4):
                options.maximumSegmentSize = span.readUInt16(at: position &+ 2)
            case (Kind.windowScale, 3):
                options.windowScale = min(span[position &+ 2], WireTunables.maximumWindowScale)
            case (Kind.sackPermitted, 2):
                options.sackPermitted = true
            case (Kind.timestamps, 10):
                options.timestamps = Timestamps(
                    value: span.readUInt32(at: position &+ 2),
                    echoReply: span.readUInt32(at: position &+ 6)
                )
            default:
                break
            }
            position &+= length
        }
        return options
    }

    /// Bytes of the options that are set, padded to a multiple of four; at most 24.
    @inlinable
    public var byteCount: Int {
        (maximumSegmentSize == nil ? 0 : 4) &+ (windowScale == nil ? 0 : 4) &+ (sackPermitted ? 4 : 0)
            &+ (timestamps == nil ? 0 : 12)
    }

    /// Writes the options that are set at `offset`, each padded with no-operations to four bytes.
    ///
    /// - Returns: `byteCount`, or nil if they do not fit.
    @inlinable
    @discardableResult
    public func emit(into span: inout MutableSpan<UInt8>, at offset: Int) -> Int? {
        guard span.hasRoom(byteCount, at: offset) else { return nil }
        var position = offset
        if let maximumSegmentSize {
            span.storeUInt16(0x0204, at: position)
            span.storeUInt16(maximumSegmentSize, at: position &+ 2)
            position &+= 4
        }
        if let windowScale {
            span.storeUInt32(0x0103_0300 | UInt32(truncatingIfNeeded: windowScale), at: position)
            position &+= 4
        }
        if sackPermitted {
            span.storeUInt32(0x0101_0402, at: position)
            position &+= 4
        }
        if let timestamps {
            span.storeUInt32(0x0101_080a, at: position)
            span.storeUInt32(timestamps.value, at: position &+ 4)
            span.storeUInt32(timestamps.echoReply, at: position &+ 8)
        }
        return byteCount
    }
}
