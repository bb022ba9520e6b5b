// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
import LinuxSystem
import TestSupport
import Testing

@Suite("Frames from a virtual machine")
struct VhostTransmitTests {
    private let plain = [UInt8](repeating: 0, count: 12)

    @Test("frames in one piece, in many and behind an indirect table arrive, and their chains go back in order")
    func takesChains() throws {
        let machine = try VhostBench()
        let rings = machine.rings
        rings.send(plain + testFrame(1), head: 3)
        // Header and frame apart, the frame in two.
        let frame = testFrame(2, byteCount: 1000)
        rings.write(plain, at: rings.room(4))
        rings.write(frame, at: rings.room(5))
        let table = rings.descriptorsOffset(1)
        rings.describe(
            table: table,
            4,
            address: rings.guest(rings.room(4)),
            byteCount: 12,
            flags: GuestRings.hasNext,
            next: 9
        )
        rings.describe(
            table: table,
            9,
            address: rings.guest(rings.room(5)),
            byteCount: 14,
            flags: GuestRings.hasNext,
            next: 7
        )
        rings.describe(table: table, 7, address: rings.guest(rings.room(5) + 14), byteCount: 986)
        rings.offer(1, head: 4)
        // The same behind a table, at an odd address.
        let indirect = GuestRings.roomOffset - 0x1001
        rings.write(plain + testFrame(3, byteCount: 200), at: rings.room(6))
        let address = rings.guest(rings.room(6))
        rings.describe(table: indirect, 0, address: address, byteCount: 100, flags: GuestRings.hasNext, next: 1)
        rings.describe(table: indirect, 1, address: address + 100, byteCount: 112)
        rings.describe(
            table: table,
            6,
            address: rings.guest(indirect),
            byteCount: 32,
            flags: GuestRings.indirect
        )
        rings.offer(1, head: 6)
        machine.kicks[1].event.signal()

        #expect(machine.receive() == .drained)
        #expect(machine.bench.takeFrames() == [testFrame(1), frame, testFrame(3, byteCount: 200)])
        #expect(rings.takeUsed(1).map(\.head) == [3, 4, 6])
        #expect(machine.bench.drops.isEmpty)
        #expect(!machine.kicks[1].isSignalled)
    }

    @Test("a super-frame arrives whole with its header; a header that contradicts its frame does not")
    func takesSuperFrames() throws {
        let machine = try VhostBench()
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 7, count: 60_000)
        machine.rings.send(recipe.virtioHeader + recipe.bytes, head: 0)
        var lie = recipe.virtioHeader
        lie[7] = 0xff  // The checksum would begin beyond the frame.
        machine.rings.send(lie + recipe.bytes, head: 1)
        // Flags that only a device may set are forgotten.
        machine.rings.send([2] + plain.dropFirst() + testFrame(5), head: 2)
        _ = machine.receive()
        let frames = machine.bench.takeFrames(withHeader: true)
        #expect(frames == [recipe.virtioHeader + recipe.bytes, plain + testFrame(5)])
        #expect(machine.bench.drops[.badHeader] == 1)
        #expect(machine.rings.takeUsed(1).count == 3)
        #expect(machine.bench.isPoolWhole == true)
    }

    @Test("a super-frame to be cut into more segments than any honest guest's is refused, in tiny ones as well")
    func refusesTinySegments() throws {
        let machine = try VhostBench()
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 7, count: 65_000)
        for (head, size) in [(0, 8), (10, 48), (20, 126), (30, 216)] {
            recipe.segmentSize = size
            machine.rings.send(recipe.virtioHeader + recipe.bytes, head: head)
            _ = machine.receive()
        }
        #expect(machine.bench.drops[.badHeader] == 3)
        let frames = machine.bench.takeFrames(withHeader: true)
        #expect(frames == [recipe.virtioHeader + recipe.bytes])
        #expect(machine.rings.takeUsed(1).count == 4)
    }

    @Test("frames too short and too long are counted and go back")
    func countsSizes() throws {
        let machine = try VhostBench()
        machine.rings.send(plain + [1, 2, 3], head: 0)
        machine.rings.send([1, 2, 3], head: 1)
        machine.rings.send(plain + testFrame(1, byteCount: FramePool.largeCapacity + 1), head: 2)
        machine.rings.send(plain + testFrame(1, byteCount: FramePool.largeCapacity), head: 10)
        _ = machine.receive()
        #expect(machine.bench.drops[.runt] == 2)
        #expect(machine.bench.drops[.truncated] == 1)
        #expect(machine.bench.takeFrames().count == 1)
        #expect(machine.rings.takeUsed(1).count == 4)
        #expect(machine.takeNotice() == nil)
    }

    @Test("a burst ends, keeps the kick for the rest, and a ring found empty takes it back")
    func endsBursts() throws {
        let machine = try VhostBench()
        for head in 0..<50 { machine.rings.send(plain + testFrame(head), head: head) }
        machine.kicks[1].event.signal()
        #expect(machine.receive() == .more)
        #expect(machine.kicks[1].isSignalled)
        #expect(machine.bench.takeFrames().count == 32)
        #expect(machine.receive() == .drained)
        #expect(machine.bench.takeFrames() == (32..<50).map { testFrame($0) })
        #expect(!machine.kicks[1].isSignalled)
        // The device wants the next kick exactly behind what it has seen.
        #expect(machine.rings.availableEvent(1) == 50)
    }

    @Test("a kick with nothing behind it, or one that comes late, is taken back: it does not keep the loop awake")
    func takesIdleKicksBack() throws {
        let machine = try VhostBench()
        // The start of a ring looks for what may have waited.
        #expect(machine.kicks[1].isSignalled)
        for head in 0..<3 {
            machine.kicks[1].event.signal()
            #expect(machine.receive() == .drained)
            #expect(!machine.kicks[1].isSignalled)
            #expect(machine.rings.availableEvent(1) == UInt16(head))
            // Found before its kick comes.
            machine.rings.send(plain + testFrame(head), head: head)
            #expect(machine.receive() == .drained)
            #expect(machine.bench.takeFrames() == [testFrame(head)])
        }
    }

    @Test("the guest is woken when it asked for that, and not otherwise", arguments: [true, false])
    func suppressesCalls(hasEventIndex: Bool) throws {
        var features = VhostBench.usual
        if !hasEventIndex { features.remove(.eventIndex) }
        let machine = try VhostBench(features: features)
        if hasEventIndex { machine.rings.setUsedEvent(1, 1) } else { machine.rings.setNoInterrupt(1, true) }
        machine.rings.send(plain + testFrame(0), head: 0)
        _ = machine.receive()
        #expect(machine.rings.usedIndex(1) == 1)
        #expect(!machine.calls[1].isSignalled)
        if !hasEventIndex { machine.rings.setNoInterrupt(1, false) }
        machine.rings.send(plain + testFrame(1), head: 1)
        _ = machine.receive()
        #expect(machine.calls[1].isSignalled)
    }

    @Test("a driver of before virtio 1.0 has a header of ten bytes")
    func takesShortHeaders() throws {
        let machine = try VhostBench(features: [])
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 9, count: 5000)
        machine.rings.send(Array(recipe.virtioHeader[..<10]) + recipe.bytes, head: 0)
        _ = machine.receive()
        #expect(machine.bench.takeFrames(withHeader: true) == [recipe.virtioHeader + recipe.bytes])
    }

    @Test("with its ring disabled or its cable pulled a guest sends into nothing")
    func dropsWithoutCarrier() throws {
        let machine = try VhostBench()
        machine.setCarrier(false)
        machine.rings.send(plain + testFrame(0), head: 0)
        _ = machine.receive()
        machine.setCarrier(true)
        machine.apply(.enable(ring: 1, false))
        machine.rings.send(plain + testFrame(1), head: 1)
        _ = machine.receive()
        #expect(machine.bench.drops[.noCarrier] == 2)
        machine.apply(.enable(ring: 1, true))
        machine.rings.send(plain + testFrame(2), head: 2)
        _ = machine.receive()
        #expect(machine.bench.takeFrames() == [testFrame(2)])
    }

    @Test("indices wrap, and a ring that was stopped goes on where it was")
    func wrapsAndResumes() throws {
        let machine = try VhostBench(size: 8, isStarted: false)
        machine.rings.availableIndex[1] = 65_530
        machine.rings.usedSeen[1] = 65_530
        machine.rings.store(UInt16(65_530), at: machine.rings.availableOffset(1) + 2)
        machine.rings.store(UInt16(65_530), at: machine.rings.usedOffset(1) + 2)
        try machine.start(1, base: 65_530)
        for number in 0..<20 {
            machine.rings.send(plain + testFrame(number), head: number % 8)
            _ = machine.receive()
            #expect(machine.bench.takeFrames() == [testFrame(number)])
        }
        #expect(machine.rings.takeUsed(1).count == 20)
        #expect(machine.stop(1) == 14)
        machine.rings.send(plain + testFrame(99), head: 1)
        #expect(machine.receive() == .drained)
        #expect(machine.bench.takeFrames() == [])
        try machine.start(1, base: 14)
        #expect(machine.kicks[1].isSignalled)
        _ = machine.receive()
        #expect(machine.bench.takeFrames() == [testFrame(99)])
    }

    @Test("what a killed predecessor had taken but not given back is taken again")
    func takesUpAfterDeath() throws {
        let machine = try VhostBench(isStarted: false)
        for head in 0..<5 { machine.rings.send(plain + testFrame(head), head: head) }
        machine.rings.store(UInt16(2), at: machine.rings.usedOffset(1) + 2)
        try machine.start(1, base: 5)
        _ = machine.receive()
        #expect(machine.bench.takeFrames() == (2..<5).map { testFrame($0) })
    }

    @Test("work in progress is noted where the monitor keeps it")
    func notesWork() throws {
        let machine = try VhostBench(isStarted: false)
        let size = VhostRingSetup.inflightByteCount(queueSize: machine.rings.size)
        let file = try MemoryFile.create(name: "inflight", byteCount: size)
        try machine.start(1, inflight: try file.duplicate())
        var notes = [UInt8](repeating: 0, count: size)
        #expect(pread(file.rawValue, &notes, size, 0) == size)
        #expect(notes[8] == 1)
        machine.rings.send(plain + testFrame(1), head: 7)
        machine.rings.send(plain + testFrame(1), head: 9)
        _ = machine.receive()
        #expect(pread(file.rawValue, &notes, size, 0) == size)
        // The head of the last batch, the used index, and nothing in progress.
        #expect(notes[12] == 9)
        #expect(notes[14] == 2)
        #expect(notes[16 + 16 * 7] == 0 && notes[16 + 16 * 9] == 0)
        // Their counters, in order of taking.
        #expect(notes[16 + 16 * 7 + 8] == 0 && notes[16 + 16 * 9 + 8] == 1)
        #expect(notes[16 + 16 * 9 + 6] == 7)
    }
}
