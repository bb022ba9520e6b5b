// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A 128-bit Internet address (RFC 4291), held as two integers in host order.
@frozen
public struct IPv6Address: Hashable, Sendable {
    /// The first eight octets.
    public let high: UInt64

    /// The last eight octets.
    public let low: UInt64

    /// Octets of an address.
    public static let byteCount = 16

    /// `::`, the absence of an address (RFC 4291 section 2.5.2).
    public static let unspecified = IPv6Address(high: 0, low: 0)

    /// `::1` (RFC 4291 section 2.5.3).
    public static let loopback = IPv6Address(high: 0, low: 1)

    /// An address from its halves in host order.
    @inlinable @inline(__always)
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the sixteen octets at `offset`, which must lie within the span.
    @inlinable @inline(__always)
    public init(_ span: Span<UInt8>, at offset: Int) {
        high = span.readUInt64(at: offset)
        low = span.readUInt64(at: offset &+ 8)
    }

    /// Stores the sixteen octets at `offset`, which must lie within the span.
    @inlinable @inline(__always)
    public func store(to span: inout MutableSpan<UInt8>, at offset: Int) {
        span.storeUInt64(high, at: offset)
        span.storeUInt64(low, at: offset &+ 8)
    }

    /// Whether this is `::`.
    @inlinable @inline(__always)
    public var isUnspecified: Bool { high == 0 && low == 0 }

    /// Whether this is `::1`.
    @inlinable @inline(__always)
    public var isLoopback: Bool { high == 0 && low == 1 }

    /// Whether the address is in ff00::/8 (RFC 4291 section 2.7).
    @inlinable @inline(__always)
    public var isMulticast: Bool { high >> 56 == 0xff }

    /// Whether the address is in fe80::/10 (RFC 4291 section 2.5.6).
    @inlinable @inline(__always)
    public var isLinkLocal: Bool { high >> 54 == 0x3fa }

    /// The IPv4 address inside of an IPv4-mapped address, ::ffff:0:0/96 (RFC 4291 section 2.5.5.2).
    @inlinable
    public var mappedIPv4: IPv4Address? {
        high == 0 && low >> 32 == 0xffff ? IPv4Address(rawValue: UInt32(truncatingIfNeeded: low)) : nil
    }

    /// One of the eight 16-bit groups, 0 being the first as written.
    @inlinable
    public func group(_ index: Int) -> UInt16 {
        let half = index < 4 ? high : low
        return UInt16(truncatingIfNeeded: half >> UInt64(truncatingIfNeeded: 48 &- 16 &* (index & 3)))
    }
}

extension IPv6Address: Comparable {
    /// By value, as written.
    @inlinable
    public static func < (left: IPv6Address, right: IPv6Address) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
