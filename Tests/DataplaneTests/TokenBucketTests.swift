// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Dataplane

@Suite("Token buckets")
struct TokenBucketTests {
    @Test("a burst passes at once, then the rate", arguments: [1, 1000, 1_000_000_007, 100_000_000_000] as [UInt64])
    func rate(rate: UInt64) {
        let burst = max(rate / 100, 1)
        var bucket = TokenBucket(rate: rate, burst: burst, now: 5)
        expect(bucket.take(burst, now: 5))
        expect(!bucket.take(1, now: 5))
        // Over ten seconds of steady asking exactly the rate passes.
        var passed: UInt64 = 0
        let step = max(burst / 4, 1)
        var now: UInt64 = 5
        for _ in 0..<10_000 {
            now += 1_000_000
            while bucket.take(step, now: now) { passed += step }
        }
        let wanted = 10 * rate
        #expect(passed <= wanted && wanted - passed <= step)
    }

    @Test("what is larger than the burst passes when the bucket is full, and empties it")
    func oversized() {
        var bucket = TokenBucket(rate: 8000, burst: 8000, now: 0)
        expect(bucket.take(100_000, now: 0))
        expect(!bucket.take(8, now: 999_999))
        expect(bucket.take(8, now: 1_000_000))
        expect(bucket.nextTime(for: 100_000, now: 1_000_000) == 1_001_000_000)
        expect(bucket.take(100_000, now: 1_001_000_000))
    }

    @Test("what is paid in full beyond a burst is owed, and nothing passes before that is paid")
    func owes() {
        var bucket = TokenBucket(rate: 1000, burst: 10, now: 0)
        expect(bucket.has(110, now: 0))
        bucket.spendInFull(110)
        expect(!bucket.take(1, now: 100_999_999))
        expect(bucket.nextTime(for: 1, now: 50_000_000) == 101_000_000)
        expect(bucket.take(1, now: 101_000_000))
        bucket.spendInFull(0)
        expect(bucket.take(1, now: 102_000_000))
    }

    @Test("extreme values and a clock that stands still or jumps do not trap")
    func extremes() {
        for (rate, burst) in [(UInt64.max, UInt64.max), (0, 0), (1, .max), (.max, 1)] {
            var bucket = TokenBucket(rate: rate, burst: burst, now: .max - 1)
            for now in [UInt64.max, 0, .max, 3] {
                _ = bucket.take(.max, now: now)
                bucket.spendInFull(.max)
                _ = bucket.nextTime(for: .max, now: now)
            }
        }
    }

    @Test("a frame passes when both buckets let it; one that does not takes nothing")
    func both() {
        var limit = RateLimit(
            bitsPerSecond: 8000,
            burstBits: 16_000,
            framesPerSecond: 1000,
            burstFrames: 1000,
            now: 0
        )
        expect(limit.passes(byteCount: 1000, now: 0))
        expect(!limit.passes(byteCount: 1500, now: 0))
        expect(limit.passes(byteCount: 1000, now: 0))
        expect(!limit.passes(byteCount: 1, now: 0))
        expect(limit.nextTime(byteCount: 1000, now: 0) == 1_000_000_000)
        var none = RateLimit(bitsPerSecond: nil, framesPerSecond: 0, now: 0)
        expect(none.passes(byteCount: 1 << 40, now: 0))
        var frames = RateLimit(bitsPerSecond: 0, framesPerSecond: 10, burstFrames: 2, now: 0)
        expect((0..<4).map { _ in frames.passes(byteCount: 60, now: 0) } == [true, true, false, false])
        expect(frames.nextTime(byteCount: 60, now: 0) == 100_000_000)
    }
}
