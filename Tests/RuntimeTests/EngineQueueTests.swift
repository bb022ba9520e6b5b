// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Testing

@testable import Runtime

@Suite("Outputs that cannot take more")
struct EngineQueueTests {
    @Test("what a reader cannot take waits, goes later in order, and nothing is held afterwards")
    func waits() throws {
        var fixture = try EngineFixture()
        let sender = try fixture.add(port: 1)
        let reader = try fixture.add(port: 2, sendBuffer: 1)
        try fixture.broadcast(200, from: sender)
        let waiting = fixture.queueCount(reader)
        #expect(waiting > 150)
        #expect(fixture.engine.places[reader].watchesWritable == true)
        // New frames queue up behind the old ones even when the kernel has room again.
        var received = fixture.read(reader).map(TestFrame.number)
        try fixture.broadcast(10, from: sender, first: 200)
        #expect(fixture.queueCount(reader) == waiting + 10)
        while fixture.queueCount(reader) > 0 {
            fixture.engine.flushQueue(reader)
            let more = fixture.read(reader).map(TestFrame.number)
            try #require(!more.isEmpty)
            received += more
        }
        #expect(received == Array(0..<210))
        #expect(fixture.engine.places[reader].watchesWritable == false)
        #expect(fixture.isPoolWhole == true)
    }

    @Test("waiting small frames leave their large slots")
    func smallCopies() throws {
        var fixture = try EngineFixture()
        let sender = try fixture.add(port: 1)
        let reader = try fixture.add(port: 2, sendBuffer: 5000)
        try fixture.broadcast(200, from: sender)
        #expect(fixture.queueCount(reader) > 100)
        #expect(fixture.engine.pool.freeLargeCount == Tunables.largeSlotCount)
        try fixture.broadcast(3, from: sender, byteCount: 9014)
        #expect(fixture.engine.pool.freeLargeCount == Tunables.largeSlotCount - 3)
        let waiting = fixture.queueCount(reader)
        fixture.remove(reader)
        #expect(fixture.isPoolWhole == true)
        #expect(fixture.drops(reader, .noCarrier) == waiting)
        #expect(fixture.engine.table.counters(port: 2).leftFrames == UInt64(waiting))
    }

    @Test("a queue has a limit; what exceeds it is the slow reader's loss and counted")
    func tailDrop() throws {
        var fixture = try EngineFixture()
        let sender = try fixture.add(port: 1)
        let dead = try fixture.add(port: 2, sendBuffer: 1)
        try fixture.broadcast(6000, from: sender)
        #expect(fixture.queueCount(dead) == Tunables.queueFrameCount)
        let inKernel = fixture.read(dead).count
        #expect(fixture.drops(dead, .queueFull) == 6000 - Tunables.queueFrameCount - inKernel)
        // The oldest frames are kept, the newest dropped.
        fixture.engine.flushQueue(dead)
        #expect(fixture.read(dead).first.map(TestFrame.number) == inKernel)
    }

    @Test("a queue of big frames has a limit of bytes")
    func byteLimit() throws {
        var fixture = try EngineFixture()
        let sender = try fixture.add(port: 1)
        let dead = try fixture.add(port: 2, sendBuffer: 40_000)
        try fixture.broadcast(100, from: sender, byteCount: 64_000)
        let inKernel = fixture.read(dead).count
        #expect(fixture.queueCount(dead) == Tunables.queueByteCount / 64_000)
        #expect(fixture.drops(dead, .queueFull) == 100 - inKernel - Tunables.queueByteCount / 64_000)
    }

    @Test(
        "dead readers do not take the memory that a live one's queue needs",
        arguments: [(60, 20, 4200), (9014, 20, 480)]
    )
    func deadReadersKeepTheirShare(byteCount: Int, deadCount: Int, frameCount: Int) throws {
        var fixture = try EngineFixture(portCount: 32)
        let sender = try fixture.add(port: 1)
        let dead = try (0..<deadCount).map { try fixture.add(port: 2 + $0, sendBuffer: byteCount) }
        let live = try fixture.add(port: 30, sendBuffer: byteCount)
        for index in dead + [live] { try fixture.receive([TestFrame.make(UInt8(index), to: 0x80)], at: index) }
        for index in dead + [live] { _ = fixture.read(index) }
        // Each is sent more than its queue would take, had it the memory.
        for index in dead {
            let frame = TestFrame.make(0, to: UInt8(index), byteCount: byteCount)
            try fixture.receive([[UInt8]](repeating: frame, count: Tunables.pauseFrameCount + 32), at: sender)
            // The sender waits for it in vain.
            fixture.engine.now += UInt64(Tunables.pauseCredit)
            fixture.engine.endPause()
            try fixture.receive([[UInt8]](repeating: frame, count: frameCount), at: sender)
        }
        #expect(dead.allSatisfy { fixture.drops($0, .queueFull) + fixture.drops($0, .noFrameMemory) > 0 } == true)
        // Now a burst that the live one reads a moment later.
        let waiting = fixture.queueCount(live)
        try fixture.receive(
            (0..<32).map { TestFrame.make(0, to: UInt8(live), $0, byteCount: byteCount) },
            at: sender
        )
        #expect(fixture.drops(live, .noFrameMemory) == 0)
        var received: [Int] = []
        while fixture.queueCount(live) > 0 {
            received += fixture.read(live).map(TestFrame.number)
            fixture.engine.flushQueue(live)
        }
        received += fixture.read(live).map(TestFrame.number)
        #expect(received.suffix(32) == Array(0..<32)[...])
        #expect(waiting < 64)
    }

    @Test("a flood into many slow queues copies no more than needed, and everything comes back")
    func floodSharesSlots() throws {
        var fixture = try EngineFixture()
        let sender = try fixture.add(port: 1)
        let readers = try (2..<8).map { try fixture.add(port: $0, sendBuffer: 5000) }
        try fixture.broadcast(20, from: sender, byteCount: 9014)
        // One slot for all six.
        #expect(Tunables.largeSlotCount - fixture.engine.pool.freeLargeCount <= 20)
        for reader in readers { fixture.remove(reader) }
        #expect(fixture.isPoolWhole == true)
    }

    @Test("endpoints come and go a thousand times, with frames in their queues, and no slot is lost")
    func churn() throws {
        var fixture = try EngineFixture()
        let sender = try fixture.add(port: 1)
        let first = try fixture.add(port: 2, sendBuffer: 5000)
        let second = try fixture.add(port: 3, sendBuffer: 5000)
        for round in 0..<1000 {
            try fixture.broadcast(32, from: sender, byteCount: round % 2 == 0 ? 60 : 9014)
            let index = round % 2 == 0 ? first : second
            fixture.engine.perform(.remove(index: index, generation: fixture.engine.places[index].generation))
            try fixture.replace(index, port: 2 + round % 2)
        }
        for index in [sender, first, second] {
            fixture.engine.perform(.remove(index: index, generation: fixture.engine.places[index].generation))
        }
        #expect(fixture.isPoolWhole == true)
        #expect(fixture.engine.activeCount == 0)
        #expect(fixture.engine.firstOfPort[1] == -1)
        #expect(fixture.engine.firstOfPort[2] == -1)
        #expect(fixture.engine.bridge.forwarding.count == 0)
    }
}
