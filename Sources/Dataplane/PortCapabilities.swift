// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// What an output can take. A frame that asks for more is segmented, or its checksum finished, before it goes there; it is
/// never dropped for a missing capability.
@frozen
public struct PortCapabilities: OptionSet, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Frames come with a virtio-net header before them.
    @inlinable public static var header: PortCapabilities { PortCapabilities(rawValue: 1) }
    /// Takes frames whose transport checksum is still to be summed.
    @inlinable public static var checksum: PortCapabilities { PortCapabilities(rawValue: 2) }
    /// Takes TCP super-frames over IPv4.
    @inlinable public static var tso4: PortCapabilities { PortCapabilities(rawValue: 4) }
    /// Takes TCP super-frames over IPv6.
    @inlinable public static var tso6: PortCapabilities { PortCapabilities(rawValue: 8) }
    /// Takes UDP super-frames of either family.
    @inlinable public static var uso: PortCapabilities { PortCapabilities(rawValue: 16) }

    @inlinable public static var all: PortCapabilities { [.header, .checksum, .tso4, .tso6, .uso] }

    /// The output takes the frame as its header describes it.
    @inlinable
    public func takes(_ header: VirtioNetHeader) -> Bool {
        switch header.gsoType.kind {
        case .none: return !header.needsChecksum || contains(.checksum)
        case .tcpv4: return contains(.tso4)
        case .tcpv6: return contains(.tso6)
        case .udpL4: return contains(.uso)
        default: return false
        }
    }
}
