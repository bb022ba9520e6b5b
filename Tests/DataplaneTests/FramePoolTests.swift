// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import Wire

@testable import Dataplane

@Suite("The frame pool")
struct FramePoolTests {
    @Test("the slot used last is used next, and the lowest first")
    func lastInFirstOut() throws {
        var pool = FramePool(smallCount: 4, largeCount: 3)
        let first = try need(pool.allocateLarge())
        let second = try need(pool.allocateLarge())
        // Large slots are numbered behind the small ones.
        #expect(first.slot == 4)
        #expect(second.slot == 5)
        pool.release(first)
        #expect(pool.allocateLarge()?.slot == 4)
        pool.release(second)
        #expect(pool.allocateLarge()?.slot == 5)
        #expect(pool.allocateSmall()?.slot == 0)
    }

    @Test("a full pool says nil and recovers")
    func exhaustion() throws {
        var pool = FramePool(smallCount: 2, largeCount: 1)
        let large = try need(pool.allocateLarge())
        #expect(pool.allocateLarge() == nil)
        #expect(pool.allocateSmall() != nil)
        #expect(pool.allocateSmall() != nil)
        #expect(pool.allocateSmall() == nil)
        #expect(pool.freeLargeCount == 0)
        #expect(pool.freeSmallCount == 0)
        pool.release(large)
        #expect(pool.freeLargeCount == 1)
        #expect(pool.allocateLarge()?.slot == large.slot)
    }

    @Test("a slot is free only after its last holder let it go")
    func holders() throws {
        var pool = FramePool(smallCount: 0, largeCount: 1)
        let frame = try need(pool.allocateLarge())
        pool.retain(frame)
        pool.retain(frame)
        let shared = pool.isUniquelyHeld(frame)
        #expect(!shared)
        pool.release(frame)
        pool.release(frame)
        #expect(pool.freeLargeCount == 0)
        let unique = pool.isUniquelyHeld(frame)
        #expect(unique)
        pool.release(frame)
        #expect(pool.freeLargeCount == 1)
    }

    @Test("a reserve is kept back")
    func reserve() {
        var pool = FramePool(smallCount: 3, largeCount: 3)
        #expect(pool.allocateLarge(reserve: 2) != nil)
        #expect(pool.allocateLarge(reserve: 2) == nil)
        #expect(pool.allocateLarge() != nil)
        #expect(pool.allocateSmall(reserve: 2) != nil)
        #expect(pool.allocateSmall(reserve: 2) == nil)
        #expect(pool.allocateSmall(reserve: 1) != nil)
    }

    @Test("a frame goes to the smaller slot that holds it", arguments: [14, 60, 1514, 1970, 1971, 9014, 65_597])
    func smallestSlot(byteCount: Int) throws {
        var pool = FramePool(smallCount: 1, largeCount: 1)
        let frame = try need(pool.allocate(byteCount: byteCount))
        let isLarge = pool.isLarge(frame)
        #expect(isLarge == (byteCount > FramePool.smallCapacity))
        let bytes = pool.bytes(frame)
        let count = bytes.count
        #expect(count == byteCount)
    }

    @Test("small frames take large slots when no small one is left")
    func fallsBackToLarge() throws {
        var pool = FramePool(smallCount: 1, largeCount: 1)
        let first = try need(pool.allocate(byteCount: 60))
        let second = try need(pool.allocate(byteCount: 60))
        let isLarge = [pool.isLarge(first), pool.isLarge(second)]
        #expect(isLarge == [false, true])
        #expect(pool.allocate(byteCount: 60) == nil)
    }

    @Test("no slot is given to a frame that is too long for it")
    func tooLong() {
        var pool = FramePool(smallCount: 1, largeCount: 1)
        #expect(pool.allocateLarge(byteCount: FramePool.largeCapacity + 1) == nil)
        #expect(pool.allocateSmall(byteCount: FramePool.smallCapacity + 1) == nil)
        #expect(pool.freeLargeCount == 1)
        #expect(pool.freeSmallCount == 1)
    }

    @Test("slots do not overlap: each keeps its own bytes")
    func slotsAreApart() throws {
        var pool = FramePool(smallCount: 3, largeCount: 3)
        var frames: [FrameReference] = []
        for _ in 0..<3 { frames.append(try need(pool.allocateSmall())) }
        for _ in 0..<3 { frames.append(try need(pool.allocateLarge())) }
        for (number, frame) in frames.enumerated() {
            pool.fill(frame, with: [UInt8](repeating: UInt8(number + 1), count: Int(frame.byteCount)))
            pool.setHeader(VirtioNetHeader(gsoSize: UInt16(100 + number)), of: frame)
        }
        for (number, frame) in frames.enumerated() {
            let isIntact = pool.array(frame).allSatisfy { $0 == UInt8(number + 1) }
            #expect(isIntact)
            let header = pool.header(frame)
            #expect(header.gsoSize == UInt16(100 + number))
        }
    }

    @Test("a copy has the frame's bytes and header in the smallest slot, and lives on its own")
    func copies() throws {
        var pool = FramePool(smallCount: 1, largeCount: 2)
        var frame = try need(pool.allocateLarge())
        frame.byteCount = 100
        pool.fill(frame, with: Array(0..<100))
        pool.setHeader(VirtioNetHeader(flags: .needsChecksum, checksumStart: 34, checksumOffset: 6), of: frame)
        let copy = try need(pool.copy(frame))
        let isLarge = pool.isLarge(copy)
        #expect(!isLarge)
        pool.fill(frame, with: [UInt8](repeating: 0xff, count: 100))
        pool.clearHeader(of: frame)
        pool.release(frame)
        let bytes = pool.array(copy)
        #expect(bytes == Array(0..<100))
        let header = pool.header(copy)
        #expect(header.checksumStart == 34 && header.needsChecksum)
        // The small slot is taken now: the next copy is in a large one, and then there is nothing left.
        let second = try need(pool.copy(copy))
        let isSecondLarge = pool.isLarge(second)
        #expect(isSecondLarge)
    }

    @Test("without a free slot there is no copy")
    func copyNeedsASlot() throws {
        var pool = FramePool(smallCount: 0, largeCount: 1)
        let frame = try need(pool.allocateLarge())
        #expect(pool.copy(frame) == nil)
    }

    @Test("a fresh frame is an ordinary one, whatever its slot held before")
    func freshHeader() throws {
        var pool = FramePool(smallCount: 0, largeCount: 1)
        let old = try need(pool.allocateLarge())
        pool.setHeader(VirtioNetHeader(flags: .needsChecksum, gsoType: .tcpv4, gsoSize: 1460), of: old)
        let needsWork = pool.needsWork(old)
        #expect(needsWork)
        pool.release(old)
        let fresh = try need(pool.allocateLarge())
        #expect(fresh.slot == old.slot)
        let needsWorkNow = pool.needsWork(fresh)
        #expect(!needsWorkNow)
        let header = pool.header(fresh)
        #expect(header == .plain)
    }

    @Test("each frame lies in the slab where its offset says, its header before it")
    func slab() throws {
        var pool = FramePool(smallCount: 2, largeCount: 2)
        for _ in 0..<2 {
            for frame in [try need(pool.allocateSmall(byteCount: 5)), try need(pool.allocateLarge(byteCount: 5))] {
                pool.fill(frame, with: [1, 2, 3, 4, UInt8(frame.slot)])
                pool.setHeader(VirtioNetHeader(bufferCount: 0x0706), of: frame)
                let offset = pool.offset(frame)
                let slab = pool.slab
                let found = (offset - 2..<offset + 5).map { slab[$0] }
                #expect(found == [6, 7, 1, 2, 3, 4, UInt8(frame.slot)])
                let whole = pool.bytesWithHeader(frame)
                let count = whole.count
                #expect(count == 17)
                #expect(whole[10] == 6 && whole[12] == 1)
            }
        }
    }
}

@Suite("Misuse of the frame pool")
struct FramePoolMisuseTests {
    @Test("letting a frame go twice ends the process")
    func doubleRelease() async {
        await #expect(processExitsWith: .failure) {
            var pool = FramePool(smallCount: 1, largeCount: 1)
            let frame = pool.allocateLarge()!
            pool.release(frame)
            pool.release(frame)
        }
    }

    @Test("a slot that is none ends the process")
    func foreignSlot() async {
        await #expect(processExitsWith: .failure) {
            var pool = FramePool(smallCount: 1, largeCount: 1)
            pool.retain(FrameReference(slot: 2, start: 78, byteCount: 60))
        }
    }

    @Test("bytes beyond the slot end the process")
    func rangeBeyondSlot() async {
        await #expect(processExitsWith: .failure) {
            var pool = FramePool(smallCount: 1, largeCount: 1)
            var frame = pool.allocateSmall()!
            frame.byteCount += 1
            _ = pool.bytes(frame).count
        }
    }

    @Test("a frame without room for its header ends the process")
    func noRoomForHeader() async {
        await #expect(processExitsWith: .failure) {
            var pool = FramePool(smallCount: 1, largeCount: 1)
            var frame = pool.allocateSmall()!
            frame.start = 11
            _ = pool.header(frame)
        }
    }
}

@Suite("Sizes of the data plane")
struct TunablesTests {
    @Test("the largest frame is the one that the parsers know")
    func largestFrame() {
        #expect(Tunables.maximumFrameByteCount == WireTunables.maximumFrameByteCount)
    }

    @Test("slots hold head room, header and the frames meant for them")
    func slotSizes() {
        let before = Tunables.headroomByteCount + VirtioNetHeader.byteCount
        #expect(before + Tunables.maximumFrameByteCount <= Tunables.largeSlotByteCount)
        // Ethernet with two tags and an MTU of 1500.
        #expect(FramePool.smallCapacity >= 1522)
        #expect(Tunables.largeSlotByteCount % 64 == 0 && Tunables.smallSlotByteCount % 64 == 0)
        // Slots that begin on the same offset of a page compete for the same cache sets.
        #expect(Tunables.largeSlotByteCount % 4096 != 0)
    }

    @Test("what queues leave free is enough for bursts and for a super-frame's segments")
    func reserves() {
        #expect(Tunables.largeSlotReserve >= 2 * Tunables.burstFrameCount)
        #expect(Tunables.smallSlotReserve >= 65_535 / 32)
        #expect(Tunables.smallSlotReserve < Tunables.smallSlotCount)
        #expect(Tunables.largeSlotReserve < Tunables.largeSlotCount)
        // A wire of 50,000 frames a second and half a second, both directions full: each may hold what is free.
        #expect(Tunables.wireSmallSlotCount - Tunables.smallSlotReserve >= 3 * 25_000)
    }
}
