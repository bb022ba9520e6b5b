// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

@testable import Dataplane

@Suite("Translation of tags")
struct TagTableTests {
    private static let addresses = hex("02 00 00 00 00 0b 02 00 00 00 00 0a")
    private static let payload = hex("08 00 45 00 01 02 03 04 05 06")

    private static func frame(_ tags: [UInt16]) -> [UInt8] {
        addresses + tags.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] } + payload
    }

    /// 0 → 7 (no tag: tag 7), 7 → no tag, 10 → 11, 11 → 10, 20 stays, the rest is dropped.
    private static func table(_ type: EtherType) -> TagTable {
        TagTable(type: type) { number in
            switch number {
            case 0: .tag(7)
            case 7: .untag
            case 10: .tag(11)
            case 11: .tag(10)
            case 20: .tag(20)
            default: .discard
            }
        }
    }

    @Test(
        "each number gets what the table says, and keeps its priority",
        arguments: [
            ([], [0x8100, 7]), ([0x8100, 0xa007], []), ([0x8100, 0xb00a], [0x8100, 0xb00b]),
            ([0x8100, 11], [0x8100, 10]), ([0x8100, 0xe014], [0x8100, 0xe014]), ([0x8100, 0xa000], [0x8100, 0xa007]),
            ([0x8100, 30], nil), ([0x8100, 4095], nil), ([0x88a8, 10], [0x8100, 7, 0x88a8, 10]),
            ([0x8100, 10, 0x8100, 20], [0x8100, 11, 0x8100, 20]),
        ] as [([UInt16], [UInt16]?)]
    )
    func translation(_ before: [UInt16], _ after: [UInt16]?) throws {
        let table = Self.table(.vlan)
        var pool = FramePool(smallCount: 2, largeCount: 2)
        var frame = try need(pool.received(Self.frame(before)))
        let cause = table.apply(to: &frame, &pool)
        let bytes = pool.array(frame)
        #expect(cause == (after == nil ? .wrongVLAN : nil))
        #expect(bytes == Self.frame(after ?? before))
        pool.release(frame)
        let free = (pool.freeSmallCount, pool.freeLargeCount)
        #expect(free == (2, 2))
    }

    @Test("service tags leave customer tags alone")
    func service() throws {
        let table = Self.table(.serviceVLAN)
        var pool = FramePool(smallCount: 2, largeCount: 2)
        for (before, after) in [
            ([0x8100, 10], [0x88a8, 7, 0x8100, 10]), ([0x88a8, 7, 0x8100, 10], [0x8100, 10]),
            ([0x88a8, 10, 0x8100, 10], [0x88a8, 11, 0x8100, 10]),
        ] as [([UInt16], [UInt16])] {
            var frame = try need(pool.received(Self.frame(before)))
            let cause = table.apply(to: &frame, &pool)
            let bytes = pool.array(frame)
            #expect(cause == nil)
            #expect(bytes == Self.frame(after))
            pool.release(frame)
        }
    }

    @Test("what is too short for a tag, or for a frame, is no trap")
    func short() throws {
        let table = Self.table(.vlan)
        var pool = FramePool(smallCount: 2, largeCount: 2)
        for size in 0..<18 {
            var frame = try need(pool.received(Array(Self.frame([0x8100, 10]).prefix(size))))
            let cause = table.apply(to: &frame, &pool)
            #expect(cause == (size < 14 ? .runt : nil))
            pool.release(frame)
        }
    }

    @Test("what somebody else holds too is not changed")
    func shared() throws {
        let table = Self.table(.vlan)
        var pool = FramePool(smallCount: 2, largeCount: 1)
        var frame = try need(pool.received(Self.frame([0x8100, 10])))
        let other = frame
        pool.retain(other)
        let cause = table.apply(to: &frame, &pool)
        let (kept, changed) = (pool.array(other), pool.array(frame))
        #expect(cause == nil)
        #expect(kept == Self.frame([0x8100, 10]))
        #expect(changed == Self.frame([0x8100, 11]))
    }
}
