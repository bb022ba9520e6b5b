// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A bridge protocol data unit: what bridges tell each other about the spanning tree (IEEE 802.1D-2004 clause 9).
///
/// The layout is that of the standard's Rapid Spanning Tree BPDU. The port role's two bits are coded as vde_switch codes
/// them, which has root and alternate the other way round: it decides by them whether its end of a cable may forward.
@frozen
public struct BPDU: Sendable, Equatable {
    /// What sent it.
    public enum Kind: UInt8, Sendable {
        /// A bridge of the old protocol, IEEE 802.1D-1998: it is designated, or thinks so.
        case configuration = 0x00
        case rapid = 0x02
        /// The old protocol's "the topology has changed": nothing but its kind.
        case topologyChange = 0x80
    }

    /// The sender's port, as it sees it.
    public enum Role: UInt8, Sendable {
        case unknown = 0
        case root = 1
        case alternate = 2
        case designated = 3
    }

    /// Bits of the flags octet.
    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static var topologyChange: Flags { Flags(rawValue: 0x01) }
        public static var proposal: Flags { Flags(rawValue: 0x02) }
        public static var learning: Flags { Flags(rawValue: 0x10) }
        public static var forwarding: Flags { Flags(rawValue: 0x20) }
        public static var agreement: Flags { Flags(rawValue: 0x40) }
    }

    public var kind = Kind.rapid
    public var role = Role.designated
    public var flags: Flags = []
    /// Identifier of the bridge taken for the root: priority in the upper 16 bits, address below.
    public var root: UInt64
    /// Cost of the sender's way to the root.
    public var rootPathCost: UInt32
    /// Identifier of the sender.
    public var bridge: UInt64
    /// Identifier of the sender's port: priority in the upper octet or nibble, number below.
    public var port: UInt16
    /// Times in 1/256 s.
    public var messageAge: UInt16 = 0
    public var maximumAge: UInt16 = 40 << 8
    public var helloTime: UInt16 = 4 << 8
    public var forwardDelay: UInt16 = 4 << 8

    public init(root: UInt64, rootPathCost: UInt32, bridge: UInt64, port: UInt16) {
        self.root = root
        self.rootPathCost = rootPathCost
        self.bridge = bridge
        self.port = port
    }

    /// Bytes of a frame with a rapid BPDU, without a tag and without padding.
    public static var frameByteCount: Int { Ethernet.headerByteCount + 3 + 36 }

    private static var linkHeader: (UInt8, UInt8, UInt8) { (0x42, 0x42, 0x03) }

    /// Reads the BPDU of a frame, behind one VLAN tag at most: nil if it is none, is cut short or of an unknown kind.
    public init?(frame bytes: Span<UInt8>) {
        guard let frame = EthernetFrame(bytes) else { return nil }
        // The type field is a length here (IEEE 802.3 clause 3.2.6).
        let typeOffset = frame.tagControl == nil ? 12 : 16
        guard bytes.count >= typeOffset + 2 else { return nil }
        let length = Int(bytes.readUInt16(at: typeOffset))
        let start = typeOffset + 2
        guard length >= 7, bytes.count >= start + length,
            bytes[start] == Self.linkHeader.0, bytes[start + 1] == Self.linkHeader.1,
            bytes[start + 2] == Self.linkHeader.2,
            // Protocol identifier.
            bytes.readUInt16(at: start + 3) == 0
        else { return nil }
        let body = start + 3
        guard let kind = Kind(rawValue: bytes[body + 3]) else { return nil }
        self.kind = kind
        if kind == .topologyChange {
            (root, rootPathCost, bridge, port) = (.max, .max, .max, .max)
            flags = .topologyChange
            role = .unknown
            return
        }
        // Up to and including the forward delay.
        guard length >= 3 + 35 else { return nil }
        let octet = bytes[body + 4]
        if kind == .rapid {
            flags = Flags(rawValue: octet & ~0x8c)
            role = Role(rawValue: octet >> 2 & 3) ?? .unknown
        } else {
            flags = Flags(rawValue: octet & 0x01)
            role = .designated
        }
        root = bytes.readUInt64(at: body + 5)
        rootPathCost = bytes.readUInt32(at: body + 13)
        bridge = bytes.readUInt64(at: body + 17)
        port = bytes.readUInt16(at: body + 25)
        messageAge = bytes.readUInt16(at: body + 27)
        maximumAge = bytes.readUInt16(at: body + 29)
        helloTime = bytes.readUInt16(at: body + 31)
        forwardDelay = bytes.readUInt16(at: body + 33)
    }

    /// Writes an untagged frame with this BPDU, as a rapid one, and returns its length, or nil if it does not fit.
    @discardableResult
    public func emit(from source: MACAddress, into span: inout MutableSpan<UInt8>) -> Int? {
        guard span.count >= Self.frameByteCount else { return nil }
        EthernetHeader(destination: .spanningTree, source: source, type: EtherType(rawValue: 39)).emit(into: &span)
        (span[14], span[15], span[16]) = Self.linkHeader
        span.storeUInt16(0, at: 17)
        span[19] = 2
        span[20] = Kind.rapid.rawValue
        span[21] = flags.rawValue & ~0x0c | role.rawValue << 2
        span.storeUInt64(root, at: 22)
        span.storeUInt32(rootPathCost, at: 30)
        span.storeUInt64(bridge, at: 34)
        span.storeUInt16(port, at: 42)
        span.storeUInt16(messageAge, at: 44)
        span.storeUInt16(maximumAge, at: 46)
        span.storeUInt16(helloTime, at: 48)
        span.storeUInt16(forwardDelay, at: 50)
        span[52] = 0
        return Self.frameByteCount
    }
}

extension MACAddress {
    /// The group of bridges, to which BPDUs go and which bridges do not forward (IEEE 802.1D-2004 clause 7.12.3).
    public static var spanningTree: MACAddress { MACAddress(rawValue: 0x0180_c200_0000) }
}
