// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Endpoints

@Suite("The size of packets that a tunnel's path takes")
struct PathProbeTests {
    /// A path that loses what is too large for it, with a peer that answers after 20 ms.
    private struct Path {
        static let step: UInt64 = 10_000_000
        var probe = PathProbe(ceiling: 65_000)
        var limit = 1472
        var now: UInt64 = 0
        private var answers: [(time: UInt64, size: Int)] = []
        private(set) var probes: [Int] = []

        init() { probe.start(now: 0) }

        /// Lets time pass, while packets of `traffic` bytes go out.
        mutating func pass(milliseconds: UInt64, traffic: Int = 0) {
            probes = []
            let end = now + milliseconds * 1_000_000
            while now < end {
                now += Self.step
                for answer in answers where answer.time <= now { probe.noteAnswer(size: answer.size, now: now) }
                answers.removeAll { $0.time <= now }
                if traffic > 0 { probe.noteTraffic(size: traffic, now: now) }
                while let size = probe.nextProbe(now: now) {
                    probes.append(size)
                    if size <= limit { answers.append((now + 2 * Self.step, size)) }
                }
            }
        }
    }

    @Test("is found, and found again before anybody has waited for three seconds when the path takes less")
    func shrinks() {
        var path = Path()
        path.pass(milliseconds: 3000, traffic: 1400)
        #expect(path.probe.confirmed == 1472)
        path.limit = 1252
        path.pass(milliseconds: 2700, traffic: 1400)
        #expect(path.probe.confirmed == 1232)
        // What answers is not doubted.
        path.pass(milliseconds: 20_000, traffic: 1232)
        #expect(path.probe.confirmed == 1232)
        #expect((15...20).contains(path.probes.count { $0 == 1232 }))
    }

    @Test("is confirmed at once after a rest")
    func rests() {
        var path = Path()
        path.pass(milliseconds: 30_000)
        #expect(path.probe.confirmed == 1472)
        #expect(path.probes.count { $0 == 1472 } <= 3)
        path.limit = 1300
        path.pass(milliseconds: 2000, traffic: 1472)
        #expect(path.probe.confirmed == 1232)
    }

    @Test("does not matter to packets that every path takes")
    func small() {
        var path = Path()
        path.pass(milliseconds: 5000, traffic: 1200)
        path.pass(milliseconds: 30_000, traffic: 1200)
        #expect(path.probes.isEmpty)
    }
}
