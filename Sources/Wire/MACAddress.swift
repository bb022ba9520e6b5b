// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A 48-bit Ethernet address (IEEE 802-2014 clause 8.2).
///
/// The first octet on the wire is the most significant of `rawValue`, so that addresses compare in the order in which
/// they are written and a forwarding table keys on one plain integer.
@frozen
public struct MACAddress: RawRepresentable, Hashable, Sendable {
    /// The address in the low 48 bits; the high 16 bits are always zero.
    public let rawValue: UInt64

    /// Octets of an address.
    public static let byteCount = 6

    /// The group of all stations, ff:ff:ff:ff:ff:ff.
    public static let broadcast = MACAddress(rawValue: 0xffff_ffff_ffff)

    /// The all-zero address, which no station has; ARP uses it for "not known yet".
    public static let zero = MACAddress(rawValue: 0)

    /// Takes the low 48 bits of `rawValue`.
    @inlinable @inline(__always)
    public init(rawValue: UInt64) {
        self.rawValue = rawValue & 0xffff_ffff_ffff
    }

    /// Takes the low 48 bits of `rawValue`.
    @inlinable @inline(__always)
    public init(_ rawValue: UInt64) {
        self.init(rawValue: rawValue)
    }

    /// Reads the six octets at `offset`, which must lie within the span.
    @inlinable @inline(__always)
    public init(_ span: Span<UInt8>, at offset: Int) {
        let high = UInt64(truncatingIfNeeded: span.readUInt16(at: offset))
        let low = UInt64(truncatingIfNeeded: span.readUInt32(at: offset &+ 2))
        rawValue = high << 32 | low
    }

    /// Stores the six octets at `offset`, which must lie within the span.
    @inlinable @inline(__always)
    public func store(to span: inout MutableSpan<UInt8>, at offset: Int) {
        span.storeUInt16(UInt16(truncatingIfNeeded: rawValue >> 32), at: offset)
        span.storeUInt32(UInt32(truncatingIfNeeded: rawValue), at: offset &+ 2)
    }

    /// Whether this is a group address (the I/G bit, the least significant of the first octet); broadcast is one too.
    @inlinable @inline(__always)
    public var isMulticast: Bool { rawValue & 0x0100_0000_0000 != 0 }

    /// Whether this is ff:ff:ff:ff:ff:ff.
    @inlinable @inline(__always)
    public var isBroadcast: Bool { rawValue == 0xffff_ffff_ffff }

    /// Whether the address was assigned locally rather than by a manufacturer (the U/L bit).
    @inlinable @inline(__always)
    public var isLocallyAdministered: Bool { rawValue & 0x0200_0000_0000 != 0 }

    /// One octet of the address, 0 being the first on the wire.
    @inlinable @inline(__always)
    public func octet(_ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: rawValue >> UInt64(truncatingIfNeeded: 40 &- 8 &* index))
    }
}

extension MACAddress: Comparable {
    /// By value, as written.
    @inlinable
    public static func < (left: MACAddress, right: MACAddress) -> Bool { left.rawValue < right.rawValue }
}

extension MACAddress: CustomStringConvertible, LosslessStringConvertible {
    /// Parses six groups of one or two hexadecimal digits separated by colons, in either case: `02:00:5e:10:0:1`.
    public init?(_ text: some StringProtocol) {
        var value: UInt64 = 0
        var groups = 0
        var digits = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: ":") {
                guard digits > 0, groups < 5 else { return nil }
                groups += 1
                digits = 0
                value <<= 8
                continue
            }
            guard let digit = hexadecimalDigit(byte), digits < 2 else { return nil }
            let octet = (value & 0xff) << 4 | UInt64(digit)
            value = value & ~0xff | octet
            digits += 1
        }
        guard groups == 5, digits > 0 else { return nil }
        self.init(rawValue: value)
    }

    /// Parses six groups of hexadecimal digits separated by colons.
    public init?(_ description: String) {
        self.init(description[...])
    }

    /// Six groups of two lower-case hexadecimal digits separated by colons.
    public var description: String {
        var text = ""
        for index in 0..<MACAddress.byteCount {
            if index > 0 { text += ":" }
            text += twoHexadecimalDigits(octet(index))
        }
        return text
    }
}
