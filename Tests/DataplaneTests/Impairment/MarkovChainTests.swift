// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

@Suite("States of a wire")
struct MarkovChainTests {
    @Test("one state at first, which is never left")
    func single() {
        var chain = MarkovChain()
        var random = RandomSource(seed: 1)
        #expect(chain.count == 1 && chain.current == 0)
        let moves = (0..<100).count { _ in chain.step(&random) }
        #expect(moves == 0)
        #expect(chain.weight(from: 0, to: 0) == 100)
    }

    @Test("numbers of states that cannot be change nothing", arguments: [-1, 0, 257, Int.max])
    func badCounts(_ count: Int) {
        var chain = MarkovChain()
        let isThree = chain.setCount(3)
        let before = chain
        let isTaken = chain.setCount(count)
        #expect(isThree && !isTaken && chain == before)
        let isMost = chain.setCount(MarkovChain.maximumCount)
        #expect(isMost)
    }

    @Test("what stays keeps its names and ways; ways to what is gone become staying")
    func counts() {
        var chain = MarkovChain()
        _ = chain.setCount(3)
        chain.setName(1, "bad")
        chain.setWeight(from: 0, to: 1, 30)
        chain.setWeight(from: 0, to: 2, 20)
        #expect(chain.weight(from: 0, to: 0) == 50)
        chain.setCurrent(2)
        _ = chain.setCount(2)
        #expect(chain.current == 0)
        #expect(chain.names == ["", "bad"])
        #expect(chain.weight(from: 0, to: 1) == 30)
        #expect(chain.weight(from: 0, to: 0) == 70)
        _ = chain.setCount(3)
        #expect(chain.weight(from: 0, to: 2) == 0)
        #expect(chain.weight(from: 2, to: 2) == 100)
    }

    @Test("staying is what is left, and cannot be set")
    func staying() {
        var chain = MarkovChain()
        _ = chain.setCount(2)
        chain.setWeight(from: 0, to: 0, 1)
        #expect(chain.weight(from: 0, to: 0) == 100)
        chain.setWeight(from: 0, to: 1, 40)
        chain.setWeight(from: 0, to: 1, 25)
        #expect(chain.weight(from: 0, to: 0) == 75)
    }

    @Test("states are left as often as their weights say")
    func frequencies() {
        var chain = MarkovChain()
        _ = chain.setCount(3)
        chain.setWeight(from: 0, to: 1, 10)
        chain.setWeight(from: 0, to: 2, 30)
        var random = RandomSource(seed: 9)
        var went = [0, 0, 0]
        for _ in 0..<20_000 {
            let isMoved = chain.step(&random)
            #expect(isMoved == (chain.current != 0))
            went[chain.current] += 1
            chain.setCurrent(0)
        }
        #expect(abs(went[0] - 12_000) < 300)
        #expect(abs(went[1] - 2000) < 200)
        #expect(abs(went[2] - 6000) < 250)
    }

    @Test("over time a two-state chain is in each state for its share")
    func stationary() {
        var chain = MarkovChain()
        _ = chain.setCount(2)
        chain.setWeight(from: 0, to: 1, 5)
        chain.setWeight(from: 1, to: 0, 20)
        var random = RandomSource(seed: 10)
        var inBad = 0
        for _ in 0..<200_000 {
            _ = chain.step(&random)
            inBad += chain.current
        }
        // 5 / (5 + 20)
        #expect(abs(Double(inBad) / 200_000 - 0.2) < 0.01)
    }

    @Test("weights of more than a hundred in all, and none, do no harm")
    func excess() {
        var chain = MarkovChain()
        _ = chain.setCount(3)
        chain.setWeight(from: 0, to: 1, 100)
        chain.setWeight(from: 0, to: 2, 100)
        var random = RandomSource(seed: 11)
        for _ in 0..<1000 {
            chain.setCurrent(0)
            let isMoved = chain.step(&random)
            // The first way takes everything.
            #expect(isMoved && chain.current == 1)
        }
        chain.setCurrent(0)
        chain.setWeight(from: 0, to: 1, -50)
        let isMoved = chain.step(&random)
        #expect(isMoved && chain.current == 2)
    }
}
