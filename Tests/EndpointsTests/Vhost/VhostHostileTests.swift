// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
import LinuxSystem
import TestSupport
import TestTraits
import Testing

@Suite("Hostile rings")
struct VhostHostileTests {
    private static let plain = [UInt8](repeating: 0, count: 12)

    /// Something that no driver does, and what it is called.
    struct Attack: Sendable, CustomTestStringConvertible {
        let fault: VhostFault
        let name: String
        let run: @Sendable (GuestRings) -> Void
        var testDescription: String { name }
    }

    private static let transmitAttacks: [Attack] = [
        Attack(fault: .badHead, name: "a head beyond the table") { $0.offer(1, head: 256) },
        Attack(fault: .badHead, name: "the largest head") { $0.offer(1, head: 0xffff) },
        Attack(fault: .tooManyAvailable, name: "an index far ahead") {
            $0.store(UInt16(257), at: $0.availableOffset(1) + 2)
        },
        Attack(fault: .tooManyAvailable, name: "an index that goes back") {
            $0.store(UInt16(0xffff), at: $0.availableOffset(1) + 2)
        },
        Attack(fault: .endlessChain, name: "a chain that bites its tail") {
            let table = $0.descriptorsOffset(1)
            let place = $0.guest($0.room(0))
            $0.describe(table: table, 0, address: place, byteCount: 1, flags: GuestRings.hasNext, next: 1)
            $0.describe(table: table, 1, address: place, byteCount: 1, flags: GuestRings.hasNext, next: 0)
            $0.offer(1, head: 0)
        },
        Attack(fault: .endlessChain, name: "an endless chain of nothing") {
            $0.offer(1, address: 0, byteCount: 0, flags: GuestRings.hasNext, next: 0)
        },
        Attack(fault: .badLink, name: "a successor beyond the table") {
            $0.offer(1, address: $0.guest(0), byteCount: 1, flags: GuestRings.hasNext, next: 256)
        },
        Attack(fault: .badAddress, name: "an address before the memory") {
            $0.offer(1, address: $0.guest(0) - 1, byteCount: 100)
        },
        Attack(fault: .badAddress, name: "a buffer that leaves the memory") {
            $0.offer(1, address: $0.guest(GuestRings.byteCount - 10), byteCount: 11)
        },
        Attack(fault: .badAddress, name: "a length that wraps the address") {
            $0.offer(1, address: .max - 5, byteCount: 0xffff_ffff)
        },
        Attack(fault: .wrongDirection, name: "a buffer to be written") {
            $0.offer(1, address: $0.guest(0), byteCount: 100, flags: GuestRings.writable)
        },
        Attack(fault: .badIndirect, name: "a table of half a descriptor") {
            $0.offer(1, address: $0.guest(0x8000), byteCount: 24, flags: GuestRings.indirect)
        },
        Attack(fault: .badIndirect, name: "an empty table") {
            $0.offer(1, address: $0.guest(0x8000), byteCount: 0, flags: GuestRings.indirect)
        },
        Attack(fault: .badIndirect, name: "a table of four gigabytes") {
            $0.offer(1, address: $0.guest(0), byteCount: 0xffff_fff0, flags: GuestRings.indirect)
        },
        Attack(fault: .badIndirect, name: "a table outside of the memory") {
            $0.offer(1, address: 0, byteCount: 16, flags: GuestRings.indirect)
        },
        Attack(fault: .badIndirect, name: "a table in a table") {
            $0.describe(table: 0x8000, 0, address: $0.guest(0x8000), byteCount: 16, flags: GuestRings.indirect)
            $0.offer(1, address: $0.guest(0x8000), byteCount: 16, flags: GuestRings.indirect)
        },
        Attack(fault: .badLink, name: "a successor beyond an indirect table") {
            $0.describe(
                table: 0x8000,
                0,
                address: $0.guest(0),
                byteCount: 1,
                flags: GuestRings.hasNext,
                next: 1
            )
            $0.offer(1, address: $0.guest(0x8000), byteCount: 16, flags: GuestRings.indirect)
        },
        Attack(fault: .memoryGone, name: "memory cut short") {
            $0.send(plain + testFrame(1), head: 0)
            ftruncate($0.file.rawValue, 0)
        },
    ]

    @Test(
        "a transmit ring of nonsense stops with one reason, and its memory and ours stay whole",
        arguments: transmitAttacks
    )
    func stopsTransmitRing(attack: Attack) throws {
        let machine = try VhostBench()
        attack.run(machine.rings)
        #expect(machine.receive() == .drained)
        #expect(machine.takeFault() == attack.fault)
        #expect(machine.takeNotice() == nil || attack.fault == .memoryGone)
        #expect(machine.bench.drops[.malformed] == 1 || attack.fault == .memoryGone)
        _ = machine.bench.takeFrames()
        #expect(machine.bench.isPoolWhole == true)
        // It stays stopped, says nothing more, and a kick does not keep the loop busy.
        machine.kicks[1].event.signal()
        #expect(machine.receive() == .drained)
        #expect(!machine.kicks[1].isSignalled)
        #expect(machine.takeNotice() == nil || attack.fault == .memoryGone)
    }

    @Test("after a new start a ring works again")
    func recovers() throws {
        let machine = try VhostBench()
        machine.rings.offer(1, head: 999)
        _ = machine.receive()
        #expect(machine.takeFault() == .badHead)
        machine.rings.availableIndex[1] = 0
        try machine.start(1)
        machine.rings.send(Self.plain + testFrame(1), head: 0)
        _ = machine.receive()
        #expect(machine.bench.takeFrames() == [testFrame(1)])
    }

    private static let receiveAttacks: [Attack] = [
        Attack(fault: .endlessChain, name: "buffers of a byte behind 255 descriptors of nothing each") {
            for index in 0..<256 {
                $0.describe(
                    table: $0.descriptorsOffset(0),
                    index,
                    address: $0.guest($0.room(0)),
                    byteCount: index == 255 ? 1 : 0,
                    flags: GuestRings.writable | (index == 255 ? 0 : GuestRings.hasNext),
                    next: UInt16(index + 1)
                )
            }
            for _ in 0..<256 { $0.offer(0, head: 0) }
        },
        Attack(fault: .badHead, name: "a head beyond the table") { $0.offer(0, head: 300) },
        Attack(fault: .wrongDirection, name: "a buffer to be read") {
            $0.offer(0, address: $0.guest($0.room(0)), byteCount: 2000)
        },
        Attack(fault: .emptyBuffer, name: "a buffer without room") { $0.giveBuffer(0, head: 0) },
        Attack(fault: .badAddress, name: "a buffer outside of the memory") {
            $0.offer(0, address: 0, byteCount: 2000, flags: GuestRings.writable)
        },
        Attack(fault: .tooManyAvailable, name: "an index far ahead") {
            $0.store(UInt16(0x8000), at: $0.availableOffset(0) + 2)
        },
        Attack(fault: .memoryGone, name: "memory cut short") {
            $0.giveBuffer(2000, head: 0)
            ftruncate($0.file.rawValue, 0)
        },
    ]

    @Test("a receive ring of nonsense stops, and what was to go there is counted", arguments: receiveAttacks)
    func stopsReceiveRing(attack: Attack) throws {
        let machine = try VhostBench()
        attack.run(machine.rings)
        try machine.bench.stage(testFrame(1))
        try machine.bench.stage(testFrame(2))
        _ = machine.send()
        #expect(machine.takeFault() == attack.fault)
        if attack.fault != .memoryGone { #expect(machine.bench.drops[.malformed] == 2) }
        #expect(machine.send() == .done)
        #expect(machine.bench.drops[.noCarrier] == 2)
    }

    @Test("buffers of one byte each cost a bounded number of steps")
    func boundsTinyBuffers() throws {
        let machine = try VhostBench()
        for head in 0..<256 { machine.rings.giveBuffer(1, head: head) }
        try machine.bench.stage(testFrame(1, byteCount: 1500))
        try machine.bench.stage(testFrame(1, byteCount: 60))
        // All of the ring would not be enough for the first, so waiting would be for ever.
        #expect(machine.send() == .done)
        #expect(machine.bench.drops[.tooLarge] == 1)
        #expect(machine.rings.takeUsed(0).count == 72)
    }

    @Test("random rings, changed while they are read, never do more than stop", .mayRun(seconds: 60))
    func survivesNoise() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            let machine = try VhostBench(size: 16)
            for ring in 0..<2 {
                for index in 0..<16 {
                    machine.rings.describe(
                        table: machine.rings.descriptorsOffset(ring),
                        index,
                        address: machine.rings.guest(Int.random(in: 0...GuestRings.byteCount, using: &generator)),
                        byteCount: Int.random(in: 0...3000, using: &generator),
                        flags: UInt16.random(in: 0...7, using: &generator),
                        next: UInt16.random(in: 0...17, using: &generator)
                    )
                }
                for _ in 0..<Int.random(in: 1...16, using: &generator) {
                    machine.rings.offer(ring, head: UInt16.random(in: 0...16, using: &generator))
                }
            }
            _ = machine.receive()
            _ = machine.bench.takeFrames()
            try machine.bench.stage(testFrame(1, byteCount: 1000))
            _ = machine.send()
            _ = machine.bench.takeFrames()
            #expect(machine.bench.isPoolWhole == true)
        }
    }
}

extension GuestRings {
    /// Offers a chain that is one descriptor, in the table's first place.
    fileprivate func offer(
        _ ring: Int,
        address: UInt64,
        byteCount: UInt32,
        flags: UInt16 = 0,
        next: UInt16 = 0
    ) {
        describe(
            table: descriptorsOffset(ring),
            0,
            address: address,
            byteCount: Int(byteCount),
            flags: flags,
            next: next
        )
        offer(ring, head: 0)
    }
}
