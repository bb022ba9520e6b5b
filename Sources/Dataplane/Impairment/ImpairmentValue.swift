// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A quantity that varies: a value, and how far single samples lie from it.
@frozen
public struct ImpairmentValue: Sendable, Equatable {
    /// How samples lie around the value.
    @frozen
    public enum Distribution: Sendable, Equatable {
        /// Evenly from `value - spread` to `value + spread`.
        case uniform
        /// Normal with a standard deviation of a third of `spread`: more than 98 % lie within `spread`.
        case normal
    }

    public var value: Double
    public var spread: Double
    public var distribution: Distribution

    public init(_ value: Double = 0, spread: Double = 0, _ distribution: Distribution = .uniform) {
        self.value = value
        self.spread = spread
        self.distribution = distribution
    }

    /// No sample is more than 0.
    public var isZero: Bool { value + max(spread, -spread) <= 0 }

    /// One sample. Without a spread no random number is used up.
    public func sample(_ random: inout RandomSource) -> Double {
        if spread == 0 { return value }
        switch distribution {
        case .uniform: return value + spread * (random.unit() * 2 - 1)
        case .normal: return value + spread / 3 * random.normal()
        }
    }
}
