// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import TestSupport
import Testing

@Suite("Timed queue")
struct TimedQueueTests {
    @Test("elements come out by time, and in their order when the times are equal")
    func order() {
        var random = SeededGenerator(seed: 5)
        var queue = TimedQueue<Int>(capacity: 1000)
        var expected: [(time: UInt64, number: Int)] = []
        for number in 0..<1000 {
            let time = UInt64.random(in: 0..<100, using: &random)
            let isIn = queue.add(number, at: time)
            #expect(isIn)
            expected.append((time, number))
        }
        let isTooMany = queue.add(1000, at: 0)
        #expect(!isTooMany)
        expected.sort { ($0.time, $0.number) < ($1.time, $1.number) }
        for (time, number) in expected {
            let next = queue.nextDeadline
            let early = time == 0 ? nil : queue.take(now: time - 1)
            let taken = queue.take(now: time)
            #expect(next == time && early == nil && taken == number)
        }
        let (isEmpty, never) = (queue.isEmpty, queue.nextDeadline)
        #expect(isEmpty && never == .max)
    }

    @Test("what is taken out of the middle leaves the others in their order", arguments: [1, 2, 3, 1000, 2000])
    func takeAll(divisor: Int) {
        var random = SeededGenerator(seed: 7)
        var queue = TimedQueue<Int>(capacity: 1000)
        var rest: [(time: UInt64, number: Int)] = []
        for number in 0..<1000 {
            let time = UInt64.random(in: 0..<100, using: &random)
            _ = queue.add(number, at: time)
            if number % divisor != 0 { rest.append((time, number)) }
        }
        let taken = queue.takeAll { $0 % divisor == 0 }
        #expect(taken.sorted() == Array(stride(from: 0, to: 1000, by: divisor)))
        rest.sort { ($0.time, $0.number) < ($1.time, $1.number) }
        for (time, number) in rest {
            let (next, first) = (queue.nextDeadline, queue.take(now: time))
            #expect(next == time && first == number)
        }
        let isEmpty = queue.isEmpty
        #expect(isEmpty)
    }

    @Test("adding and taking in turn keeps the order")
    func mixed() {
        var random = SeededGenerator(seed: 6)
        var queue = TimedQueue<UInt64>(capacity: 64)
        var now: UInt64 = 0
        var latest: UInt64 = 0
        for _ in 0..<20_000 {
            if Bool.random(using: &random) {
                let time = now + UInt64.random(in: 0..<50, using: &random)
                _ = queue.add(time, at: time)
            } else {
                now += UInt64.random(in: 0..<20, using: &random)
                while let time = queue.take(now: now) {
                    #expect(time <= now && time >= latest)
                    latest = time
                }
                latest = now
            }
        }
    }
}
