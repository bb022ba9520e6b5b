// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// IP addresses from a first to a last one, of one version.
public struct AllowedRange: Sendable, Hashable, Comparable {
    /// The addresses' numbers; IPv4 in the lowest 32 bits.
    public let first: UInt128
    public let last: UInt128
    public let isIPv6: Bool

    init(first: UInt128, last: UInt128, isIPv6: Bool) {
        self.first = first
        self.last = last
        self.isIPv6 = isIPv6
    }

    public init(_ address: IPv4Address) {
        self.init(first: UInt128(address.rawValue), last: UInt128(address.rawValue), isIPv6: false)
    }

    public init(_ address: IPv6Address) {
        let number = UInt128(address.high) << 64 | UInt128(address.low)
        self.init(first: number, last: number, isIPv6: true)
    }

    public static func < (left: AllowedRange, right: AllowedRange) -> Bool {
        if left.isIPv6 != right.isIPv6 { return right.isIPv6 }
        return (left.first, left.last) < (right.first, right.last)
    }

    /// One of the 32-bit words of an address's number, the most significant one first; IPv4 has one.
    static func word(_ number: UInt128, _ index: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: number >> UInt128(32 * (3 - index)))
    }

    /// Those of one version in order, without overlaps.
    static func normalized(_ ranges: [AllowedRange], isIPv6: Bool) -> [AllowedRange] {
        var result: [AllowedRange] = []
        for range in ranges.filter({ $0.isIPv6 == isIPv6 }).sorted() {
            if let previous = result.last, previous.last == .max || range.first <= previous.last + 1 {
                result[result.count - 1] = AllowedRange(
                    first: previous.first,
                    last: max(previous.last, range.last),
                    isIPv6: isIPv6
                )
            } else {
                result.append(range)
            }
        }
        return result
    }
}

extension AllowedRange {
    /// `10.0.0.5`, `10.0.0.0/28`, `10.0.0.5-10.0.0.9`, and the same of IPv6. Throws what is wrong with it, and what to write.
    public init(_ text: some StringProtocol) throws(PolicyError) {
        if let dash = text.firstIndex(of: "-") {
            let (from, to) = try (Self.address(text[..<dash]), Self.address(text[text.index(after: dash)...]))
            guard from.isIPv6 == to.isIPv6, from.first <= to.first else {
                throw PolicyError(
                    "\(text): the last address of a range does not come before the first, and is of its kind"
                )
            }
            self.init(first: from.first, last: to.first, isIPv6: from.isIPv6)
            return
        }
        guard let slash = text.firstIndex(of: "/") else {
            self = try Self.address(text)
            return
        }
        let address = try Self.address(text[..<slash])
        let width = address.isIPv6 ? 128 : 32
        guard let length = Int(text[text.index(after: slash)...]), (0...width).contains(length) else {
            throw PolicyError("\(text): a prefix length from 0 to \(width) is wanted behind the slash")
        }
        let hosts: UInt128 = length == 0 && width == 128 ? .max : (1 << UInt128(width - length)) - 1
        guard address.first & hosts == 0 else {
            let network = AllowedRange(first: address.first & ~hosts, last: 0, isIPv6: address.isIPv6)
            throw PolicyError(
                "\(text): is an address in a network; write \(text[..<slash]) for the one, "
                    + "\(network.firstText)/\(length) for the other"
            )
        }
        self.init(first: address.first, last: address.first | hosts, isIPv6: address.isIPv6)
    }

    /// Several of them, separated by commas.
    public static func list(_ text: some StringProtocol) throws(PolicyError) -> [AllowedRange] {
        var ranges: [AllowedRange] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            ranges.append(try AllowedRange(part))
        }
        return ranges
    }

    private static func address(_ text: some StringProtocol) throws(PolicyError) -> AllowedRange {
        if let address = IPv4Address(text) { return AllowedRange(address) }
        if let address = IPv6Address(text) { return AllowedRange(address) }
        throw PolicyError(
            "\(text): no IP address; such as 10.0.0.5, 10.0.0.0/28, 10.0.0.5-10.0.0.9 or fd00::/64 is wanted"
        )
    }

    private var firstText: String { Self.text(first, isIPv6) }

    private static func text(_ number: UInt128, _ isIPv6: Bool) -> String {
        isIPv6
            ? IPv6Address(high: UInt64(number >> 64), low: UInt64(truncatingIfNeeded: number)).description
            : IPv4Address(rawValue: UInt32(truncatingIfNeeded: number)).description
    }
}

extension AllowedRange: CustomStringConvertible {
    public var description: String {
        first == last ? firstText : "\(firstText)-\(Self.text(last, isIPv6))"
    }
}

/// Ethernet addresses that begin alike.
public struct AllowedMAC: Sendable, Hashable, CustomStringConvertible {
    public let address: MACAddress
    /// Leading bits that count.
    public let prefixLength: Int

    public init(_ address: MACAddress, prefixLength: Int = 48) {
        self.address = address
        self.prefixLength = prefixLength
    }

    /// `52:54:00:12:34:56`, or `52:54:00:12:00:00/32` for all that begin so.
    public init(_ text: some StringProtocol) throws(PolicyError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ MACAddress($0) }), !address.isMulticast else {
            throw PolicyError("\(text): no address of one station; such as 52:54:00:12:34:56 is wanted")
        }
        var length = 48
        if parts.count == 2 {
            guard let number = Int(parts[1]), (8...48).contains(number) else {
                throw PolicyError("\(text): a prefix length from 8 to 48 is wanted behind the slash")
            }
            length = number
        }
        self.init(address, prefixLength: length)
    }

    var mask: UInt64 { 0xffff_ffff_ffff & ~((1 << UInt64(48 - prefixLength)) - 1) }

    public var description: String { prefixLength == 48 ? "\(address)" : "\(address)/\(prefixLength)" }
}
