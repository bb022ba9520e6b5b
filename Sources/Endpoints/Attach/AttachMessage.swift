// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The handshake of the `attach` socket: how programs of ours join a switch so that super-frames stay whole between them.
/// Documentation/Attach.md specifies it.
///
/// Both directions are single messages of a SOCK_SEQPACKET connection, little endian:
///
///     0   magic "ELAT" (0x54414c45)
///     4   version (UInt16), 1
///     6   kind (UInt16): 1 attach request, 2 answer
///     8   fields: tag (UInt16), length (UInt16), that many bytes; unknown tags are passed over
///
/// Versions only ever add fields; a reader that meets a higher version than its own still reads the fields it knows.
public enum AttachMessage {
    static var magic: UInt32 { 0x5441_4c45 }
    public static var version: UInt16 { 1 }
    /// The longest message; a filter program of 4096 instructions fits.
    public static var maximumByteCount: Int { 40 * 1024 }

    enum Kind: UInt16 {
        case request = 1
        case answer = 2
        /// `CaptureRequest`.
        case capture = 3
        /// `AttachChange`.
        case change = 4
    }

    enum Tag: UInt16 {
        /// Name of the port or interface wanted, UTF-8.
        case name = 1
        /// What the client says of itself, UTF-8.
        case description = 2
        /// How frames shall go: see `AttachRequest.Transport`.
        case transport = 3
        /// What the client takes: `PortCapabilities`, UInt32.
        case capabilities = 4
        /// Port number wanted, UInt32.
        case port = 5
        /// A filter: UInt32 direction (1 receive, 2 send), UInt32 priority, then classic BPF instructions of 8 bytes.
        case filter = 6
        /// Of a capture: bytes kept of each frame, UInt32; and 1 for what comes in, 2 for what goes out, 3 for both, UInt32.
        case snapLength = 7
        case direction = 8
        /// The Ethernet address that goes with an interface: 6 bytes.
        case address = 9
        /// Outcome, UInt32: 0, or an errno.
        case status = 16
        /// Why not, in words, UTF-8.
        case message = 17
        /// What a port is called, to whoever captures: UInt32 number, then UTF-8. Repeated.
        case portName = 18
    }

    /// Why a message is none.
    public enum Malformed: Error, Sendable, Equatable {
        case notAttach
        case wrongKind(UInt16)
        case badField(UInt16)
    }

    struct Writer {
        private(set) var bytes: [UInt8] = []

        init(_ kind: Kind) {
            append(magic)
            append(version)
            append(kind.rawValue)
        }

        mutating func append(_ value: some FixedWidthInteger) {
            for shift in stride(from: 0, to: value.bitWidth, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: value >> shift))
            }
        }

        mutating func field(_ tag: Tag, _ contents: [UInt8]) {
            append(tag.rawValue)
            append(UInt16(contents.count))
            bytes += contents
        }

        mutating func field(_ tag: Tag, _ value: UInt32) {
            append(tag.rawValue)
            append(UInt16(4))
            append(value)
        }

        mutating func field(_ tag: Tag, _ text: String, limit: Int = 256) {
            field(tag, Array(text.utf8.prefix(limit)))
        }
    }

    /// The fields of a message, in order. Throws when the message is not of this protocol or ends within a field.
    static func fields(_ bytes: [UInt8], kind: Kind) throws(Malformed) -> [(tag: UInt16, contents: ArraySlice<UInt8>)] {
        guard bytes.count >= 8, integer(bytes[0..<4]) == UInt64(magic) else { throw .notAttach }
        let found = UInt16(truncatingIfNeeded: integer(bytes[6..<8]))
        guard found == kind.rawValue else { throw .wrongKind(found) }
        var fields: [(tag: UInt16, contents: ArraySlice<UInt8>)] = []
        var rest = bytes[8...]
        while !rest.isEmpty {
            guard rest.count >= 4 else { throw .badField(0) }
            let tag = UInt16(truncatingIfNeeded: integer(rest.prefix(2)))
            let length = Int(integer(rest.dropFirst(2).prefix(2)))
            guard rest.count >= 4 + length else { throw .badField(tag) }
            fields.append((tag, rest.dropFirst(4).prefix(length)))
            rest = rest.dropFirst(4 + length)
        }
        return fields
    }

    static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
