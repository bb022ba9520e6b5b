// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// The first twelve bytes of every vhost-user message, and the answers that are made of it.
public struct VhostMessageHeader: Sendable, Equatable {
    public static var byteCount: Int { 12 }

    public var request: UInt32
    public var flags: UInt32
    public var payloadByteCount: Int

    public init(request: UInt32, flags: UInt32, payloadByteCount: Int) {
        self.request = request
        self.flags = flags
        self.payloadByteCount = payloadByteCount
    }

    /// The sender waits for an answer, also where the request has none of its own.
    public var needsReply: Bool { flags & 8 != 0 }

    /// Reads a header; nil when there are not enough bytes yet.
    public static func parse(_ bytes: Span<UInt8>) throws(VhostProtocolError) -> VhostMessageHeader? {
        guard bytes.count >= byteCount else { return nil }
        let flags = bytes.readLittleEndianUInt32(at: 4)
        guard flags & 3 == 1 else { throw .badVersion(flags) }
        let size = bytes.readLittleEndianUInt32(at: 8)
        guard size <= UInt32(VhostMessage.maximumPayloadByteCount) else { throw .tooLarge(size) }
        return VhostMessageHeader(
            request: bytes.readLittleEndianUInt32(at: 0),
            flags: flags,
            payloadByteCount: Int(size)
        )
    }

    /// The bytes of an answer to this message.
    public func reply(_ payload: [UInt8]) -> [UInt8] {
        // Version 1, and the bit of an answer.
        Self.message(request: request, flags: 5, payload)
    }

    public func reply(_ value: UInt64) -> [UInt8] { reply(Self.bytes(of: value)) }

    /// A request of the device's own: the configuration has changed.
    public static var configurationChanged: [UInt8] { message(request: 2, flags: 1, []) }

    /// The bytes of a message.
    public static func message(request: UInt32, flags: UInt32, _ payload: [UInt8]) -> [UInt8] {
        bytes(of: request) + bytes(of: flags) + bytes(of: UInt32(payload.count)) + payload
    }

    /// The bytes of a number, least significant first.
    public static func bytes<Number: FixedWidthInteger & UnsignedInteger>(of number: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
}
