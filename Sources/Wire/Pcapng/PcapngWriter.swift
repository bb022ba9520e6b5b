// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Writes captures in the pcapng format (draft-ietf-opsawg-pcapng): bytes out, no file.
///
///     section header, then an interface description for each port as it is first seen, packets, statistics at the end
///
/// Times are in nanoseconds since 1970. Every function returns one whole block, so that a reader who joins a stream between
/// two calls' bytes is never within one.
public struct PcapngWriter: Sendable {
    /// An interface of the capture.
    public struct Interface: Sendable, Equatable {
        public var name: String
        public var description: String
        /// Bytes kept of each packet, 0 for all.
        public var snapLength: UInt32
        /// The filter in its user's words.
        public var filter: String

        public init(name: String, description: String = "", snapLength: UInt32 = 0, filter: String = "") {
            self.name = name
            self.description = description
            self.snapLength = snapLength
            self.filter = filter
        }
    }

    /// Which way a packet went, seen from the interface.
    public enum Direction: UInt32, Sendable {
        case unknown = 0
        case inbound = 1
        case outbound = 2
    }

    public private(set) var interfaceCount: UInt32 = 0

    public init() {}

    /// The beginning of a file or stream.
    public func sectionHeader(program: String, comment: String = "") -> [UInt8] {
        var body: [UInt8] = []
        body.append(little: 0x1a2b_3c4d as UInt32)
        body.append(little: 1 as UInt16)
        body.append(little: 0 as UInt16)
        // The section's length: not known.
        body.append(little: UInt64.max)
        body.option(4, Array(program.utf8))
        if !comment.isEmpty { body.option(1, Array(comment.utf8)) }
        body.endOptions()
        return Self.block(0x0a0d_0d0a, body)
    }

    /// Makes an interface known; its number is the count of those before it.
    public mutating func interface(_ interface: Interface) -> [UInt8] {
        interfaceCount += 1
        var body: [UInt8] = []
        body.append(little: 1 as UInt16)  // LINKTYPE_ETHERNET
        body.append(little: 0 as UInt16)
        body.append(little: interface.snapLength)
        body.option(2, Array(interface.name.utf8))
        if !interface.description.isEmpty { body.option(3, Array(interface.description.utf8)) }
        body.option(9, [9])  // nanoseconds
        if !interface.filter.isEmpty { body.option(11, [0] + Array(interface.filter.utf8)) }
        body.endOptions()
        return Self.block(1, body)
    }

    /// A packet.
    ///
    /// - Parameters:
    ///   - time: nanoseconds since 1970.
    ///   - originalByteCount: its size before it was cut.
    public func packet(
        interface: UInt32,
        time: UInt64,
        _ bytes: Span<UInt8>,
        originalByteCount: Int,
        direction: Direction,
        comment: String = ""
    ) -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(bytes.count + 64)
        body.append(little: interface)
        body.append(little: UInt32(truncatingIfNeeded: time >> 32))
        body.append(little: UInt32(truncatingIfNeeded: time))
        body.append(little: UInt32(truncatingIfNeeded: bytes.count))
        body.append(little: UInt32(clamping: originalByteCount))
        for index in bytes.indices { body.append(bytes[index]) }
        body.pad()
        if direction != .unknown { body.option(2, Self.bytes(direction.rawValue)) }
        if !comment.isEmpty { body.option(1, Array(comment.utf8)) }
        if direction != .unknown || !comment.isEmpty { body.endOptions() }
        return Self.block(6, body)
    }

    /// What was seen and lost at an interface, for the end.
    public func statistics(interface: UInt32, time: UInt64, received: UInt64, dropped: UInt64) -> [UInt8] {
        var body: [UInt8] = []
        body.append(little: interface)
        body.append(little: UInt32(truncatingIfNeeded: time >> 32))
        body.append(little: UInt32(truncatingIfNeeded: time))
        body.option(4, Self.bytes(received))
        body.option(5, Self.bytes(dropped))
        body.endOptions()
        return Self.block(5, body)
    }

    private static func block(_ type: UInt32, _ body: [UInt8]) -> [UInt8] {
        var block: [UInt8] = []
        block.reserveCapacity(body.count + 12)
        let size = UInt32(truncatingIfNeeded: body.count + 12)
        block.append(little: type)
        block.append(little: size)
        block += body
        block.append(little: size)
        return block
    }

    private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(little: value)
        return bytes
    }
}

/// The older format, which libpcap writes: microseconds, one interface, no names.
public enum PcapFile {
    /// The beginning of a file of Ethernet frames of at most `snapLength` bytes.
    public static func header(snapLength: UInt32) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(little: 0xa1b2_c3d4 as UInt32)
        bytes.append(little: 2 as UInt16)
        bytes.append(little: 4 as UInt16)
        bytes.append(little: 0 as UInt64)
        bytes.append(little: snapLength)
        bytes.append(little: 1 as UInt32)
        return bytes
    }

    /// - Parameter time: nanoseconds since 1970.
    public static func packet(time: UInt64, _ frame: Span<UInt8>, originalByteCount: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(frame.count + 16)
        bytes.append(little: UInt32(truncatingIfNeeded: time / 1_000_000_000))
        bytes.append(little: UInt32(truncatingIfNeeded: time % 1_000_000_000 / 1000))
        bytes.append(little: UInt32(truncatingIfNeeded: frame.count))
        bytes.append(little: UInt32(clamping: originalByteCount))
        for index in frame.indices { bytes.append(frame[index]) }
        return bytes
    }
}

extension [UInt8] {
    fileprivate mutating func append(little value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// An option: code, length, value, padding to 32 bits.
    fileprivate mutating func option(_ code: UInt16, _ value: [UInt8]) {
        let value = value.prefix(0xfff0)
        append(little: code)
        append(little: UInt16(value.count))
        self += value
        pad()
    }

    fileprivate mutating func endOptions() { append(little: 0 as UInt32) }

    fileprivate mutating func pad() {
        while count % 4 != 0 { append(0) }
    }
}
