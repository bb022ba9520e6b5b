// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

@Suite("Impaired direction")
struct ImpairedDirectionTests {
    static func direction(seed: UInt64 = 1, _ change: (inout ImpairmentSettings) -> Void) -> ImpairedDirection {
        var settings = ImpairmentSettings()
        change(&settings)
        return ImpairedDirection(settings, seed: seed)
    }

    @Test("a perfect wire passes everything at once")
    func perfect() {
        var wire = Self.direction { _ in }
        #expect(ImpairmentSettings().isPerfect)
        for time in 0..<100 as Range<UInt64> {
            #expect(wire.admit(byteCount: 1514) == .passes(copies: 1))
            #expect(wire.schedule(byteCount: 1514, now: time) == time)
            #expect(wire.damage(byteCount: 1514) == 0)
        }
        #expect(wire.byteCount == 0)
    }

    private static func losses(_ wire: inout ImpairedDirection, of count: Int) -> [Bool] {
        (0..<count).map { _ in wire.admit(byteCount: 100) == .lost(.impaired) }
    }

    @Test("the share of lost frames is the one set", arguments: [0.5, 10, 50, 99.5, 100])
    func loss(_ percent: Double) {
        var wire = Self.direction { $0.loss.value = percent }
        let share = Double(Self.losses(&wire, of: 100_000).count { $0 }) / 1000
        #expect(abs(share - percent) < 0.6)
    }

    @Test("bursts have the mean length set, and the share of lost frames stays", arguments: [(5.0, 3.0), (20.0, 10.0)])
    func burstLoss(_ percent: Double, _ length: Double) {
        var wire = Self.direction {
            $0.loss.value = percent
            $0.lossBurst.value = length
        }
        let lost = Self.losses(&wire, of: 400_000)
        let bursts = zip(lost, [false] + lost).count { $0 && !$1 }
        let total = lost.count { $0 }
        #expect(abs(Double(total) / 4000 - percent) < percent * 0.05)
        #expect(abs(Double(total) / Double(bursts) - length) < length * 0.05)
    }

    @Test("uniform and normal delays have their mean and stay around it")
    func jitter() {
        for distribution in [ImpairmentValue.Distribution.uniform, .normal] {
            var wire = Self.direction {
                $0.delay = ImpairmentValue(100, spread: 20, distribution)
                $0.isOrdered = false
            }
            var sum = 0.0, squares = 0.0, outside = 0
            for _ in 0..<50_000 {
                let late = Double(wire.schedule(byteCount: 100, now: 1_000)! - 1_000) / 1e6
                wire.left(byteCount: 100)
                sum += late
                squares += (late - 100) * (late - 100)
                if abs(late - 100) > 20 { outside += 1 }
            }
            let deviation = (squares / 50_000).squareRoot()
            #expect(abs(sum / 50_000 - 100) < 0.2)
            #expect(abs(deviation - (distribution == .uniform ? 20 / 3.0.squareRoot() : 20 / 3)) < 0.2)
            #expect(distribution == .uniform ? outside == 0 : outside > 0 && outside < 1000)
        }
    }

    @Test("an ordered wire keeps the order whatever the jitter; an unordered one does not")
    func order() {
        for isOrdered in [true, false] {
            var wire = Self.direction {
                $0.delay = ImpairmentValue(10, spread: 10)
                $0.isOrdered = isOrdered
            }
            let arrivals = (0..<1000).map { wire.schedule(byteCount: 60, now: UInt64($0) * 1000)! }
            #expect((arrivals == arrivals.sorted()) == isOrdered)
        }
    }

    @Test("frames that are not delayed overtake the others")
    func reordering() {
        var wire = Self.direction {
            $0.delay.value = 10
            $0.reorder.value = 25
        }
        let early = (0..<10_000).count { _ in wire.schedule(byteCount: 60, now: 5)! == 5 }
        #expect(abs(early - 2500) < 200)
    }

    @Test("copies come as often as set, and a hundred per cent has an end")
    func duplicates() {
        var wire = Self.direction { $0.duplicate.value = 50 }
        var total = 0
        for _ in 0..<20_000 {
            if case .passes(let copies) = wire.admit(byteCount: 60) { total += copies }
        }
        #expect(abs(total - 40_000) < 1200)
        var mad = Self.direction { $0.duplicate.value = 100 }
        #expect(mad.admit(byteCount: 60) == .passes(copies: ImpairedDirection.maximumCopyCount))
    }

    @Test("what comes faster than the bandwidth waits, and the buffer has an end")
    func bandwidth() {
        var wire = Self.direction {
            $0.bandwidth.value = 1_000_000
            $0.buffer.value = 5000
        }
        // A millisecond each.
        for number in 1...5 as ClosedRange<UInt64> {
            #expect(wire.schedule(byteCount: 1000, now: 0) == number * 1_000_000)
        }
        #expect(wire.schedule(byteCount: 1000, now: 0) == nil)
        wire.left(byteCount: 1000)
        #expect(wire.schedule(byteCount: 1000, now: 1_000_000) == 6_000_000)
        #expect(wire.frameCount == 5)
    }

    @Test("a sender of limited speed is to wait until its frames are out")
    func speed() {
        var wire = Self.direction { $0.speed.value = 125_000 }
        #expect(wire.schedule(byteCount: 1250, now: 7) == 10_000_007)
        #expect(wire.senderFree == 10_000_007)
    }

    @Test("longer frames than allowed are lost as too large")
    func maximumFrame() {
        var wire = Self.direction { $0.maximumFrame.value = 1000 }
        #expect(wire.admit(byteCount: 1000) == .passes(copies: 1))
        #expect(wire.admit(byteCount: 1001) == .lost(.tooLarge))
    }

    @Test("noise changes as many bits as set")
    func noise() {
        var wire = Self.direction { $0.noise.value = 100 }
        let frames = 20_000
        var bits = 0
        for _ in 0..<frames { bits += wire.damage(byteCount: 1000) }
        let expected = 100.0 * Double(frames) * 1000 / 1_048_576
        #expect(abs(Double(bits) - expected) < expected * 0.1)
        var bytes = [UInt8](repeating: 0, count: 64)
        var span = bytes.mutableSpan
        wire.damage(&span, bits: 1)
        #expect(bytes.reduce(0) { $0 + $1.nonzeroBitCount } == 1)
    }

    @Test("the same seed makes the same run, another one another")
    func seeds() {
        func run(_ seed: UInt64) -> [UInt64] {
            var wire = Self.direction(seed: seed) {
                $0.loss.value = 20
                $0.duplicate.value = 10
                $0.delay = ImpairmentValue(5, spread: 3, .normal)
            }
            return (0..<500 as Range<UInt64>).map { number in
                guard case .passes(let copies) = wire.admit(byteCount: 100) else { return 0 }
                return (0..<copies).reduce(0) { sum, _ in
                    sum &* 31 &+ wire.schedule(byteCount: 100, now: number * 1000)!
                }
            }
        }
        #expect(run(3) == run(3))
        #expect(run(3) != run(4))
    }

    @Test("no value makes it trap", arguments: [-1e300, -5, .infinity, -.infinity, .nan, 1e300])
    func absurd(_ value: Double) {
        let bad = ImpairmentValue(value, spread: 3)
        var wire = Self.direction {
            $0.loss = bad
            $0.lossBurst = bad
            $0.delay = bad
            $0.duplicate = bad
            $0.reorder = bad
            $0.corrupt = bad
            $0.noise = bad
            $0.bandwidth = bad
            $0.speed = bad
            $0.buffer = bad
            $0.maximumFrame = bad
        }
        for now in 0..<50 as Range<UInt64> {
            _ = wire.admit(byteCount: 1514)
            _ = wire.schedule(byteCount: 1514, now: now)
            #expect(wire.damage(byteCount: 1514) <= 1515)
        }
    }

    @Test("a frame that finds no place to wait takes no time of the wire")
    func cancelled() {
        var wire = Self.direction { $0.bandwidth.value = 1000 }
        #expect(wire.schedule(byteCount: 1000, now: 5) == 1_000_000_005)
        for _ in 0..<100 {
            #expect(wire.schedule(byteCount: 1000, now: 5) == 2_000_000_005)
            wire.cancel(byteCount: 1000, wasToWait: true)
        }
        #expect(wire.schedule(byteCount: 1000, now: 5) == 2_000_000_005)
        #expect(wire.byteCount == 2000 && wire.frameCount == 2)
    }

    @Test("nothing waits behind more than ten minutes of others")
    func backlog() {
        var wire = Self.direction { $0.bandwidth.value = 1000 }
        for _ in 0..<600 { #expect(wire.schedule(byteCount: 1000, now: 0) != nil) }
        for _ in 0..<100 { #expect(wire.schedule(byteCount: 1000, now: 0) == nil) }
        // A second later there is room for one more.
        #expect(wire.schedule(byteCount: 1000, now: 1_000_000_000) == 601_000_000_000)
        #expect(wire.schedule(byteCount: 1000, now: 1_000_000_000) == nil)
        #expect(wire.frameCount == 601)
    }
}
