// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A 32-bit Internet address (RFC 791), held in host order so that ranges and masks are plain arithmetic.
@frozen
public struct IPv4Address: RawRepresentable, Hashable, Sendable {
    /// The address in host order: 192.0.2.1 is 0xc0000201.
    public let rawValue: UInt32

    /// Octets of an address.
    public static let byteCount = 4

    /// 0.0.0.0: "this host", before it has an address (RFC 1122 section 3.2.1.3).
    public static let unspecified = IPv4Address(rawValue: 0)

    /// 255.255.255.255: all hosts of the link.
    public static let broadcast = IPv4Address(rawValue: 0xffff_ffff)

    /// 127.0.0.1.
    public static let loopback = IPv4Address(rawValue: 0x7f00_0001)

    /// An address from its value in host order.
    @inlinable @inline(__always)
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// An address from its four octets as written: `IPv4Address(192, 0, 2, 1)`.
    @inlinable @inline(__always)
    public init(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
        rawValue = UInt32(first) << 24 | UInt32(second) << 16 | UInt32(third) << 8 | UInt32(fourth)
    }

    /// Reads the four octets at `offset`, which must lie within the span.
    @inlinable @inline(__always)
    public init(_ span: Span<UInt8>, at offset: Int) {
        rawValue = span.readUInt32(at: offset)
    }

    /// Stores the four octets at `offset`, which must lie within the span.
    @inlinable @inline(__always)
    public func store(to span: inout MutableSpan<UInt8>, at offset: Int) {
        span.storeUInt32(rawValue, at: offset)
    }

    /// Whether the address is in 127.0.0.0/8 (RFC 1122 section 3.2.1.3).
    @inlinable @inline(__always)
    public var isLoopback: Bool { rawValue >> 24 == 127 }

    /// Whether the address is in 224.0.0.0/4 (RFC 5771).
    @inlinable @inline(__always)
    public var isMulticast: Bool { rawValue >> 28 == 0xe }

    /// Whether this is 255.255.255.255.
    @inlinable @inline(__always)
    public var isBroadcast: Bool { rawValue == 0xffff_ffff }

    /// Whether this is 0.0.0.0.
    @inlinable @inline(__always)
    public var isUnspecified: Bool { rawValue == 0 }

    /// Whether the address is in 169.254.0.0/16 (RFC 3927).
    @inlinable @inline(__always)
    public var isLinkLocal: Bool { rawValue >> 16 == 0xa9fe }

    /// The octets as written, first on the wire first.
    @inlinable
    public var octets: (UInt8, UInt8, UInt8, UInt8) {
        (
            UInt8(truncatingIfNeeded: rawValue >> 24), UInt8(truncatingIfNeeded: rawValue >> 16),
            UInt8(truncatingIfNeeded: rawValue >> 8), UInt8(truncatingIfNeeded: rawValue)
        )
    }
}

extension IPv4Address: Comparable {
    /// By value, as written.
    @inlinable
    public static func < (left: IPv4Address, right: IPv4Address) -> Bool { left.rawValue < right.rawValue }
}

extension IPv4Address: CustomStringConvertible, LosslessStringConvertible {
    /// Parses four decimal numbers from 0 to 255 separated by dots; leading zeros and short forms are refused.
    public init?(_ text: some StringProtocol) {
        let parts = Substring(text).split(separator: ".", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard let octet = strictDecimal(part, limit: 255) else { return nil }
            value = value << 8 | UInt32(octet)
        }
        self.init(rawValue: value)
    }

    /// Parses dotted decimal.
    public init?(_ description: String) {
        self.init(description[...])
    }

    /// Dotted decimal.
    public var description: String {
        let (first, second, third, fourth) = octets
        return "\(first).\(second).\(third).\(fourth)"
    }
}
