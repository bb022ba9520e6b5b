// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// One frame of the agent's channel: Documentation/Agent.md, "Frames".
public struct AgentFrame: Sendable, Equatable {
    /// What it is. From 81 hexadecimal on it comes from the agent.
    public enum Kind: UInt8, Sendable {
        case hello = 0x01
        case run, data, close, credit, signal, resize, cancel, request
        case announce = 0x81
        case welcome, output, ended, granted, started, exited, failed, result, event, taken
    }

    public static let version: UInt16 = 2
    public static let headerByteCount = 16
    public static let payloadLimit = 65536
    /// Bytes of one direction of a stream that may be on their way.
    public static let window = 65536
    /// Of one stream, in one frame: others get their turn.
    public static let dataLimit = 16384
    static let mark: (UInt8, UInt8) = (0xee, 0x4c)

    public var kind: Kind
    /// 0 input, 1 output, 2 error.
    public var channel: UInt8
    /// A number of the host's for a command or a request.
    public var stream: UInt32
    public var payload: [UInt8]

    public init(_ kind: Kind, channel: UInt8 = 0, stream: UInt32 = 0, payload: [UInt8] = []) {
        self.kind = kind
        self.channel = channel
        self.stream = stream
        self.payload = payload
    }

    /// Header and payload. The payload is within `payloadLimit`.
    public var bytes: [UInt8] {
        precondition(payload.count <= Self.payloadLimit, "a frame's payload is too long")
        var bytes: [UInt8] = [Self.mark.0, Self.mark.1, kind.rawValue, channel]
        bytes.reserveCapacity(Self.headerByteCount + payload.count)
        bytes += Self.number(stream)
        bytes += Self.number(UInt32(payload.count))
        bytes += Self.number(Self.check(bytes[...]))
        return bytes + payload
    }

    /// FNV-1a with 32 bits.
    static func check(_ bytes: some Collection<UInt8>) -> UInt32 {
        bytes.reduce(2_166_136_261) { sum, byte in (sum ^ UInt32(byte)) &* 16_777_619 }
    }

    static func number(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 0xff), UInt8(value >> 8 & 0xff), UInt8(value & 0xff)]
    }

    static func number(long value: UInt64) -> [UInt8] {
        number(UInt32(truncatingIfNeeded: value >> 32)) + number(UInt32(truncatingIfNeeded: value))
    }

    /// The number at a place of a list of bytes, big-endian; nil beyond its end.
    static func number(_ bytes: some RandomAccessCollection<UInt8>, at offset: Int, byteCount: Int = 4) -> UInt64? {
        guard offset >= 0, offset + byteCount <= bytes.count else { return nil }
        let start = bytes.index(bytes.startIndex, offsetBy: offset)
        return bytes[start..<bytes.index(start, offsetBy: byteCount)].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The payload as one number of four bytes.
    var value: UInt32? { payload.count == 4 ? Self.number(payload, at: 0).map { UInt32($0) } : nil }
}

/// Finds frames in what comes out of a channel. A guest may write anything there: what is no header is stepped over, a kind
/// that is not known is passed over, and no more than one frame is ever kept.
public struct AgentFrameReader: Sendable {
    private var bytes: [UInt8] = []
    private var start = 0
    /// Bytes that belonged to no frame.
    public private(set) var skippedByteCount: UInt64 = 0

    public init() {}

    /// Takes what was read; then `next` until it answers nil.
    public mutating func append(_ more: some Collection<UInt8>) {
        if start > 0 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes += more
    }

    public mutating func next() -> AgentFrame? {
        while start < bytes.count {
            guard bytes[start] == AgentFrame.mark.0 else {
                skip()
                continue
            }
            if start + 1 < bytes.count, bytes[start + 1] != AgentFrame.mark.1 {
                skip()
                continue
            }
            let held = bytes[start...]
            guard held.count >= AgentFrame.headerByteCount else { return nil }
            guard let count = AgentFrame.number(held, at: 8), count <= UInt64(AgentFrame.payloadLimit),
                let sum = AgentFrame.number(held, at: 12), sum == UInt64(AgentFrame.check(held.prefix(12)))
            else {
                skip()
                continue
            }
            let end = start + AgentFrame.headerByteCount + Int(count)
            guard end <= bytes.count else { return nil }
            defer { start = end }
            guard let kind = AgentFrame.Kind(rawValue: bytes[start + 2]) else { continue }
            let stream = AgentFrame.number(held, at: 4) ?? 0
            return AgentFrame(
                kind,
                channel: bytes[start + 3],
                stream: UInt32(truncatingIfNeeded: stream),
                payload: Array(bytes[(start + AgentFrame.headerByteCount)..<end])
            )
        }
        return nil
    }

    private mutating func skip() {
        start += 1
        skippedByteCount &+= 1
    }
}
