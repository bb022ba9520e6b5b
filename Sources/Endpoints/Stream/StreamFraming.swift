// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// How frames lie on a byte stream: each behind its length, big-endian.
@frozen
public enum StreamFraming: Int, Sendable {
    /// Two bytes: vde_plug on its standard streams, and everything that is joined to it (vdeplug4's `cmd://`, ssh).
    case short = 2
    /// Four bytes: `-netdev stream` of QEMU, passt, socket_vmnet.
    case long = 4

    /// Bytes of a length.
    @inlinable public var prefixByteCount: Int { rawValue }

    /// Longest frame to send. libvdeplug's programs read frames of up to 9216 bytes behind an Ethernet header and a tag,
    /// and lose their place in the stream with a longer one.
    public var sendLimit: Int { self == .short ? 9216 + 14 + 4 : 65_597 }
    /// Longest frame to accept.
    public var receiveLimit: Int { self == .short ? 65_535 : 65_597 }

    /// What stands at a place of a stream.
    @frozen
    public enum Verdict: Equatable, Sendable {
        /// A message of this many bytes, behind its length.
        case message(byteCount: Int)
        /// It has not arrived whole.
        case incomplete
        /// A length that no message has. What follows cannot be found any more.
        case broken(length: Int)
    }

    /// Reads the length at `start`, of which `count` bytes are there.
    ///
    /// - Parameter limit: longest message.
    public func parse(_ buffer: borrowing ByteBuffer, at start: Int, count: Int, limit: Int) -> Verdict {
        guard count >= prefixByteCount else { return .incomplete }
        var length = Int(buffer[start]) << 8 | Int(buffer[start + 1])
        if self == .long { length = length << 16 | Int(buffer[start + 2]) << 8 | Int(buffer[start + 3]) }
        guard length > 0, length <= limit else { return .broken(length: length) }
        return count - prefixByteCount >= length ? .message(byteCount: length) : .incomplete
    }
}

/// Two messages by which programs of ours agree to send virtio-net headers, so that super-frames stay whole.
///
/// They look like frames to an address that no bridge forwards (IEEE 802.1Q, 01-80-C2-00-00-01) with the EtherType for
/// local experiments, so that a stranger who gets one takes no harm.
///
///     destination 6 | source 6, zero | 88 b5 | "etherloom stream" | version 1 | word 1 | zeros to 60 bytes
@frozen
public enum StreamGreeting: UInt8, Sendable {
    /// "I understand headers": the first message, when the user wants them.
    case offer = 1
    /// "From here on four-byte lengths, and a header before each frame": the answer to an offer.
    case begin = 2

    static var version: UInt8 { 1 }
    public static var byteCount: Int { 60 }
    private static var head: [31 of UInt8] {
        [
            0x01, 0x80, 0xc2, 0, 0, 0x01, 0, 0, 0, 0, 0, 0, 0x88, 0xb5,
            0x65, 0x74, 0x68, 0x65, 0x72, 0x6c, 0x6f, 0x6f, 0x6d, 0x20, 0x73, 0x74, 0x72, 0x65, 0x61, 0x6d, 1,
        ]
    }

    /// The greeting that a message is, nil for a frame.
    public static func parse(_ bytes: Span<UInt8>) -> StreamGreeting? {
        guard bytes.count == byteCount else { return nil }
        let head = head
        for index in head.indices where bytes[index] != head[index] { return nil }
        return StreamGreeting(rawValue: bytes[31])
    }

    /// Writes the message behind its length: how many bytes.
    func write(into buffer: inout ByteBuffer, at start: Int, _ framing: StreamFraming) -> Int {
        let prefix = framing.prefixByteCount
        for index in 0..<(prefix + Self.byteCount) { buffer[start + index] = 0 }
        buffer[start + prefix - 1] = UInt8(Self.byteCount)
        let head = Self.head
        for index in head.indices { buffer[start + prefix + index] = head[index] }
        buffer[start + prefix + 31] = rawValue
        return prefix + Self.byteCount
    }
}
