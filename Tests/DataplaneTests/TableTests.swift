// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

@testable import Dataplane

@Suite("Bursts of frames")
struct FrameBurstTests {
    @Test("keeps frames in order and adds their sizes up")
    func appends() {
        var burst = FrameBurst(capacity: 3)
        #expect(burst.isEmpty == true)
        for size in [60, 1514, 9014] as [UInt32] {
            burst.append(FrameReference(slot: size, start: 78, byteCount: size))
        }
        #expect(burst.isFull == true)
        #expect(burst.freeCount == 0)
        #expect(burst.byteCount == 60 + 1514 + 9014)
        #expect((0..<3).map { burst[$0].slot } == [60, 1514, 9014])
    }

    @Test("a replaced frame changes the sum")
    func replaces() {
        var burst = FrameBurst(capacity: 2)
        burst.append(FrameReference(slot: 0, start: 78, byteCount: 1000))
        burst.append(FrameReference(slot: 1, start: 78, byteCount: 10))
        burst[0] = FrameReference(slot: 2, start: 78, byteCount: 400)
        #expect(burst.byteCount == 410)
        #expect(burst[0].slot == 2)
        burst.removeAll()
        #expect(burst.byteCount == 0)
        #expect(burst.count == 0)
    }

    @Test("appending to a full burst ends the process")
    func overflow() async {
        await #expect(processExitsWith: .failure) {
            var burst = FrameBurst(capacity: 1)
            burst.append(FrameReference(slot: 0, start: 78, byteCount: 60))
            burst.append(FrameReference(slot: 0, start: 78, byteCount: 60))
        }
    }
}

@Suite("Queues of slow outputs")
struct OutputQueuesTests {
    private func frame(_ number: Int, _ size: Int = 60) -> FrameReference {
        FrameReference(slot: UInt32(number), start: 78, byteCount: UInt32(size))
    }

    @Test("frames leave in the order of their arrival, also around the end of the ring")
    func order() {
        var queues = OutputQueues(endpointCount: 2, capacity: 4, byteLimit: 1000)
        var next = 0
        var expected = 0
        // Two in, one out: the ring's beginning moves on with each round.
        for _ in 0..<3 {
            for _ in 0..<2 where queues.hasRoom(1, byteCount: 60) {
                queues.append(1, frame(next))
                next += 1
            }
            #expect(queues.removeFirst(1)?.slot == UInt32(expected))
            expected += 1
        }
        while let left = queues.removeFirst(1) {
            #expect(left.slot == UInt32(expected))
            expected += 1
        }
        #expect(expected == next)
        #expect(queues.isEmpty(1) == true)
        #expect(queues.isEmpty(0) == true)
        #expect(queues.removeFirst(0) == nil)
    }

    @Test("a queue is full at its number of frames")
    func frameLimit() {
        var queues = OutputQueues(endpointCount: 1, capacity: 4, byteLimit: 1 << 20)
        for number in 0..<4 {
            #expect(queues.hasRoom(0, byteCount: 60) == true)
            queues.append(0, frame(number))
        }
        #expect(queues.hasRoom(0, byteCount: 0) == false)
        #expect(queues.count(0) == 4)
        _ = queues.removeFirst(0)
        #expect(queues.hasRoom(0, byteCount: 60) == true)
    }

    @Test("a queue is full at its number of bytes, but one frame always fits an empty one")
    func byteLimit() {
        var queues = OutputQueues(endpointCount: 1, capacity: 8, byteLimit: 100)
        #expect(queues.hasRoom(0, byteCount: 5000) == true)
        queues.append(0, frame(0, 60))
        #expect(queues.hasRoom(0, byteCount: 40) == true)
        #expect(queues.hasRoom(0, byteCount: 41) == false)
        queues.append(0, frame(1, 40))
        #expect(queues.byteCount(0) == 100)
        _ = queues.removeFirst(0)
        #expect(queues.byteCount(0) == 40)
    }

    @Test("many queues behave as so many arrays")
    func behavesAsArrays() {
        var generator = SeededGenerator(seed: 7)
        var queues = OutputQueues(endpointCount: 5, capacity: 16, byteLimit: 4000, firstLargeSlot: 10_000)
        var oracle = [[FrameReference]](repeating: [], count: 5)
        for number in 0..<20_000 {
            let queue = generator.number(0...4)
            if generator.number(0...9) < 6 {
                let new = frame(number, generator.number(14...1514))
                let bytes = oracle[queue].reduce(0) { $0 + Int($1.byteCount) }
                let hasRoom = oracle[queue].isEmpty || (oracle[queue].count < 16 && bytes + Int(new.byteCount) <= 4000)
                #expect(queues.hasRoom(queue, byteCount: Int(new.byteCount)) == hasRoom)
                guard hasRoom else { continue }
                queues.append(queue, new)
                oracle[queue].append(new)
            } else if generator.number(0...3) > 0 {
                let expected = oracle[queue].isEmpty ? nil : oracle[queue].removeFirst()
                #expect(queues.removeFirst(queue)?.slot == expected?.slot)
            } else {
                #expect(queues.removeLast(queue)?.slot == oracle[queue].popLast()?.slot)
            }
            #expect(queues.largeCount(queue) == oracle[queue].count { $0.slot >= 10_000 })
            #expect(queues.count(queue) == oracle[queue].count)
            if let last = oracle[queue].last {
                #expect(queues.peek(queue, at: oracle[queue].count - 1).slot == last.slot)
            }
        }
        for queue in 0..<5 {
            #expect(queues.byteCount(queue) == oracle[queue].reduce(0) { $0 + Int($1.byteCount) })
        }
    }

    @Test("appending to a full queue ends the process")
    func overflow() async {
        await #expect(processExitsWith: .failure) {
            var queues = OutputQueues(endpointCount: 1, capacity: 1, byteLimit: 1000)
            queues.append(0, FrameReference(slot: 0, start: 78, byteCount: 60))
            queues.append(0, FrameReference(slot: 0, start: 78, byteCount: 60))
        }
    }
}

@Suite("Fixed tables")
struct RigidTableTests {
    @Test("elements are made by their index and changed in place")
    func elements() {
        var table = RigidTable(count: 4) { $0 * 10 }
        table[2] += 1
        #expect((0..<4).map { table[$0] } == [0, 10, 21, 30])
        #expect(RigidTable(count: 0) { $0 }.count == 0)
    }

    @Test("an index that is none ends the process")
    func outOfRange() async {
        await #expect(processExitsWith: .failure) {
            let table = RigidTable(count: 4) { $0 }
            _ = table[4]
        }
        await #expect(processExitsWith: .failure) {
            let table = RigidTable(count: 4) { $0 }
            _ = table[-1]
        }
    }
}

@Suite("What ports take")
struct PortCapabilitiesTests {
    @Test(
        "an output takes what it has declared, and nothing it has not",
        arguments: [
            (VirtioNetHeader.plain, PortCapabilities(rawValue: 0)),
            (VirtioNetHeader(flags: .dataValid), PortCapabilities(rawValue: 0)),
            (VirtioNetHeader(flags: .needsChecksum), .checksum),
            (VirtioNetHeader(flags: .needsChecksum, gsoType: .tcpv4), .tso4),
            (VirtioNetHeader(flags: .needsChecksum, gsoType: .init(rawValue: 0x81)), .tso4),
            (VirtioNetHeader(flags: .needsChecksum, gsoType: .tcpv6), .tso6),
            (VirtioNetHeader(flags: .needsChecksum, gsoType: .udpL4), .uso),
        ] as [(VirtioNetHeader, PortCapabilities)]
    )
    func takes(header: VirtioNetHeader, needed: PortCapabilities) {
        #expect(PortCapabilities.all.takes(header))
        #expect(needed.takes(header))
        if !needed.isEmpty { #expect(!PortCapabilities.all.subtracting(needed).takes(header)) }
    }

    @Test("types that nobody may send are taken by nobody", arguments: [2, 3, 6, 0x7f, 0x83] as [UInt8])
    func unknownTypes(rawValue: UInt8) {
        let header = VirtioNetHeader(flags: .needsChecksum, gsoType: .init(rawValue: rawValue))
        #expect(!PortCapabilities.all.takes(header))
    }
}
