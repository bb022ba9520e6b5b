// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

@testable import Dataplane

@Suite("VLAN membership")
struct VLANTableTests {
    @Test("nothing is configured at first, and again when all was undone")
    func transparency() {
        var table = VLANTable(portCount: 70)
        var seen = [table.isTransparent]
        table.setUntaggedVLAN(port: 69, 10)
        seen.append(table.isTransparent)
        table.setTagged(port: 69, 20, isMember: true)
        table.setTagged(port: 69, 20, isMember: true)
        table.setUntaggedVLAN(port: 69, 0)
        seen.append(table.isTransparent)
        table.setTagged(port: 69, 20, isMember: false)
        seen.append(table.isTransparent)
        table.setMode(port: 1, .trunk)
        table.setTagged(port: 1, 4094, isMember: true)
        table.setUntaggedVLAN(port: 1, VLANTable.none)
        seen.append(table.isTransparent)
        table.reset(port: 1)
        seen.append(table.isTransparent)
        #expect(seen == [true, false, false, true, false, true])
    }

    @Test("members see a managed VLAN, trunks too, plain ports only what nobody manages")
    func membership() {
        var table = VLANTable(portCount: 8)
        table.setUntaggedVLAN(port: 1, 10)
        table.setTagged(port: 2, 10, isMember: true)
        table.setMode(port: 3, .trunk)
        table.setMode(port: 4, .strict)
        func memberships(_ vlan: UInt16) -> [VLANTable.Membership] {
            (1...5).map { table.membership(port: $0, vlan) }
        }
        #expect(memberships(10) == [.untagged, .tagged, .tagged, .none, .none])
        #expect(memberships(0) == [.none, .untagged, .untagged, .untagged, .untagged])
        #expect(memberships(30) == [.none, .none, .tagged, .none, .tagged])
    }
}

@Suite("Tags in the pool")
struct FramePoolTagTests {
    private let plain = hex("02 00 00 00 00 0b 02 00 00 00 00 0a 08 00 45 00 01 02 03")
    private let tagged = hex("02 00 00 00 00 0b 02 00 00 00 00 0a 81 00 a0 2a 08 00 45 00 01 02 03")

    @Test("a tag is put on and taken off where the frame lies")
    func inPlace() throws {
        var pool = FramePool(smallCount: 2, largeCount: 2)
        var frame = try need(pool.received(plain))
        let slot = frame.slot
        expect(pool.pushTag(control: 0xa02a, on: &frame) == nil)
        let (first, firstSlot) = (pool.array(frame), frame.slot)
        #expect(first == tagged && firstSlot == slot)
        expect(pool.popTag(of: &frame) == nil)
        let second = pool.array(frame)
        #expect(second == plain)
        pool.release(frame)
        let free = pool.freeLargeCount
        #expect(free == 2)
    }

    @Test("what another holds is not changed", arguments: [true, false])
    func shared(pushes: Bool) throws {
        var pool = FramePool(smallCount: 2, largeCount: 1)
        let original = pushes ? plain : tagged
        var frame = try need(pool.received(original))
        let other = frame
        pool.retain(other)
        let failure = pushes ? pool.pushTag(control: 0xa02a, on: &frame) : pool.popTag(of: &frame)
        #expect(failure == nil)
        let (kept, changed) = (pool.array(other), pool.array(frame))
        #expect(kept == original)
        #expect(changed == (pushes ? tagged : plain))
        pool.release(frame)
        pool.release(other)
        let free = (pool.freeSmallCount, pool.freeLargeCount)
        #expect(free == (2, 1))
    }

    @Test("a super-frame stays one, and is cut into the same segments with a tag more")
    func superFrame() throws {
        var recipe = SuperFrame()
        recipe.payload = (0..<4000).map { UInt8(truncatingIfNeeded: $0) }
        recipe.segmentSize = 1400
        var pool = FramePool(smallCount: 16, largeCount: 2)
        var frame = try need(pool.received(recipe.bytes))
        let header = try need(VirtioNetHeader.parse(recipe.virtioHeader.span))
        pool.setHeader(header, of: frame)
        expect(pool.pushTag(control: 42, on: &frame) == nil)
        let moved = pool.header(frame)
        #expect(moved.checksumStart == header.checksumStart + 4)
        #expect(moved.gsoSize == header.gsoSize)
        var burst = FrameBurst(capacity: 16)
        expect(pool.segment(frame, into: &burst) == nil)
        #expect(burst.count == 3)
        for index in 0..<burst.count {
            let bytes = pool.array(burst[index])
            #expect(Array(bytes[12..<16]) == [0x81, 0, 0, 42])
            #expect(ChecksumOracle.transportIsIntact(ip: Array(bytes[18...])))
        }
        expect(pool.popTag(of: &frame) == nil)
        let (back, bytes) = (pool.header(frame), pool.array(frame))
        #expect(back == header)
        #expect(bytes == recipe.bytes)
    }

    @Test("no slot, no room, no tag: nothing changes")
    func failures() throws {
        var pool = FramePool(smallCount: 0, largeCount: 1)
        var frame = try need(pool.received(plain))
        pool.retain(frame)
        expect(pool.pushTag(control: 1, on: &frame) == .noFrameMemory)
        expect(pool.popTag(of: &frame) == .noFrameMemory)
        pool.release(frame)
        frame.byteCount = 17
        expect(pool.popTag(of: &frame) == .runt)
        frame.byteCount = UInt32(FramePool.largeCapacity)
        expect(pool.pushTag(control: 1, on: &frame) == .tooLarge)
    }

    @Test("a checksum that begins within the tag is no reason to trap")
    func badChecksumStart() throws {
        var pool = FramePool(smallCount: 0, largeCount: 1)
        var frame = try need(pool.received(tagged))
        var header = VirtioNetHeader.plain
        header.flags = .needsChecksum
        header.checksumStart = 15
        pool.setHeader(header, of: frame)
        expect(pool.popTag(of: &frame) == .badHeader)
    }
}
