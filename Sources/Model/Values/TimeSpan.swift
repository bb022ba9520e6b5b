// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A length of time in a lab file: `250ms`, `1.5s`, `2m`, `1h`; a number alone is seconds.
public struct TimeSpan: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    public var nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
    public static func seconds(_ seconds: UInt64) -> TimeSpan { TimeSpan(nanoseconds: seconds * 1_000_000_000) }

    private static let units: [(suffix: String, nanoseconds: Double)] = [
        ("ms", 1e6), ("us", 1e3), ("µs", 1e3), ("ns", 1), ("s", 1e9), ("m", 60e9), ("h", 3600e9), ("", 1e9),
    ]

    public init?(_ text: some StringProtocol) {
        guard let unit = Self.units.first(where: { text.hasSuffix($0.suffix) }) else { return nil }
        let digits = text.dropLast(unit.suffix.count)
        guard let first = digits.first, first.isASCII, first.isNumber, let number = Double(digits),
            number * unit.nanoseconds < 1e18
        else { return nil }
        nanoseconds = UInt64(number * unit.nanoseconds)
    }

    public static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.nanoseconds < right.nanoseconds }

    public var description: String {
        for (suffix, unit) in [
            ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000),
        ]
            as [(String, UInt64)]
        where nanoseconds > 0 && nanoseconds % unit == 0 {
            return "\(nanoseconds / unit)\(suffix)"
        }
        return nanoseconds == 0 ? "0s" : "\(nanoseconds)ns"
    }
}
