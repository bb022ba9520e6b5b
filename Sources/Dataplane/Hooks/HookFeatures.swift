// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What is done to the frames of a port besides forwarding them. Empty for an ordinary port: the frame path asks once.
@frozen
public struct HookFeatures: OptionSet, Sendable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    @inlinable public static var captureIn: HookFeatures { HookFeatures(rawValue: 0x01) }
    @inlinable public static var mirrorIn: HookFeatures { HookFeatures(rawValue: 0x02) }
    /// A rate limit or an impairment.
    @inlinable public static var shapeIn: HookFeatures { HookFeatures(rawValue: 0x04) }
    /// Nothing that comes in is forwarded: a monitor port.
    @inlinable public static var closedIn: HookFeatures { HookFeatures(rawValue: 0x08) }
    /// A policy decides about frames as they are, or about their segments one by one.
    @inlinable public static var judgeIn: HookFeatures { HookFeatures(rawValue: 0x10) }
    @inlinable public static var judgeSegmentsIn: HookFeatures { HookFeatures(rawValue: 0x20) }
    /// The client at this place lets itself send only what its own filter wants.
    @inlinable public static var clientIn: HookFeatures { HookFeatures(rawValue: 0x40) }
    /// The client at this place gets only what its own filter wants.
    @inlinable public static var clientOut: HookFeatures { HookFeatures(rawValue: 0x4000) }
    /// VLAN tags are translated.
    @inlinable public static var tagIn: HookFeatures { HookFeatures(rawValue: 0x80) }
    @inlinable public static var captureOut: HookFeatures { HookFeatures(rawValue: 0x0100) }
    @inlinable public static var mirrorOut: HookFeatures { HookFeatures(rawValue: 0x0200) }
    @inlinable public static var shapeOut: HookFeatures { HookFeatures(rawValue: 0x0400) }
    /// Nothing but mirrored frames goes out.
    @inlinable public static var closedOut: HookFeatures { HookFeatures(rawValue: 0x0800) }
    @inlinable public static var judgeOut: HookFeatures { HookFeatures(rawValue: 0x1000) }
    @inlinable public static var judgeSegmentsOut: HookFeatures { HookFeatures(rawValue: 0x2000) }

    @inlinable public static var ingress: HookFeatures { HookFeatures(rawValue: 0x00ff) }
    @inlinable public static var egress: HookFeatures { HookFeatures(rawValue: 0xff00) }
}
