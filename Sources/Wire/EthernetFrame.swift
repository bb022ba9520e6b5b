// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A view of an Ethernet frame: the length is checked once, afterwards no accessor can fail.
///
/// The frame begins with the destination address and has no preamble and no frame check sequence.
@frozen
public struct EthernetFrame: ~Escapable {
    /// All bytes of the frame.
    public let bytes: Span<UInt8>

    /// A view of `bytes`, or nil if there is no room for a header.
    @inlinable @inline(__always)
    @_lifetime(copy bytes)
    public init?(_ bytes: Span<UInt8>) {
        guard bytes.count >= Ethernet.headerByteCount else { return nil }
        self.bytes = bytes
    }

    /// Who shall receive the frame.
    @inlinable @inline(__always)
    public var destination: MACAddress { MACAddress(bytes, at: Ethernet.Offset.destination) }

    /// Who sent the frame.
    @inlinable @inline(__always)
    public var source: MACAddress { MACAddress(bytes, at: Ethernet.Offset.source) }

    /// The type field after the addresses: a tag's type if the frame is tagged.
    @inlinable @inline(__always)
    public var rawType: UInt16 { bytes.readUInt16(at: Ethernet.Offset.type) }

    /// Tag control information of the outer customer tag: priority (3 bits), drop eligible, VLAN (IEEE 802.1Q 9.6).
    @inlinable @inline(__always)
    public var tagControl: UInt16? {
        guard rawType == EtherType.vlan.rawValue,
            bytes.count >= Ethernet.headerByteCount &+ Ethernet.vlanTagByteCount
        else { return nil }
        return bytes.readUInt16(at: Ethernet.Offset.tagControl)
    }

    /// The VLAN of an IEEE 802.1Q tag directly after the addresses (type 0x8100); 0 is a mere priority tag.
    @inlinable @inline(__always)
    public var vlanIdentifier: UInt16? {
        guard let tagControl else { return nil }
        return tagControl & 0x0fff
    }

    /// Where the type field lies that stands behind up to two VLAN tags.
    @inlinable @inline(__always)
    var typeOffset: Int {
        var offset = Ethernet.Offset.type
        for _ in 0..<Ethernet.maximumTagCount {
            // A tag is counted only if the type behind it was received too.
            guard EtherType(rawValue: bytes.readUInt16(at: offset)).isVLANTag,
                bytes.count >= offset &+ 2 &+ Ethernet.vlanTagByteCount
            else { break }
            offset &+= Ethernet.vlanTagByteCount
        }
        return offset
    }

    /// The type of the payload, looked up behind up to two VLAN tags. It is a tag's type if the frame ends in a tag or
    /// has more of them.
    @inlinable @inline(__always)
    public var type: EtherType { EtherType(rawValue: bytes.readUInt16(at: typeOffset)) }

    /// Where the payload begins, behind up to two VLAN tags; at most the frame's length.
    @inlinable @inline(__always)
    public var payloadOffset: Int { typeOffset &+ 2 }

    /// The bytes behind the header and up to two VLAN tags.
    @inlinable @inline(__always)
    public var payload: Span<UInt8> {
        @_lifetime(copy self)
        get { bytes.extracting(payloadOffset..<bytes.count) }
    }
}
