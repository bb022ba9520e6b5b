// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestTraits
import Testing
import Wire

@testable import Dataplane

@Suite("Readers of the forwarding database", .mayRun(seconds: 60))
struct ForwardingDatabaseViewTests {
    /// Everything else about an address follows from it, so that a row made of two entries is seen.
    private static func port(of address: UInt64) -> Int { Int(address % 1999) + 1 }
    private static func vlan(of address: UInt64) -> UInt16 { UInt16(address / 7 % 4096) }
    private static func seen(of address: UInt64) -> UInt16 { UInt16(address / 3 % 60) }

    /// Rows seen, and those that no write ever made.
    private final class Findings: Sendable {
        let rows = Atomic<Int>(0)
        let torn = Atomic<Int>(0)
        let passes = Atomic<Int>(0)
        let isOver = Atomic<Bool>(false)
        let done = DispatchSemaphore(value: 0)
    }

    @Test("a reader on another thread never sees a row made of two")
    func noTornRows() {
        var fixture = DatabaseFixture(bucketCount: 64)
        let view = fixture.table.view
        #expect(view.capacity == 512)
        let findings = Findings()
        Foundation.Thread.detachNewThread {
            while !findings.isOver.load(ordering: .relaxed) {
                let rows = view.rows(now: 60, ageingSeconds: 100)
                for row in rows {
                    let address = row.address.rawValue
                    if row.port != Self.port(of: address) || row.vlan != Self.vlan(of: address)
                        || row.age != 60 - Self.seen(of: address) || row.isStatic
                    {
                        findings.torn.add(1, ordering: .relaxed)
                    }
                }
                findings.rows.add(rows.count, ordering: .relaxed)
                findings.passes.add(1, ordering: .relaxed)
            }
            findings.done.signal()
        }
        // 5000 addresses fight for 512 places, until the reader has looked a few hundred times.
        var number: UInt64 = 0
        var written = 0
        while findings.passes.load(ordering: .relaxed) < 300 || written < 200_000 {
            let address = 0x0200_0000_0000 + number * 7919 % 5000
            fixture.table.learn(
                MACAddress(address),
                vlan: Self.vlan(of: address),
                port: Self.port(of: address),
                now: Self.seen(of: address)
            )
            number += 1
            written += 1
            if written % 50_000 == 0 { fixture.table.removeAll() }
        }
        findings.isOver.store(true, ordering: .relaxed)
        findings.done.wait()
        #expect(findings.torn.load(ordering: .relaxed) == 0)
        #expect(findings.rows.load(ordering: .relaxed) > 1000)
        #expect(fixture.table.evictions > 1000)
    }

    @Test("rows that are too old are left out")
    func agedRows() {
        var fixture = DatabaseFixture()
        fixture.table.learn(MACAddress(1), vlan: 0, port: 1, now: 65_530)
        fixture.table.learn(MACAddress(2), vlan: 5, port: 2, now: 10)
        let rows = fixture.table.view.rows(now: 14, ageingSeconds: 10)
        #expect(rows.map(\.address) == [MACAddress(2)])
        #expect(rows.first?.age == 4)
        #expect(rows.first?.vlan == 5)
        #expect(fixture.table.view.rows(now: 14, ageingSeconds: 20).count == 2)
    }

    @Test("an entry that is half written is left out")
    func halfWritten() {
        let size = StateMemory.byteCount(sections: ForwardingDatabase.byteCount(bucketCount: 64))
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
        defer { bytes.deallocate() }
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        var memory = StateMemory(formatting: bytes)
        var table = ForwardingDatabase(in: &memory, bucketCount: 64, seed: 0x9e37_79b9_7f4a_7c15)
        for number in 1...20 as ClosedRange<UInt64> { table.learn(MACAddress(number), vlan: 0, port: 1, now: 0) }
        let rows = table.view.rows(now: 0, ageingSeconds: 10)
        #expect(rows.count == 20)
        guard rows.count == 20 else { return }
        // The writer dies in the middle of its tenth entry: the sequence number behind key and place stays odd.
        let record = StateMemory.byteCount() + rows[9].index * 16
        let sequence = bytes.load(fromByteOffset: record + 12, as: UInt32.self)
        #expect(sequence % 2 == 0)
        bytes.storeBytes(of: sequence | 1, toByteOffset: record + 12, as: UInt32.self)
        let rest = table.view.rows(now: 0, ageingSeconds: 10)
        #expect(rest.map(\.index) == rows.map(\.index).filter { $0 != rows[9].index })
    }
}
