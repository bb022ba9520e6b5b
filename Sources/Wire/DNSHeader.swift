// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The header of a DNS message (RFC 1035 section 4.1.1) as a value.
public struct DNSHeader: Hashable, Sendable {
    /// Chosen by who asks, to find the answer.
    public var identifier: UInt16
    /// QR, opcode, AA, TC, RD, RA, Z, AD, CD and response code, as on the wire.
    public var flags: UInt16
    /// Questions.
    public var questionCount: UInt16
    /// Records that answer.
    public var answerCount: UInt16
    /// Records that name authorities.
    public var authorityCount: UInt16
    /// Further records, EDNS among them.
    public var additionalCount: UInt16

    /// Bytes of the header.
    public static let byteCount = 12

    /// Outcomes (RFC 1035 section 4.1.1).
    public enum ResponseCode {
        /// It went well.
        public static let noError: UInt8 = 0
        /// The query could not be read.
        public static let formatError: UInt8 = 1
        /// No server could answer (SERVFAIL).
        public static let serverFailure: UInt8 = 2
        /// There is no such name (NXDOMAIN).
        public static let nameError: UInt8 = 3
        /// This kind of query is not known.
        public static let notImplemented: UInt8 = 4
        /// A policy forbids it.
        public static let refused: UInt8 = 5
    }

    /// A header of these fields.
    public init(
        identifier: UInt16,
        flags: UInt16,
        questionCount: UInt16 = 0,
        answerCount: UInt16 = 0,
        authorityCount: UInt16 = 0,
        additionalCount: UInt16 = 0
    ) {
        self.identifier = identifier
        self.flags = flags
        self.questionCount = questionCount
        self.answerCount = answerCount
        self.authorityCount = authorityCount
        self.additionalCount = additionalCount
    }

    /// Whether this is an answer (QR).
    public var isResponse: Bool { flags & 0x8000 != 0 }

    /// What is asked; 0 is a standard query.
    public var opcode: UInt8 { UInt8(flags >> 11 & 0x0f) }

    /// Whether the message was cut to fit (TC).
    public var isTruncated: Bool { flags & 0x0200 != 0 }

    /// Whether recursion is wanted (RD).
    public var recursionDesired: Bool { flags & 0x0100 != 0 }

    /// How it went.
    public var responseCode: UInt8 { UInt8(flags & 0x0f) }

    /// Reads the header at `offset`, or nil if it is cut short.
    public static func parse(_ span: Span<UInt8>, at offset: Int = 0) -> DNSHeader? {
        guard span.hasBytes(byteCount, at: offset) else { return nil }
        return DNSHeader(
            identifier: span.readUInt16(at: offset),
            flags: span.readUInt16(at: offset + 2),
            questionCount: span.readUInt16(at: offset + 4),
            answerCount: span.readUInt16(at: offset + 6),
            authorityCount: span.readUInt16(at: offset + 8),
            additionalCount: span.readUInt16(at: offset + 10)
        )
    }

    /// Writes the header at `offset` and returns its length, or nil if it does not fit.
    @discardableResult
    public func emit(into span: inout MutableSpan<UInt8>, at offset: Int = 0) -> Int? {
        guard span.hasRoom(DNSHeader.byteCount, at: offset) else { return nil }
        span.storeUInt16(identifier, at: offset)
        span.storeUInt16(flags, at: offset + 2)
        span.storeUInt16(questionCount, at: offset + 4)
        span.storeUInt16(answerCount, at: offset + 6)
        span.storeUInt16(authorityCount, at: offset + 8)
        span.storeUInt16(additionalCount, at: offset + 10)
        return DNSHeader.byteCount
    }
}
