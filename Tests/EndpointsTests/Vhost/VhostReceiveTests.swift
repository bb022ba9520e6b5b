// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

@Suite("Frames to a virtual machine")
struct VhostReceiveTests {
    private let plain = [UInt8](repeating: 0, count: 12)
    /// A header that says in how many buffers the frame lies.
    private func header(_ count: UInt8, _ base: [UInt8]? = nil) -> [UInt8] {
        var header = base ?? plain
        header[10] = count
        return header
    }

    @Test("a frame that fits goes into one buffer, a larger one into as many as it needs")
    func mergesBuffers() throws {
        let machine = try VhostBench()
        let rings = machine.rings
        for head in 0..<8 { rings.giveBuffer(1526, head: head) }
        try machine.bench.stage(testFrame(1))
        try machine.bench.stage(testFrame(2, byteCount: 4000))
        #expect(machine.send() == .done)
        let used = rings.takeUsed(0)
        #expect(used.map(\.head) == [0, 1, 2, 3])
        #expect(used.map(\.byteCount) == [72, 1526, 1526, 960])
        #expect(rings.read(72, at: rings.room(0)) == header(1) + testFrame(1))
        let second =
            rings.read(1526, at: rings.room(1)) + rings.read(1526, at: rings.room(2))
            + rings.read(960, at: rings.room(3))
        #expect(second == header(3) + testFrame(2, byteCount: 4000))
    }

    @Test("a super-frame keeps its header, but for what the guest did not agree to")
    func passesSuperFrames() throws {
        let machine = try VhostBench(features: VhostBench.usual.subtracting(.guestECN))
        for head in 0..<50 { machine.rings.giveBuffer(1526, head: head) }
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 3, count: 40_000)
        var ecn = recipe.virtioHeader
        ecn[1] |= 0x80
        try machine.bench.stage(ecn + recipe.bytes, hasHeader: true)
        #expect(machine.send() == .done)
        let used = machine.rings.takeUsed(0)
        #expect(used.reduce(0) { $0 + $1.byteCount } == 12 + recipe.bytes.count)
        #expect(machine.rings.read(12, at: machine.rings.room(0)) == header(UInt8(used.count), recipe.virtioHeader))
        #expect(machine.capabilities.contains([.checksum, .tso4, .tso6]))
        #expect(!machine.capabilities.contains(.uso))
    }

    @Test("a buffer in pieces is filled across them, the header too")
    func fillsPieces() throws {
        let machine = try VhostBench()
        let rings = machine.rings
        let table = rings.descriptorsOffset(0)
        let place = rings.guest(rings.room(0))
        let flags = GuestRings.writable | GuestRings.hasNext
        rings.describe(table: table, 0, address: place, byteCount: 5, flags: flags, next: 1)
        rings.describe(table: table, 1, address: place + 5, byteCount: 20, flags: flags, next: 2)
        rings.describe(table: table, 2, address: place + 25, byteCount: 1000, flags: GuestRings.writable)
        rings.offer(0, head: 0)
        try machine.bench.stage(testFrame(4, byteCount: 300))
        #expect(machine.send() == .done)
        #expect(rings.read(312, at: rings.room(0)) == header(1) + testFrame(4, byteCount: 300))
    }

    @Test("buffers that a guest adds one by one while a frame is placed make it whole")
    func takesUpBuffers() throws {
        for _ in 0..<20 {
            let machine = try VhostBench()
            let rings = machine.rings
            let frame = testFrame(7, byteCount: 39_000)
            try machine.bench.stage(frame)
            let guest = Thread {
                for head in 0..<80 {
                    for _ in 0..<200 { GuestMemory.fence() }
                    rings.giveBuffer(500, head: head)
                }
            }
            guest.start()
            let deadline = MonotonicClock.nanoseconds + 20_000_000_000
            while machine.send() != .done, MonotonicClock.nanoseconds < deadline {}
            let used = rings.takeUsed(0)
            try #require(used.map(\.head) == (0..<79).map { UInt32($0) })
            let bytes = used.flatMap { rings.read($0.byteCount, at: rings.room(Int($0.head))) }
            #expect(bytes == header(79) + frame)
            while !guest.isFinished, MonotonicClock.nanoseconds < deadline { sched_yield() }
        }
    }

    @Test("an alarm calls once while the guest is not read from, and again when it is, or when there is another")
    func alarmWhileHeld() throws {
        let machine = try VhostBench()
        try machine.bench.stage(testFrame(1))
        _ = machine.receive()
        #expect(machine.send() == .blocked(from: 0))
        _ = machine.takeInterestChange()
        for _ in 0..<2 {
            // The monitor changes something while frames wait for the guest and its own are not taken.
            machine.apply(.enable(ring: 1, true))
            #expect(machine.interest(2, isRead: false, isBlocked: true) == .readable)
            #expect(machine.send() == .blocked(from: 0))
            #expect(machine.takeInterestChange())
            #expect(machine.interest(2, isRead: false, isBlocked: true) == [])
            #expect(machine.interest(2, isRead: true, isBlocked: true) == .readable)
        }
        _ = machine.receive()
        #expect(machine.takeInterestChange())
        #expect(machine.interest(2, isRead: false, isBlocked: true) == .readable)
    }

    @Test("without room the rest waits for a kick, and half a frame is never given")
    func waitsForRoom() throws {
        let machine = try VhostBench()
        machine.rings.giveBuffer(1526, head: 0)
        machine.rings.giveBuffer(1526, head: 1)
        try machine.bench.stage(testFrame(1))
        try machine.bench.stage(testFrame(2, byteCount: 3000))
        try machine.bench.stage(testFrame(3))
        #expect(machine.send() == .blocked(from: 1))
        #expect(machine.rings.takeUsed(0).map(\.head) == [0])
        // Whatever is added next wakes us, although one buffer is left.
        #expect(machine.rings.availableEvent(0) == 2)
        machine.rings.giveBuffer(1526, head: 2)
        machine.rings.giveBuffer(1526, head: 3)
        machine.kicks[0].event.signal()
        #expect(machine.send(from: 1) == .done)
        #expect(machine.rings.takeUsed(0).map(\.head) == [1, 2, 3])
        // More may wait behind this burst: the kick is still there.
        #expect(machine.kicks[0].isSignalled)
    }

    @Test("a kick without a buffer is taken back, and the next one with a buffer is heard")
    func takesIdleKicksBack() throws {
        let machine = try VhostBench()
        try machine.bench.stage(testFrame(1))
        for _ in 0..<3 {
            machine.kicks[0].event.signal()
            #expect(machine.send() == .blocked(from: 0))
            #expect(!machine.kicks[0].isSignalled)
            #expect(machine.rings.availableEvent(0) == 0)
        }
        machine.rings.giveBuffer(1526, head: 0)
        machine.kicks[0].event.signal()
        #expect(machine.send() == .done)
        #expect(machine.rings.takeUsed(0).map(\.head) == [0])
    }

    @Test("without mergeable buffers a frame that does not fit one is dropped, and the buffer stays")
    func dropsWhatCannotFit() throws {
        let machine = try VhostBench(features: [.version1])
        machine.rings.giveBuffer(1526, head: 0)
        try machine.bench.stage(testFrame(1, byteCount: 2000))
        try machine.bench.stage(testFrame(2))
        #expect(machine.send() == .done)
        #expect(machine.bench.drops[.tooLarge] == 1)
        #expect(machine.rings.read(72, at: machine.rings.room(0)) == header(1) + testFrame(2))
    }

    @Test("nobody there, a disabled ring or a pulled cable: counted, not kept")
    func dropsWithoutGuest() throws {
        let machine = try VhostBench(isStarted: false)
        try machine.bench.stage(testFrame(1))
        #expect(machine.capabilities == .all)
        #expect(machine.send() == .done)
        try machine.start(0, isEnabled: false)
        machine.rings.giveBuffer(1526, head: 0)
        #expect(machine.send() == .done)
        machine.apply(.enable(ring: 0, true))
        machine.setCarrier(false)
        #expect(machine.takeNotice() == EndpointNotice(.carrierSet, value: 0))
        #expect(machine.send() == .done)
        #expect(machine.bench.drops[.noCarrier] == 3)
        #expect(machine.rings.usedIndex(0) == 0)
        machine.setCarrier(true)
        #expect(machine.send() == .done)
        #expect(machine.rings.usedIndex(0) == 1)
    }

    @Test("the guest's memory may change under running rings")
    func followsMemory() throws {
        let machine = try VhostBench()
        machine.rings.giveBuffer(1526, head: 0)
        try machine.shareMemory()
        try machine.bench.stage(testFrame(1))
        #expect(machine.send() == .done)
        #expect(machine.rings.read(72, at: machine.rings.room(0)) == header(1) + testFrame(1))
        // Without the region that the rings are in, they stop.
        var elsewhere = GuestRings.region
        elsewhere.userAddress = 0x1000
        try machine.shareMemory(elsewhere)
        #expect(machine.takeFault() == .badRingAddress)
    }
}
