// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Packets of the encrypted tunnel, integers little-endian:
///
///     initiation   1 0 0 0 | sender index 4 | first Noise message 104 | mac1 16 | mac2 16
///     response     2 0 0 0 | sender index 4 | receiver index 4 | second Noise message 48 | mac1 16 | mac2 16
///     cookie       3 0 0 0 | receiver index 4 | salt 16 | sealed cookie 32
///     data         4 0 0 0 | receiver index 4 | counter 8 | sealed payload, tag of 16 bytes at its end
///
/// An index names a session at its receiver: the address that a packet comes from means nothing, so peers may move.
public enum TunnelPacket {
    /// Before the sealed bytes of a data packet.
    public static var dataHeaderByteCount: Int { 16 }
    /// What a data packet has more than its payload.
    public static var dataOverhead: Int { dataHeaderByteCount + Cipher.tagByteCount }

    static var initiationByteCount: Int { 8 + NoiseHandshake.firstOverhead + timestampByteCount + 32 }
    static var responseByteCount: Int { 12 + NoiseHandshake.secondOverhead + 32 }
    static var cookieByteCount: Int { 8 + 16 + 32 }
    static var timestampByteCount: Int { 8 }
    /// Mixed into the handshake: both sides mean this protocol and version.
    static var prologue: [UInt8] { Array("etherloom tunnel 1".utf8) }

    enum Kind: UInt8 {
        case initiation = 1
        case response = 2
        case cookie = 3
        case data = 4

        /// The one size of a handshake packet.
        var byteCount: Int {
            switch self {
            case .initiation: TunnelPacket.initiationByteCount
            case .response: TunnelPacket.responseByteCount
            case .cookie: TunnelPacket.cookieByteCount
            case .data: 0
            }
        }
    }

    static func kind(_ packet: Span<UInt8>) -> Kind? {
        guard packet.count >= 8, packet[1] == 0, packet[2] == 0, packet[3] == 0 else { return nil }
        return Kind(rawValue: packet[0])
    }

    static func readUInt32(_ packet: Span<UInt8>, at offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(packet[offset + $1]) << (8 * UInt32($1)) }
    }

    static func readUInt64(_ packet: Span<UInt8>, at offset: Int) -> UInt64 {
        UInt64(readUInt32(packet, at: offset)) | UInt64(readUInt32(packet, at: offset + 4)) << 32
    }

    @_lifetime(packet: copy packet)
    static func store(_ value: UInt32, into packet: inout MutableSpan<UInt8>, at offset: Int) {
        for index in 0..<4 { packet[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index))) }
    }

    static func bytes(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }
    static func bytes(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    }
}

/// Why a packet was not accepted.
public enum TunnelRefusal: Sendable, Equatable {
    /// Too short, of another size than its kind has, or of no kind.
    case malformed
    /// No session knows it, or its key does not open it.
    case notAuthentic
    /// It was here before, or is too old to tell.
    case replayed
    /// Another peer's handshake.
    case wrongPeer
    /// More handshakes than are worth answering.
    case rateExceeded
}
