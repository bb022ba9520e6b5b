// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A fast generator of numbers that only look random (xoshiro256++, Blackman and Vigna 2019): one seed, one sequence.
///
/// For impairments, not for secrets.
@frozen
public struct RandomSource: Sendable {
    private var first: UInt64
    private var second: UInt64
    private var third: UInt64
    private var fourth: UInt64

    public init(seed: UInt64) {
        // The state is filled by SplitMix64, so that similar seeds give unlike sequences and the state is never all zero.
        var state = seed
        func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
            return mixed ^ mixed >> 31
        }
        first = next()
        second = next()
        third = next()
        fourth = next()
    }

    /// 64 bits.
    public mutating func next() -> UInt64 {
        let sum = first &+ fourth
        let result = (sum << 23 | sum >> 41) &+ first
        let shifted = second << 17
        third ^= first
        fourth ^= second
        second ^= third
        first ^= fourth
        third ^= shifted
        fourth = fourth << 45 | fourth >> 19
        return result
    }

    /// From 0 to 1, 1 excluded.
    public mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// True so many times in a hundred.
    public mutating func happens(percent: Double) -> Bool {
        if percent <= 0 { return false }
        return percent >= 100 || unit() * 100 < percent
    }

    /// A number below `bound`, 0 for a bound of 0.
    public mutating func below(_ bound: UInt64) -> UInt64 {
        bound == 0 ? 0 : next().multipliedFullWidth(by: bound).high
    }

    /// Of the normal distribution with mean 0 and standard deviation 1, by the sum of twelve uniform numbers: within six
    /// deviations always, and no logarithm is needed.
    public mutating func normal() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += unit() }
        return sum
    }
}
