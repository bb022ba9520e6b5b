// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The eight bytes before the data of an ICMP message (RFC 792), or of an ICMPv6 message (RFC 4443), as a value.
@frozen
public struct ICMPMessage: Hashable, Sendable {
    /// What the message says; see `Kind` and `KindV6`.
    public var type: UInt8
    /// More of that, within the type.
    public var code: UInt8
    /// The four bytes behind the checksum; what they mean depends on the type.
    public var restOfHeader: UInt32

    /// Bytes of the header.
    public static let byteCount = 8

    /// Where the checksum stands in the header, for virtio's checksum offset.
    public static let checksumOffset = 2

    /// Types of ICMP for IPv4 (RFC 792).
    public enum Kind {
        /// The answer to an echo request.
        public static let echoReply: UInt8 = 0
        /// The datagram could not be delivered.
        public static let destinationUnreachable: UInt8 = 3
        /// Send less (deprecated by RFC 6633).
        public static let sourceQuench: UInt8 = 4
        /// There is a better router.
        public static let redirect: UInt8 = 5
        /// "Are you there?"
        public static let echoRequest: UInt8 = 8
        /// The datagram was too long on its way.
        public static let timeExceeded: UInt8 = 11
        /// The header cannot be understood.
        public static let parameterProblem: UInt8 = 12
    }

    /// Types of ICMPv6 (RFC 4443, RFC 4861).
    public enum KindV6 {
        /// The packet could not be delivered.
        public static let destinationUnreachable: UInt8 = 1
        /// The packet is longer than the next link takes.
        public static let packetTooBig: UInt8 = 2
        /// The hop limit ran out, or fragments did not all arrive.
        public static let timeExceeded: UInt8 = 3
        /// The header cannot be understood.
        public static let parameterProblem: UInt8 = 4
        /// "Are you there?"
        public static let echoRequest: UInt8 = 128
        /// The answer to an echo request.
        public static let echoReply: UInt8 = 129
        /// "Are there routers?"
        public static let routerSolicitation: UInt8 = 133
        /// "I am a router."
        public static let routerAdvertisement: UInt8 = 134
        /// "Who has this address?"
        public static let neighbourSolicitation: UInt8 = 135
        /// "I have this address."
        public static let neighbourAdvertisement: UInt8 = 136
    }

    /// A header of these fields.
    @inlinable
    public init(type: UInt8, code: UInt8 = 0, restOfHeader: UInt32 = 0) {
        self.type = type
        self.code = code
        self.restOfHeader = restOfHeader
    }

    /// An echo message's header.
    @inlinable
    public init(type: UInt8, identifier: UInt16, sequence: UInt16) {
        self.init(type: type, restOfHeader: UInt32(identifier) << 16 | UInt32(sequence))
    }

    /// Who asked, in an echo message.
    @inlinable
    public var identifier: UInt16 { UInt16(truncatingIfNeeded: restOfHeader >> 16) }

    /// Which question, in an echo message.
    @inlinable
    public var sequence: UInt16 { UInt16(truncatingIfNeeded: restOfHeader) }

    /// Reads the message that occupies `messageByteCount` bytes from `offset`.
    ///
    /// - Parameters:
    ///   - pseudoHeaderSum: for ICMPv6 the sum of its pseudo-header; ICMP for IPv4 has none.
    ///   - verifyChecksum: whether a wrong checksum makes the message malformed.
    /// - Returns: nil for a malformed message.
    @inlinable
    public static func parse(
        _ span: Span<UInt8>,
        at offset: Int,
        messageByteCount: Int,
        pseudoHeaderSum: UInt64 = 0,
        verifyChecksum: Bool = true
    ) -> ICMPMessage? {
        guard messageByteCount >= byteCount, span.hasBytes(messageByteCount, at: offset) else { return nil }
        if verifyChecksum {
            let end = offset &+ messageByteCount
            guard InternetChecksum.verify(span, from: offset, to: end, initial: pseudoHeaderSum) else { return nil }
        }
        return ICMPMessage(
            type: span[offset],
            code: span[offset &+ 1],
            restOfHeader: span.readUInt32(at: offset &+ 4)
        )
    }

    /// Writes the header at `offset` and the checksum over the message of `messageByteCount` bytes, whose data is in
    /// place behind.
    ///
    /// - Returns: 8, or nil if the message does not lie within the span.
    @inlinable
    @discardableResult
    public func emit(
        into span: inout MutableSpan<UInt8>,
        at offset: Int,
        messageByteCount: Int,
        pseudoHeaderSum: UInt64 = 0
    ) -> Int? {
        guard messageByteCount >= ICMPMessage.byteCount, span.hasRoom(messageByteCount, at: offset) else { return nil }
        span[offset] = type
        span[offset &+ 1] = code
        span.storeUInt16(0, at: offset &+ ICMPMessage.checksumOffset)
        span.storeUInt32(restOfHeader, at: offset &+ 4)
        let checksum = InternetChecksum.checksum(
            span.span,
            from: offset,
            to: offset &+ messageByteCount,
            initial: pseudoHeaderSum
        )
        span.storeUInt16(checksum, at: offset &+ ICMPMessage.checksumOffset)
        return ICMPMessage.byteCount
    }

    /// Whether an ICMP type for IPv4 tells of an error. Errors are never answered with errors (RFC 1122 3.2.2).
    @inlinable
    public static func isError(type: UInt8) -> Bool {
        switch type {
        case Kind.destinationUnreachable, Kind.sourceQuench, Kind.redirect, Kind.timeExceeded, Kind.parameterProblem:
            true
        default: false
        }
    }
}
