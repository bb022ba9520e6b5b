// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Which counters have been received: a sliding window over the newest ones, in the manner of RFC 6479 (a ring of words, so
/// that moving on never shifts bits).
public struct ReplayWindow: Sendable {
    /// How far behind the newest a packet may be: some bits of the ring are always in transition.
    public static var size: UInt64 { 2048 - 64 }
    private var ring: [32 of UInt64] = InlineArray(repeating: 0)
    /// The newest counter seen, plus one.
    private var next: UInt64 = 0

    public init() {}

    /// Whether this counter may be accepted: it is not too old, and was not here before.
    public func isFresh(_ counter: UInt64) -> Bool {
        if counter >= next { return counter != .max }
        guard next &- counter <= Self.size else { return false }
        return ring[Int(counter >> 6 & 31)] & (1 << (counter & 63)) == 0
    }

    /// Notes an authentic packet's counter.
    public mutating func note(_ counter: UInt64) {
        if counter >= next {
            let newest = next == 0 ? nil : (next &- 1) >> 6
            let word = counter >> 6
            if let newest {
                let steps = min(word &- newest, 32)
                for step in 0..<steps { ring[Int((newest &+ 1 &+ step) & 31)] = 0 }
            }
            next = counter &+ 1
        }
        ring[Int(counter >> 6 & 31)] |= 1 << (counter & 63)
    }
}
