// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The first question of a DNS query (RFC 1035 section 4.1.2).
public struct DNSQuestion: Hashable, Sendable {
    /// The name in its textual form without the final dot, `.` for the root. Bytes outside of printable ASCII, dots
    /// and backslashes inside of labels are escaped (RFC 1035 section 5.1), so that no name can fake another.
    public var name: String
    /// Type of the records asked for: 1 for A, 28 for AAAA.
    public var type: UInt16
    /// Class of the records asked for: 1 for the Internet.
    public var recordClass: UInt16
    /// Where the question ends in the message.
    public var endOffset: Int

    /// A question of these fields.
    public init(name: String, type: UInt16, recordClass: UInt16, endOffset: Int) {
        self.name = name
        self.type = type
        self.recordClass = recordClass
        self.endOffset = endOffset
    }

    /// Reads the question at `offset` of the message.
    ///
    /// - Returns: nil if it is cut short, or the name is too long or compressed: in a first question there is nothing
    ///   that a pointer could rightly point to, so that none is followed and no loop is possible.
    public static func parse(_ message: Span<UInt8>, at offset: Int = DNSHeader.byteCount) -> DNSQuestion? {
        guard let end = endOfName(message, at: offset), message.hasBytes(4, at: end) else { return nil }
        return DNSQuestion(
            name: text(ofName: message, from: offset),
            type: message.readUInt16(at: end),
            recordClass: message.readUInt16(at: end + 2),
            endOffset: end + 4
        )
    }

    /// Where the uncompressed name at `offset` ends, or nil if it is cut short, too long or compressed.
    public static func endOfName(_ message: Span<UInt8>, at offset: Int) -> Int? {
        guard offset >= 0 else { return nil }
        var position = offset
        // Each turn takes at least one byte of at most 255.
        while message.hasBytes(1, at: position) {
            let length = Int(message[position])
            position += 1
            if length == 0 {
                return position - offset <= WireTunables.maximumDNSNameByteCount ? position : nil
            }
            guard length <= WireTunables.maximumDNSLabelByteCount, message.hasBytes(length, at: position),
                position - offset + length < WireTunables.maximumDNSNameByteCount
            else { return nil }
            position += length
        }
        return nil
    }

    /// The text of a name that `endOfName` found well formed.
    private static func text(ofName message: Span<UInt8>, from offset: Int) -> String {
        var text = ""
        var position = offset
        while message[position] != 0 {
            let end = position + 1 + Int(message[position])
            if !text.isEmpty { text += "." }
            for index in (position + 1)..<end {
                appendEscaped(message[index], to: &text)
            }
            position = end
        }
        return text.isEmpty ? "." : text
    }

    private static func appendEscaped(_ byte: UInt8, to text: inout String) {
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "\\"):
            text += "\\"
            text.unicodeScalars.append(Unicode.Scalar(byte))
        case 0x21...0x7e:
            text.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            let digits = String(byte)
            text += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
        }
    }
}

/// Answers that a forwarder gives by itself.
public enum DNSMessage {
    /// Writes an answer without records to `query`, with its first question repeated, at `offset`.
    ///
    /// - Parameter responseCode: the outcome, SERVFAIL by default.
    /// - Returns: bytes written, or nil, with nothing written, if `query` is no query or the answer does not fit. A
    ///   query without a readable question is answered with the header only.
    public static func emitFailure(
        for query: Span<UInt8>,
        responseCode: UInt8 = DNSHeader.ResponseCode.serverFailure,
        into span: inout MutableSpan<UInt8>,
        at offset: Int = 0
    ) -> Int? {
        guard let header = DNSHeader.parse(query), !header.isResponse else { return nil }
        var questionEnd = DNSHeader.byteCount
        if header.questionCount > 0, let end = DNSQuestion.endOfName(query, at: DNSHeader.byteCount),
            query.hasBytes(4, at: end)
        {
            questionEnd = end + 4
        }
        guard span.hasRoom(questionEnd, at: offset) else { return nil }
        // Opcode, RD and CD come from the query (RFC 1035 section 4.1.1, RFC 4035 section 3.1.6); RA: we do forward.
        let flags = 0x8080 | header.flags & 0x7910 | UInt16(responseCode & 0x0f)
        let answer = DNSHeader(
            identifier: header.identifier,
            flags: flags,
            questionCount: questionEnd > DNSHeader.byteCount ? 1 : 0
        )
        answer.emit(into: &span, at: offset)
        span.store(query, DNSHeader.byteCount..<questionEnd, at: offset + DNSHeader.byteCount)
        return questionEnd
    }
}
