// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// Textual form of IPv6 addresses: read per RFC 4291 section 2.2, written per RFC 5952.

extension IPv6Address: CustomStringConvertible, LosslessStringConvertible {
    /// Parses eight groups of one to four hexadecimal digits, one run of zero groups written `::`, and the last two
    /// groups as dotted decimal if so wished. Zone names (`%eth0`) are not part of an address and are refused.
    public init?(_ text: some StringProtocol) {
        let text = Substring(text)
        guard let gap = text.firstDoubleColon else {
            guard let groups = IPv6Groups(text, mayBeEmpty: false), groups.count == 8 else { return nil }
            self = groups.address(shiftedBy: 0)
            return
        }
        let afterGap = text.utf8.index(gap, offsetBy: 2)
        guard let head = IPv6Groups(text[..<gap], mayBeEmpty: true, mayEndInIPv4: false),
            let tail = IPv6Groups(text[afterGap...], mayBeEmpty: true)
        else { return nil }
        // "::" stands for at least one group (RFC 4291: "one or more").
        guard head.count + tail.count <= 7 else { return nil }
        let left = head.address(shiftedBy: 8 - head.count)
        let right = tail.address(shiftedBy: 0)
        self.init(high: left.high | right.high, low: left.low | right.low)
    }

    /// Parses the forms of RFC 4291 section 2.2.
    public init?(_ description: String) {
        self.init(description[...])
    }

    /// The canonical form: lower case, no leading zeros, the longest run of at least two zero groups (the first of
    /// equals) as `::`, and IPv4-mapped addresses with a dotted decimal tail (RFC 5952 sections 4 and 5).
    public var description: String {
        if let mappedIPv4 {
            return "::ffff:\(mappedIPv4)"
        }
        let gap = longestZeroRun
        var text = ""
        var index = 0
        while index < 8 {
            if let gap, index == gap.lowerBound {
                text += "::"
                index = gap.upperBound
                continue
            }
            if index > 0, !text.hasSuffix(":") { text += ":" }
            text += String(group(index), radix: 16)
            index += 1
        }
        return text
    }

    /// The longest run of at least two zero groups; of equally long ones the first.
    private var longestZeroRun: Range<Int>? {
        var best: Range<Int>?
        var start = 0
        for index in 0...8 where index == 8 || group(index) != 0 {
            if index - start >= 2, index - start > best?.count ?? 0 { best = start..<index }
            start = index + 1
        }
        return best
    }
}

/// Groups of hexadecimal digits separated by single colons, collected in the low end of a 128-bit number.
private struct IPv6Groups {
    var high: UInt64 = 0
    var low: UInt64 = 0
    var count = 0

    init?(_ text: Substring, mayBeEmpty: Bool, mayEndInIPv4: Bool = true) {
        if text.isEmpty {
            guard mayBeEmpty else { return nil }
            return
        }
        let parts = text.split(separator: ":", maxSplits: 8, omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if mayEndInIPv4, index == parts.count - 1, part.utf8.contains(UInt8(ascii: ".")) {
                guard let address = IPv4Address(part) else { return nil }
                append(UInt16(truncatingIfNeeded: address.rawValue >> 16))
                append(UInt16(truncatingIfNeeded: address.rawValue))
            } else {
                guard part.utf8.count >= 1, part.utf8.count <= 4 else { return nil }
                var value: UInt16 = 0
                for byte in part.utf8 {
                    guard let digit = hexadecimalDigit(byte) else { return nil }
                    value = value << 4 | UInt16(digit)
                }
                append(value)
            }
        }
        guard count <= 8 else { return nil }
    }

    private mutating func append(_ group: UInt16) {
        high = high << 16 | low >> 48
        low = low << 16 | UInt64(group)
        count += 1
    }

    /// The groups as an address with `groupCount` zero groups after them.
    func address(shiftedBy groupCount: Int) -> IPv6Address {
        var shifted = self
        for _ in 0..<groupCount { shifted.append(0) }
        return IPv6Address(high: shifted.high, low: shifted.low)
    }
}

extension Substring {
    /// Where the first `::` begins.
    fileprivate var firstDoubleColon: Index? {
        var previous: Index?
        for index in utf8.indices {
            guard utf8[index] == UInt8(ascii: ":") else {
                previous = nil
                continue
            }
            if let previous { return previous }
            previous = index
        }
        return nil
    }
}
