// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The header before every frame inside of Etherloom: `struct virtio_net_hdr_v1` (virtio 1.2 section 5.1.6), little
/// endian. It says which work the sender left undone: a checksum, or cutting a super-frame into segments.
///
/// Taps, vhost-user and our own channel carry it as it is. A client may send any header: nothing in it may be believed
/// before `validate` agreed.
@frozen
public struct VirtioNetHeader: Hashable, Sendable {
    /// What is to be done with checksums.
    @frozen
    public struct Flags: OptionSet, Hashable, Sendable {
        /// The byte as on the wire.
        public let rawValue: UInt8

        /// Any byte.
        @inlinable @inline(__always)
        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// The checksum at `checksumStart + checksumOffset` holds the pseudo-header's sum only and must be completed.
        public static let needsChecksum = Flags(rawValue: 1)
        /// The sender of the header vouches for the frame's checksum.
        public static let dataValid = Flags(rawValue: 2)
    }

    /// What a super-frame is to be cut into.
    @frozen
    public struct GSOType: RawRepresentable, Hashable, Sendable {
        /// The byte as on the wire.
        public let rawValue: UInt8

        /// Any byte.
        @inlinable @inline(__always)
        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// Not a super-frame.
        public static let none = GSOType(rawValue: 0)
        /// TCP segments over IPv4 (TSO).
        public static let tcpv4 = GSOType(rawValue: 1)
        /// IP fragments of a UDP datagram (UFO), which no port of ours offers and Linux gave up.
        public static let udp = GSOType(rawValue: 3)
        /// TCP segments over IPv6 (TSO6).
        public static let tcpv6 = GSOType(rawValue: 4)
        /// UDP datagrams over IPv4 or IPv6 (USO).
        public static let udpL4 = GSOType(rawValue: 5)
        /// A bit beside the TCP types: the first segment carries CWR.
        public static let ecn = GSOType(rawValue: 0x80)

        /// The type without the ECN bit.
        @inlinable @inline(__always)
        public var kind: GSOType { GSOType(rawValue: rawValue & 0x7f) }

        /// Whether the ECN bit is set.
        @inlinable @inline(__always)
        public var hasECN: Bool { rawValue & 0x80 != 0 }
    }

    /// What is to be done with checksums.
    public var flags: Flags
    /// What a super-frame is to be cut into.
    public var gsoType: GSOType
    /// Bytes of all headers of a super-frame; a hint only, Linux taps put the length of linear data here.
    public var headerLength: UInt16
    /// Payload bytes of each segment of a super-frame.
    public var gsoSize: UInt16
    /// Where summing begins, in bytes from the frame's beginning.
    public var checksumStart: UInt16
    /// Where the checksum stands, in bytes behind `checksumStart`.
    public var checksumOffset: UInt16
    /// Buffers that a received frame lies in; 1 unless receive buffers are merged.
    public var bufferCount: UInt16

    /// Bytes of the header.
    public static let byteCount = 12

    /// The header of a complete frame.
    public static let plain = VirtioNetHeader()

    /// A header of these fields; without any, that of a complete frame.
    @inlinable @inline(__always)
    public init(
        flags: Flags = [],
        gsoType: GSOType = .none,
        headerLength: UInt16 = 0,
        gsoSize: UInt16 = 0,
        checksumStart: UInt16 = 0,
        checksumOffset: UInt16 = 0,
        bufferCount: UInt16 = 0
    ) {
        self.flags = flags
        self.gsoType = gsoType
        self.headerLength = headerLength
        self.gsoSize = gsoSize
        self.checksumStart = checksumStart
        self.checksumOffset = checksumOffset
        self.bufferCount = bufferCount
    }

    /// Reads the header at `offset`, or nil if it is cut short. Its values are not judged; see `validate`.
    @inlinable
    public static func parse(_ span: Span<UInt8>, at offset: Int = 0) -> VirtioNetHeader? {
        guard span.hasBytes(byteCount, at: offset) else { return nil }
        return VirtioNetHeader(
            flags: Flags(rawValue: span[offset]),
            gsoType: GSOType(rawValue: span[offset &+ 1]),
            headerLength: span.readLittleEndianUInt16(at: offset &+ 2),
            gsoSize: span.readLittleEndianUInt16(at: offset &+ 4),
            checksumStart: span.readLittleEndianUInt16(at: offset &+ 6),
            checksumOffset: span.readLittleEndianUInt16(at: offset &+ 8),
            bufferCount: span.readLittleEndianUInt16(at: offset &+ 10)
        )
    }

    /// Writes the header at `offset` and returns its length, or nil if it does not fit.
    @inlinable
    @discardableResult
    public func emit(into span: inout MutableSpan<UInt8>, at offset: Int = 0) -> Int? {
        guard span.hasRoom(VirtioNetHeader.byteCount, at: offset) else { return nil }
        span[offset] = flags.rawValue
        span[offset &+ 1] = gsoType.rawValue
        span.storeLittleEndianUInt16(headerLength, at: offset &+ 2)
        span.storeLittleEndianUInt16(gsoSize, at: offset &+ 4)
        span.storeLittleEndianUInt16(checksumStart, at: offset &+ 6)
        span.storeLittleEndianUInt16(checksumOffset, at: offset &+ 8)
        span.storeLittleEndianUInt16(bufferCount, at: offset &+ 10)
        return VirtioNetHeader.byteCount
    }

    /// Whether the frame's checksum must be completed.
    @inlinable @inline(__always)
    public var needsChecksum: Bool { flags.contains(.needsChecksum) }

    /// Whether the frame must be cut into segments for a port that does not take super-frames.
    @inlinable @inline(__always)
    public var isSuperFrame: Bool { gsoType.kind != .none }

    /// Whether nothing is left to do: no checksum to complete and nothing to cut.
    @inlinable @inline(__always)
    public var isComplete: Bool { !needsChecksum && gsoType == .none }

    /// How many segments a frame of that length becomes at most; 1 when it is no super-frame.
    ///
    /// The frame's own headers may be longer than the shortest ones, which are counted here, so that it may become fewer.
    @inlinable
    public func mostSegments(frameByteCount: Int) -> Int {
        guard isSuperFrame, gsoSize > 0 else { return 1 }
        let transport = gsoType.kind == .udpL4 ? UDPHeader.byteCount : TCPHeader.byteCount
        let payload = frameByteCount &- Int(checksumStart) &- transport
        return max(1, (payload &+ Int(gsoSize) &- 1) / Int(gsoSize))
    }

    /// Whether the header makes sense for a frame: every offset lies within the frame, behind the Ethernet header.
    ///
    /// A super-frame that would become more segments than any honest sender's is none that makes sense: it costs its sender one
    /// frame, and everybody else thousands.
    ///
    /// A frame for which this is true can be handed to `ChecksumCompletion` and to the kernel. Whether a super-frame's
    /// own headers agree is the `Segmenter`'s to say.
    @inlinable
    public func validate(frame: Span<UInt8>) -> Bool { validate(frameByteCount: frame.count) }

    /// Whether the header makes sense for a frame of that length.
    @inlinable
    public func validate(frameByteCount: Int) -> Bool {
        guard frameByteCount >= Ethernet.headerByteCount, Int(headerLength) <= frameByteCount else { return false }
        if needsChecksum {
            // A start inside of the Ethernet header would let the completion change addresses already judged.
            guard Int(checksumStart) >= Ethernet.headerByteCount,
                Int(checksumStart) &+ Int(checksumOffset) &+ 2 <= frameByteCount
            else { return false }
        }
        switch gsoType.kind {
        case .none:
            return !gsoType.hasECN
        case .tcpv4, .tcpv6:
            // Virtio 1.2 section 5.1.6.2.1: a super-frame's checksum is always left to the device.
            return needsChecksum && Int(gsoSize) >= WireTunables.minimumTCPSegmentByteCount
                && mostSegments(frameByteCount: frameByteCount) <= WireTunables.maximumTCPSegmentCount
        case .udpL4:
            return needsChecksum && gsoSize > 0 && !gsoType.hasECN
                && mostSegments(frameByteCount: frameByteCount) <= WireTunables.maximumUDPSegmentCount
        default:
            return false
        }
    }
}
