// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Lets a bounded amount through per second: a token bucket (RFC 2697 describes the idea), in any unit.
///
/// Tokens are kept in units times nanoseconds, so that no rate and no interval is rounded. A full bucket lets `burst` units
/// through at once, afterwards `rate` units a second. Time comes with each call; it may stand still but not run backwards.
@frozen
public struct TokenBucket: Sendable {
    /// Units a second.
    public let rate: UInt64
    /// Units that may pass at once when nothing has passed for a while.
    public let burst: UInt64
    private let capacity: UInt64
    /// After this many nanoseconds an empty bucket is full.
    private let fillTime: UInt64
    private var tokens: UInt64
    private var latest: UInt64

    /// Largest rate and burst: 2^33 units, such that a full bucket fits 64 bits.
    public static var maximumBurst: UInt64 { 1 << 33 }
    private static var second: UInt64 { 1_000_000_000 }

    /// A full bucket.
    ///
    /// - Parameters:
    ///   - rate: units a second, 1 at least.
    ///   - burst: units at once; more than `maximumBurst` is taken for that, and at least one unit.
    ///   - now: nanoseconds.
    public init(rate: UInt64, burst: UInt64, now: UInt64) {
        self.rate = max(rate, 1)
        self.burst = min(max(burst, 1), Self.maximumBurst)
        capacity = self.burst * Self.second
        fillTime = capacity / self.rate + 1
        tokens = capacity
        latest = now
    }

    private mutating func fill(now: UInt64) {
        guard now > latest else { return }
        let elapsed = now - latest
        latest = now
        // Not more than the bucket's capacity is multiplied: no overflow.
        if elapsed >= fillTime {
            tokens = capacity
        } else {
            let (sum, overflow) = tokens.addingReportingOverflow(elapsed &* rate)
            tokens = overflow ? capacity : min(sum, capacity)
        }
    }

    /// Whether `amount` units may pass now. More than a burst at once passes when the bucket is full: a frame larger than
    /// the burst would else never pass.
    public mutating func has(_ amount: UInt64, now: UInt64) -> Bool {
        fill(now: now)
        return tokens >= min(amount, burst) * Self.second
    }

    /// Takes the tokens of what has been let through.
    public mutating func spend(_ amount: UInt64) {
        tokens -= min(tokens, min(amount, burst) * Self.second)
    }

    /// The same for more than a burst: what the bucket does not hold is owed, and nothing comes in before that is paid.
    public mutating func spendInFull(_ amount: UInt64) {
        let cost = min(amount, Self.maximumBurst) * Self.second
        guard cost > tokens else {
            tokens -= cost
            return
        }
        let owed = cost - tokens
        tokens = 0
        latest = latest &+ owed / rate &+ (owed % rate == 0 ? 0 : 1)
    }

    /// Lets `amount` units through, or not.
    public mutating func take(_ amount: UInt64, now: UInt64) -> Bool {
        guard has(amount, now: now) else { return false }
        spend(amount)
        return true
    }

    /// When `amount` units may pass if nothing else does until then: for those who let frames wait.
    public mutating func nextTime(for amount: UInt64, now: UInt64) -> UInt64 {
        if has(amount, now: now) { return now }
        let missing = min(amount, burst) * Self.second - tokens
        return max(now, latest) &+ missing / rate &+ (missing % rate == 0 ? 0 : 1)
    }
}

/// What one direction of a port may carry: bits and frames a second, each limited or not.
///
/// A frame passes when both buckets have its tokens; one that does not pass takes none. The bits are those of the frame
/// from its destination address to the end of its payload.
@frozen
public struct RateLimit: Sendable {
    public private(set) var bits: TokenBucket?
    public private(set) var frames: TokenBucket?

    /// A limit with full buckets; a rate of nil or 0 is no limit. The bursts default to 10 ms of the rate, and to room for
    /// a few frames.
    public init(
        bitsPerSecond: UInt64?,
        burstBits: UInt64? = nil,
        framesPerSecond: UInt64? = nil,
        burstFrames: UInt64? = nil,
        now: UInt64
    ) {
        if let rate = bitsPerSecond, rate > 0 {
            bits = TokenBucket(rate: rate, burst: burstBits ?? max(rate / 100, 8 * 10 * 1514), now: now)
        }
        if let rate = framesPerSecond, rate > 0 {
            frames = TokenBucket(rate: rate, burst: burstFrames ?? max(rate / 100, 10), now: now)
        }
    }

    /// Whether a frame of this size may pass now; it is counted if so.
    public mutating func passes(byteCount: Int, now: UInt64) -> Bool {
        let amount = UInt64(truncatingIfNeeded: max(byteCount, 0)) &* 8
        if bits?.has(amount, now: now) == false || frames?.has(1, now: now) == false { return false }
        bits?.spend(amount)
        frames?.spend(1)
        return true
    }

    /// When a frame of this size may pass: for those who let frames wait.
    public mutating func nextTime(byteCount: Int, now: UInt64) -> UInt64 {
        let amount = UInt64(truncatingIfNeeded: max(byteCount, 0)) &* 8
        let first = bits?.nextTime(for: amount, now: now) ?? now
        return max(first, frames?.nextTime(for: 1, now: now) ?? now)
    }
}
