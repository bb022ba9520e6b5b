// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import TestSupport
import Testing
import Wire

@testable import Gateway

/// The tables against slow but obvious ones.
@Suite struct TableTests {
    @Test func aFlowRecordFitsItsPlace() {
        #expect(MemoryLayout<TCPFlow>.stride <= 256)
        #expect(MemoryLayout<UDPFlow>.stride <= 128)
    }

    @Test(arguments: 1...4)
    func theIndexFindsWhatWasInserted(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var state = StateMemory(byteCount: 1 << 20)
        let count = 100
        let table = RecordTable<TCPFlow>(in: &state, .flows, count: count)
        let index = FlowIndex(in: &state, .flowIndex, flowCount: count)
        var present: [Int: UInt64] = [:]
        for _ in 0..<5000 {
            let number = random.number(0...count - 1)
            let key = FlowKey(
                guest: IPv4Address(10, 0, 0, 1),
                guestPort: UInt16(number),
                remote: IPv4Address(10, 0, 0, 2),
                remotePort: 80
            )
            // Few different hashes, at the table's end too: long runs that wrap around.
            let hash = UInt64(250 + number % 7)
            if let old = present[number] {
                index.remove(number, hash: old)
                present[number] = nil
            } else {
                table[number] = TCPFlow(key: key, hash: hash, generation: 0, now: 0)
                index.insert(number, hash: hash)
                present[number] = hash
            }
            let probe = random.number(0...count - 1)
            let probeKey = FlowKey(
                guest: IPv4Address(10, 0, 0, 1),
                guestPort: UInt16(probe),
                remote: IPv4Address(10, 0, 0, 2),
                remotePort: 80
            )
            let found = index.find(probeKey, hash: UInt64(250 + probe % 7), in: table)
            #expect(found == (present[probe] == nil ? nil : probe))
        }
    }

    @Test func theHashDependsOnEveryPartOfTheKeyAndOnTheSecret() {
        let one = HashSecret(seed: 1)
        func key(_ a: UInt8, _ b: UInt16, _ c: UInt8, _ d: UInt16) -> FlowKey {
            FlowKey(guest: IPv4Address(10, 0, 0, a), guestPort: b, remote: IPv4Address(10, 0, 0, c), remotePort: d)
        }
        let hashes = [
            key(1, 2, 3, 4), key(2, 2, 3, 4), key(1, 3, 3, 4), key(1, 2, 4, 4), key(1, 2, 3, 5), key(3, 4, 1, 2),
        ]
        .map { one.hash($0) }
        #expect(Set(hashes).count == hashes.count)
        #expect(HashSecret(seed: 2).hash(key(1, 2, 3, 4)) != hashes[0])
    }

    @Test(arguments: 1...6)
    func timersFireOnceSoonAfterTheirDeadline(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var state = StateMemory(byteCount: 1 << 20)
        var wheel = TimerWheel(in: &state, timerCount: 50)
        var expected: [Int: UInt64] = [:]
        /// When the timer may fire at the earliest: its deadline, or when it was set if that was over.
        var due: [Int: UInt64] = [:]
        var now: UInt64 = 1 + UInt64(random.number(0...1_000_000_000))
        let slot: UInt64 = 1 << 24
        for _ in 0..<2000 {
            let number = random.number(0...49)
            switch random.number(0...3) {
            case 0:
                wheel.clear(number)
                expected[number] = nil
            default:
                // From the past to far beyond the ring.
                let delay = UInt64(random.number(0...1000)) * UInt64(random.number(0...60_000_000))
                let deadline = now &+ delay &- min(now - 1, UInt64(random.number(0...50_000_000)))
                wheel.set(number, deadline: deadline, now: now)
                expected[number] = deadline
                due[number] = max(deadline, now)
            }
            #expect(wheel.deadline(number) == expected[number])
            if let first = expected.values.min() {
                let next = wheel.nextDeadline
                #expect(next != nil && next! <= max(first, now) + 2 * slot)
            }
            now += UInt64(random.number(0...20)) * UInt64(random.number(0...100_000_000))
            while let fired = wheel.popDue(now: now) {
                #expect(expected[fired] != nil && expected[fired]! <= now)
                expected[fired] = nil
            }
            let late = expected.keys.filter { due[$0]! + slot <= now }
            #expect(late.isEmpty)
        }
    }

    @Test(arguments: 1...4)
    func spillKeepsOrderAndGivesChunksBack(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var state = StateMemory(byteCount: 1 << 20)
        var arena = SpillArena(in: &state, chunkCount: 16)
        var queues = Array(repeating: SpillArena.Queue(head: 0, tail: 0, byteCount: 0), count: 3)
        var models = Array(repeating: [UInt8](), count: 3)
        for _ in 0..<1000 {
            let number = random.number(0...2)
            switch random.number(0...4) {
            case 0 where random.number(0...20) == 0:
                arena.removeAll(from: &queues[number])
                models[number] = []
            case 0, 1:
                let bytes =
                    random.bytes(random.number(0...3000)) + [UInt8](repeating: 7, count: random.number(0...40_000))
                let taken = arena.append(bytes.span, to: &queues[number])
                #expect(taken == bytes.count || arena.freeByteCount == 0)
                models[number] += bytes[..<taken]
            default:
                let front = Self.copy(arena.front(queues[number]))
                #expect(models[number].starts(with: front) && (front.isEmpty == models[number].isEmpty))
                let count = front.isEmpty ? 0 : random.number(1...front.count)
                arena.removeFirst(count, from: &queues[number])
                models[number].removeFirst(count)
            }
            #expect(Int(queues[number].byteCount) == models[number].count)
        }
        for number in 0..<3 { arena.removeAll(from: &queues[number]) }
        #expect(arena.usedCount == 0)
    }

    private static func copy(_ span: Span<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        for index in span.indices { bytes.append(span[index]) }
        return bytes
    }
}
