// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Finds the largest packet that a path takes, by probes of its own (packetization layer path MTU discovery, RFC 8899):
/// neither silence of routers nor lies of strangers can make a black hole.
///
/// All steps of the ladder are tried at once, the largest one that is answered counts. While packets flow that not every path
/// takes, the size in use is confirmed every second, and at once after a rest; three probes without an answer lead back to the
/// size that every path takes, before the guests' TCP has waited for long.
struct PathProbe {
    /// Bytes of UDP payload that any path takes (RFC 8899: BASE_PLPMTU).
    static var base: Int { 1200 }
    /// UDP payloads that fit usual MTUs: 1280, 1400, 1460, 1492, 1500 (over IPv6, IPv4), 2304, 4096, 9000, loopback.
    private static var ladder: [13 of Int] {
        [1232, 1352, 1372, 1412, 1444, 1452, 1472, 2256, 4048, 8952, 8972, 32_000, 65_000]
    }
    private static var second: UInt64 { 1_000_000_000 }
    /// Between two confirmations.
    private static var pause: UInt64 { second }
    /// Between two looks whether there is something to confirm.
    private static var rest: UInt64 { 5 * second }

    /// The size in use.
    private(set) var confirmed = PathProbe.base
    /// What the user allows.
    let ceiling: Int
    private var step = -1
    private var round = 0
    private var unanswered = 0
    private var nextTime: UInt64 = .max
    private var nextSearch: UInt64 = .max
    private var hasTraffic = false
    /// Nothing large has been sent since the size was confirmed.
    private var isResting = false

    init(ceiling: Int) {
        self.ceiling = ceiling
        confirmed = min(Self.base, ceiling)
    }

    private static var stepCount: Int { 14 }
    /// The ladder and, as its last step, the ceiling itself.
    private func size(_ step: Int) -> Int { step < 13 ? Self.ladder[step] : ceiling }

    /// A new path or a new peer: search from the base.
    mutating func start(now: UInt64) {
        confirmed = min(Self.base, ceiling)
        search(now: now)
    }

    private mutating func search(now: UInt64) {
        round = 0
        step = 0
        unanswered = 0
        isResting = false
        nextTime = now
    }

    /// Nobody is there.
    mutating func stop() { nextTime = .max }

    /// When `nextProbe` has something.
    var deadline: UInt64 { nextTime }

    /// A packet of this size goes out: whether the path still takes it matters, unless every path does.
    mutating func noteTraffic(size: Int, now: UInt64) {
        guard size > Self.base else { return }
        hasTraffic = true
        guard isResting else { return }
        isResting = false
        nextTime = min(nextTime, now)
    }

    /// The size of a probe that is due, nil for none (any more).
    mutating func nextProbe(now: UInt64) -> Int? {
        guard now >= nextTime else { return nil }
        while step >= 0 {
            if step == Self.stepCount {
                step = -1
                round += 1
                if round < 3 {
                    nextTime = now + UInt64(round) * Self.second / 2
                    step = 0
                } else {
                    nextTime = now + Self.pause
                    nextSearch = now + 600 * Self.second
                }
                return nil
            }
            let size = size(step)
            step += 1
            if size > confirmed, size <= ceiling { return size }
        }
        if now >= nextSearch {
            search(now: now)
            return nextProbe(now: now)
        }
        guard hasTraffic || unanswered > 0 else {
            isResting = true
            nextTime = now + Self.rest
            return nil
        }
        hasTraffic = false
        unanswered += 1
        if unanswered > 3 {
            start(now: now)
            return nextProbe(now: now)
        }
        nextTime = now + Self.second / 2
        return confirmed
    }

    /// The other side got a probe of this size.
    mutating func noteAnswer(size: Int, now: UInt64) {
        guard size <= ceiling else { return }
        confirmed = max(confirmed, size)
        if size == confirmed, unanswered > 0 {
            unanswered = 0
            nextTime = now + Self.pause
        }
    }

    /// This host itself refused a packet of the size in use: its interface takes less.
    mutating func noteRefusal(now: UInt64) {
        var next = min(Self.base, ceiling)
        for step in 0..<13 where size(step) < confirmed { next = max(next, min(size(step), ceiling)) }
        guard next < confirmed else { return }
        confirmed = next
    }
}
