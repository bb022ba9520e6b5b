// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A place of a frame whose value a filter may demand. The tables of a demultiplexer are looked up by it.
///
/// Addresses longer than four bytes are known by their last four, or those that filters load in one piece: a key narrows the
/// choice, and the filter itself decides.
@frozen
public enum FrameField: UInt8, Sendable, CaseIterable, BitwiseCopyable {
    // In the order in which they are preferred as keys: the best tell one host from another.
    /// Destination address of an IPv4 packet.
    case ipv4Destination
    /// Target address of an ARP packet.
    case arpTarget
    /// Last four bytes of the destination address of an IPv6 packet.
    case ipv6Destination
    /// Last four bytes of the destination station.
    case destination
    case ipv4Source
    case arpSender
    case ipv6Source
    /// Last four bytes of the source station.
    case source
    /// 1: to a group of stations.
    case group
    case etherType

    /// Where it stands in an untagged frame, and how long it is.
    @inlinable
    public var place: (offset: Int, byteCount: Int) {
        switch self {
        case .ipv4Destination: (30, 4)
        case .arpTarget: (38, 4)
        case .ipv6Destination: (50, 4)
        case .destination: (2, 4)
        case .ipv4Source: (26, 4)
        case .arpSender: (28, 4)
        case .ipv6Source: (34, 4)
        case .source: (8, 4)
        case .group: (0, 1)
        case .etherType: (12, 2)
        }
    }

    /// The EtherType of the frames that have the field; nil: all have it.
    @inlinable
    public var etherType: UInt32? {
        switch self {
        case .ipv4Destination, .ipv4Source: 0x0800
        case .arpTarget, .arpSender: 0x0806
        case .ipv6Destination, .ipv6Source: 0x86dd
        default: nil
        }
    }
}

/// A field and the value that a filter demands of it.
@frozen
public struct FrameKey: Hashable, Sendable, BitwiseCopyable {
    public var field: FrameField
    public var value: UInt32

    @inlinable
    public init(_ field: FrameField, _ value: UInt32) {
        self.field = field
        self.value = value
    }
}
