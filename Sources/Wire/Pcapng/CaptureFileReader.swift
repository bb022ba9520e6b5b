// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Reads capture files, pcap and pcapng (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng): bytes in, packets out, no file.
///
/// Bytes come in any pieces; `next` gives the packets that are complete. Both byte orders, all resolutions of time. What is not
/// Ethernet is said so, blocks that hold no packets are passed over. Nothing in the file is believed: a size that cannot be
/// is damage, and the end.
public struct CaptureFileReader: Sendable {
    public struct Packet: Sendable, Equatable {
        /// Nanoseconds since 1970, as far as the file says.
        public var time: UInt64
        public var bytes: [UInt8]
        /// The size that it had before the capture cut it.
        public var originalByteCount: Int
        public var isEthernet: Bool

        public var isWhole: Bool { originalByteCount <= bytes.count }
    }

    /// Why nothing more can be read.
    public enum Damage: Error, Sendable, Equatable {
        /// The file does not begin as a capture does.
        case noCapture
        /// A size or an order of things that cannot be, at this byte of the file.
        case malformed(offset: UInt64)
    }

    /// Largest packet and largest block that are believed: libpcap's own limit for packets, and room for options around it.
    public static var packetByteLimit: Int { 262_144 }
    static var blockByteLimit: Int { 1 << 20 }

    private enum Form: Sendable { case unknown, classic, blocks }
    private var form = Form.unknown
    private var isBigEndian = false
    private var buffer: [UInt8] = []
    private var position = 0
    /// Of the buffer's first byte in the file.
    private var base: UInt64 = 0
    /// Classic: units of the fraction in nanoseconds, and whether its one interface is Ethernet.
    private var fractionNanoseconds: UInt64 = 1000
    private var interfaces: [Interface] = []
    private var lastTime: UInt64 = 0

    private struct Interface: Sendable {
        var isEthernet: Bool
        var snapLength: UInt32
        /// A power of ten, or of two with the highest bit, that divides the second.
        var resolution: UInt8 = 6
        var offsetSeconds: Int64 = 0
    }

    public init() {}

    /// Takes the next bytes of the file.
    public mutating func append(_ bytes: some Sequence<UInt8>) {
        if position > 1 << 16 || position == buffer.count {
            buffer.removeSubrange(0..<position)
            base &+= UInt64(position)
            position = 0
        }
        buffer += bytes
    }

    /// Bytes that wait for the rest of what they belong to: at the end of a file, what was cut off.
    public var unreadByteCount: Int { buffer.count - position }

    /// The next whole packet; nil when more bytes are needed.
    public mutating func next() throws(Damage) -> Packet? {
        if form == .unknown, try !begin() { return nil }
        switch form {
        case .classic: return try nextRecord()
        default: return try nextInBlocks()
        }
    }

    private func malformed() -> Damage { .malformed(offset: base &+ UInt64(position)) }

    private func number16(_ offset: Int) -> UInt16 {
        let (one, other) = (UInt16(buffer[position + offset]), UInt16(buffer[position + offset + 1]))
        return isBigEndian ? one << 8 | other : other << 8 | one
    }

    private func number32(_ offset: Int) -> UInt32 {
        let (one, other) = (UInt32(number16(offset)), UInt32(number16(offset + 2)))
        return isBigEndian ? one << 16 | other : other << 16 | one
    }

    // MARK: The beginning

    private mutating func begin() throws(Damage) -> Bool {
        guard unreadByteCount >= 4 else { return false }
        isBigEndian = true
        switch number32(0) {
        case 0x0a0d_0d0a:
            form = .blocks
            return true
        case 0xa1b2_c3d4: fractionNanoseconds = 1000
        case 0xa1b2_3c4d: fractionNanoseconds = 1
        case 0xd4c3_b2a1: (fractionNanoseconds, isBigEndian) = (1000, false)
        case 0x4d3c_b2a1: (fractionNanoseconds, isBigEndian) = (1, false)
        default: throw .noCapture
        }
        guard unreadByteCount >= 24 else { return false }
        // The upper bits say something about frame check sequences.
        interfaces = [Interface(isEthernet: number32(20) & 0xffff == 1, snapLength: 0)]
        position += 24
        form = .classic
        return true
    }

    private mutating func nextRecord() throws(Damage) -> Packet? {
        guard unreadByteCount >= 16 else { return nil }
        let size = number32(8)
        guard size <= UInt32(Self.packetByteLimit) else { throw malformed() }
        guard unreadByteCount >= 16 + Int(size) else { return nil }
        let time = UInt64(number32(0)) * 1_000_000_000 + UInt64(number32(4)) * fractionNanoseconds
        let packet = Packet(
            time: time,
            bytes: Array(buffer[(position + 16)..<(position + 16 + Int(size))]),
            originalByteCount: Int(number32(12)),
            isEthernet: interfaces[0].isEthernet
        )
        position += 16 + Int(size)
        return packet
    }

    // MARK: Blocks

    private mutating func nextInBlocks() throws(Damage) -> Packet? {
        while unreadByteCount >= 12 {
            let type = number32(0)
            if type == 0x0a0d_0d0a {
                // A section says its byte order itself.
                isBigEndian = true
                if number32(8) != 0x1a2b_3c4d {
                    isBigEndian = false
                    guard number32(8) == 0x1a2b_3c4d else { throw malformed() }
                }
                interfaces = []
            }
            let size = number32(4)
            guard size >= 12, size % 4 == 0, size <= UInt32(Self.blockByteLimit) else { throw malformed() }
            guard unreadByteCount >= Int(size) else { return nil }
            let packet = try read(type, bodyByteCount: Int(size) - 12)
            position += Int(size)
            if let packet { return packet }
        }
        return nil
    }

    private mutating func read(_ type: UInt32, bodyByteCount count: Int) throws(Damage) -> Packet? {
        switch type {
        case 1:
            guard count >= 8 else { throw malformed() }
            var interface = Interface(isEthernet: number16(8) == 1, snapLength: number32(12))
            readOptions(count, &interface)
            interfaces.append(interface)
            return nil
        case 6:
            guard count >= 20 else { throw malformed() }
            return try packet(
                interface: Int(number32(8)),
                ticks: UInt64(number32(12)) << 32 | UInt64(number32(16)),
                size: number32(20),
                original: number32(24),
                at: 28,
                room: count - 20
            )
        case 2:
            // Of older files.
            guard count >= 20 else { throw malformed() }
            return try packet(
                interface: Int(number16(8)),
                ticks: UInt64(number32(12)) << 32 | UInt64(number32(16)),
                size: number32(20),
                original: number32(24),
                at: 28,
                room: count - 20
            )
        case 3:
            guard count >= 4, let first = interfaces.first else { throw malformed() }
            let original = number32(8)
            let limit = first.snapLength == 0 ? UInt32.max : first.snapLength
            let size = min(original, limit, UInt32(count - 4))
            return try packet(interface: 0, ticks: nil, size: size, original: original, at: 12, room: count - 4)
        default: return nil
        }
    }

    private mutating func packet(
        interface number: Int,
        ticks: UInt64?,
        size: UInt32,
        original: UInt32,
        at offset: Int,
        room: Int
    ) throws(Damage) -> Packet {
        guard number < interfaces.count, size <= UInt32(Self.packetByteLimit), Int(size) <= room else {
            throw malformed()
        }
        if let ticks { lastTime = Self.time(ticks, interfaces[number]) }
        let start = position + offset
        return Packet(
            time: lastTime,
            bytes: Array(buffer[start..<(start + Int(size))]),
            originalByteCount: Int(original),
            isEthernet: interfaces[number].isEthernet
        )
    }

    /// `if_tsresol` (9) and `if_tsoffset` (14) among an interface's options.
    private func readOptions(_ count: Int, _ interface: inout Interface) {
        var offset = 16
        while offset + 4 <= count + 8 {
            let (code, size) = (number16(offset), Int(number16(offset + 2)))
            guard code != 0, offset + 4 + size <= count + 8 else { return }
            if code == 9, size == 1 { interface.resolution = buffer[position + offset + 4] }
            if code == 14, size == 8 {
                let (one, other) = (UInt64(number32(offset + 4)), UInt64(number32(offset + 8)))
                interface.offsetSeconds = Int64(bitPattern: isBigEndian ? one << 32 | other : other << 32 | one)
            }
            offset += 4 + (size + 3) / 4 * 4
        }
    }

    /// Nanoseconds; what does not fit counts as the beginning of time.
    private static func time(_ ticks: UInt64, _ interface: Interface) -> UInt64 {
        let exponent = Int(interface.resolution & 0x7f)
        var time: UInt64 = 0
        if interface.resolution & 0x80 != 0 {
            guard exponent < 64 else { return 0 }
            let fraction = (ticks & ((1 << UInt64(exponent)) - 1)).multipliedFullWidth(by: 1_000_000_000)
            let low = exponent == 0 ? 0 : fraction.low >> UInt64(exponent)
            let high = exponent == 0 ? 0 : fraction.high << UInt64(64 - exponent)
            let (seconds, isLarge) = (ticks >> UInt64(exponent)).multipliedReportingOverflow(by: 1_000_000_000)
            time = isLarge ? 0 : seconds &+ (low | high)
        } else if exponent <= 9 {
            let (product, isLarge) = ticks.multipliedReportingOverflow(by: power(9 - exponent))
            time = isLarge ? 0 : product
        } else if exponent <= 28 {
            time = ticks / power(exponent - 9)
        }
        let (offset, isLarge) = interface.offsetSeconds.multipliedReportingOverflow(by: 1_000_000_000)
        return isLarge ? time : time &+ UInt64(bitPattern: offset)
    }

    private static func power(_ exponent: Int) -> UInt64 { (0..<exponent).reduce(1) { power, _ in power * 10 } }
}
