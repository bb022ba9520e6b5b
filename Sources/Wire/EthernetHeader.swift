// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The fourteen bytes in front of an untagged frame's payload, as a value to build frames with.
@frozen
public struct EthernetHeader: Hashable, Sendable {
    /// Who shall receive the frame.
    public var destination: MACAddress
    /// Who sends the frame.
    public var source: MACAddress
    /// What the payload is.
    public var type: EtherType

    /// A header of these fields.
    @inlinable
    public init(destination: MACAddress, source: MACAddress, type: EtherType) {
        self.destination = destination
        self.source = source
        self.type = type
    }

    /// Writes the header at `offset` and returns its length, or nil if it does not fit.
    @inlinable
    @discardableResult
    public func emit(into span: inout MutableSpan<UInt8>, at offset: Int = 0) -> Int? {
        guard span.hasRoom(Ethernet.headerByteCount, at: offset) else { return nil }
        destination.store(to: &span, at: offset &+ Ethernet.Offset.destination)
        source.store(to: &span, at: offset &+ Ethernet.Offset.source)
        span.storeUInt16(type.rawValue, at: offset &+ Ethernet.Offset.type)
        return Ethernet.headerByteCount
    }
}

/// An IEEE 802.1Q tag, as it stands between the source address and the type.
@frozen
public struct VLANTag: Hashable, Sendable {
    /// The VLAN, 0 to 4094; 0 gives a priority without a VLAN.
    public var identifier: UInt16
    /// Priority code point, 0 to 7.
    public var priority: UInt8
    /// Whether the frame may be dropped first.
    public var dropEligible: Bool

    /// A tag of these fields; bits beyond what they can hold are dropped.
    @inlinable
    public init(identifier: UInt16, priority: UInt8 = 0, dropEligible: Bool = false) {
        self.identifier = identifier & 0x0fff
        self.priority = priority & 7
        self.dropEligible = dropEligible
    }

    /// A tag from its tag control information (IEEE 802.1Q clause 9.6).
    @inlinable
    public init(tagControl: UInt16) {
        identifier = tagControl & 0x0fff
        priority = UInt8(truncatingIfNeeded: tagControl >> 13)
        dropEligible = tagControl & 0x1000 != 0
    }

    /// Tag control information (IEEE 802.1Q clause 9.6).
    @inlinable
    public var tagControl: UInt16 {
        UInt16(truncatingIfNeeded: priority) << 13 | (dropEligible ? 0x1000 : 0) | identifier
    }

    /// Writes the tag's four bytes at `offset`, a customer tag unless another type is wanted, and returns 4, or nil if it does
    /// not fit.
    @inlinable
    @discardableResult
    public func emit(type: EtherType = .vlan, into span: inout MutableSpan<UInt8>, at offset: Int) -> Int? {
        guard span.hasRoom(Ethernet.vlanTagByteCount, at: offset) else { return nil }
        span.storeUInt16(type.rawValue, at: offset)
        span.storeUInt16(tagControl, at: offset &+ 2)
        return Ethernet.vlanTagByteCount
    }
}
