// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

@testable import Dataplane

/// A table in memory of its own.
struct DatabaseFixture: ~Copyable {
    // Kept for as long as the table, which points into it.
    private let memory: StateMemory
    var table: ForwardingDatabase

    init(bucketCount: Int = 64, seed: UInt64 = 0x9e37_79b9_7f4a_7c15) {
        var memory = StateMemory(
            byteCount: StateMemory.byteCount(sections: ForwardingDatabase.byteCount(bucketCount: bucketCount))
        )
        table = ForwardingDatabase(in: &memory, bucketCount: bucketCount, seed: seed)
        self.memory = memory
    }
}

/// What a forwarding database is meant to be: a dictionary, with time that never wraps around.
private struct ForwardingOracle {
    struct Key: Hashable {
        let address: MACAddress
        let vlan: UInt16
    }
    var entries: [Key: (port: Int, seen: Int)] = [:]
    var ageing: Int
    var persistence: Int

    func lookUp(_ key: Key, now: Int) -> Int? {
        guard let entry = entries[key], now - entry.seen <= ageing else { return nil }
        return entry.port
    }

    mutating func learn(_ key: Key, port: Int, now: Int) -> ForwardingDatabase.Learned {
        guard let old = entries[key] else {
            entries[key] = (port, now)
            return .new
        }
        if old.port != port, now - old.seen < persistence { return .held }
        entries[key] = (port, now)
        return old.port == port ? .known : .moved
    }

    mutating func sweep(now: Int) { entries = entries.filter { now - $0.value.seen <= ageing } }
    mutating func forget(port: Int) { entries = entries.filter { $0.value.port != port } }
}

@Suite("The forwarding database")
struct ForwardingDatabaseTests {
    private let alice = MACAddress(0x0200_0000_0001)
    private let bob = MACAddress(0x0200_0000_0002)

    @Test(
        "behaves as a dictionary with times, also around the end of its clock",
        arguments: [(1, 0), (2, 65_000), (3, 65_530)] as [(UInt64, Int)]
    )
    func behavesAsOracle(seed: UInt64, start: Int) {
        var generator = SeededGenerator(seed: seed)
        var fixture = DatabaseFixture(bucketCount: 512, seed: generator.next())
        var oracle = ForwardingOracle(ageing: 100, persistence: 3)
        fixture.table.ageingSeconds = 100
        fixture.table.minimumPersistenceSeconds = 3
        var now = start
        var lastSweep = start
        for _ in 0..<40_000 {
            let key = ForwardingOracle.Key(
                address: MACAddress(0x0200_0000_0000 + UInt64(generator.number(0...120))),
                vlan: [0, 0, 0, 1, 4095][generator.number(0...4)]
            )
            let tick = UInt16(truncatingIfNeeded: now)
            switch generator.number(0...999) {
            case 0...499:
                let port = generator.number(1...4)
                let learned = fixture.table.learn(key.address, vlan: key.vlan, port: port, now: tick)
                #expect(learned == oracle.learn(key, port: port, now: now))
            case 500...899:
                #expect(fixture.table.lookUp(key.address, vlan: key.vlan, now: tick) == oracle.lookUp(key, now: now))
            case 900...989: now += generator.number(0...3)
            case 990...993: now += generator.number(20...99)
            case 994...996:
                fixture.table.sweep(now: tick)
                oracle.sweep(now: now)
                lastSweep = now
            case 997...998:
                let port = generator.number(1...4)
                fixture.table.forget(port: port)
                oracle.forget(port: port)
            default:
                fixture.table.removeAll()
                oracle.entries = [:]
            }
            // As the loop does, so that nothing grows older than the clock can say.
            if now - lastSweep > 100 {
                fixture.table.sweep(now: UInt16(truncatingIfNeeded: now))
                oracle.sweep(now: now)
                lastSweep = now
            }
            #expect(fixture.table.count == oracle.entries.count)
        }
        // Otherwise the dictionary would not be the whole truth.
        #expect(fixture.table.evictions == 0)
        #expect(now > start + 2000)
        let rows = fixture.table.view.rows(now: UInt16(truncatingIfNeeded: now), ageingSeconds: 100)
        let expected = oracle.entries.filter { now - $0.value.seen <= 100 }
        #expect(rows.count == expected.count)
        for row in rows {
            let entry = expected[ForwardingOracle.Key(address: row.address, vlan: row.vlan)]
            #expect(entry?.port == row.port)
            #expect(entry.map { now - $0.seen } == Int(row.age))
        }
    }

    @Test(
        "an entry is good for exactly the ageing time, wherever the clock stands",
        arguments: [0, 100, 65_500, 65_535]
    )
    func ageing(seen: UInt16) {
        var fixture = DatabaseFixture()
        fixture.table.ageingSeconds = 100
        fixture.table.learn(alice, vlan: 0, port: 7, now: seen)
        #expect(fixture.table.lookUp(alice, vlan: 0, now: seen &+ 100) == 7)
        #expect(fixture.table.lookUp(alice, vlan: 0, now: seen &+ 101) == nil)
        fixture.table.sweep(now: seen &+ 100)
        #expect(fixture.table.count == 1)
        fixture.table.sweep(now: seen &+ 101)
        #expect(fixture.table.count == 0)
    }

    @Test("an address stays where it is for the minimal persistence", arguments: [0, 65_534] as [UInt16])
    func persistence(seen: UInt16) {
        var fixture = DatabaseFixture()
        fixture.table.minimumPersistenceSeconds = 3
        #expect(fixture.table.learn(alice, vlan: 0, port: 1, now: seen) == .new)
        #expect(fixture.table.learn(alice, vlan: 0, port: 2, now: seen &+ 2) == .held)
        #expect(fixture.table.lookUp(alice, vlan: 0, now: seen &+ 2) == 1)
        #expect(fixture.table.learn(alice, vlan: 0, port: 2, now: seen &+ 3) == .moved)
        #expect(fixture.table.lookUp(alice, vlan: 0, now: seen &+ 3) == 2)
        // Without persistence every frame moves it.
        fixture.table.minimumPersistenceSeconds = 0
        #expect(fixture.table.learn(alice, vlan: 0, port: 1, now: seen &+ 3) == .moved)
    }

    @Test("the same address may be elsewhere in another VLAN")
    func vlans() {
        var fixture = DatabaseFixture()
        fixture.table.learn(alice, vlan: 0, port: 1, now: 0)
        fixture.table.learn(alice, vlan: 10, port: 2, now: 0)
        fixture.table.learn(alice, vlan: 4095, port: 3, now: 0)
        #expect([0, 10, 4095, 11].map { fixture.table.lookUp(alice, vlan: $0, now: 0) } == [1, 2, 3, nil])
    }

    @Test("pulling a port's cable forgets its addresses and no others")
    func forgetsPort() {
        var fixture = DatabaseFixture()
        fixture.table.learn(alice, vlan: 0, port: 1, now: 0)
        fixture.table.learn(bob, vlan: 0, port: 2, now: 0)
        fixture.table.forget(port: 1)
        #expect(fixture.table.lookUp(alice, vlan: 0, now: 0) == nil)
        #expect(fixture.table.lookUp(bob, vlan: 0, now: 0) == 2)
        #expect(fixture.table.count == 1)
    }

    @Test("a port that floods forged addresses displaces its own, not those of others", arguments: [64, 1024, 8192])
    func floodDisplacesItself(bucketCount: Int) {
        var generator = SeededGenerator(seed: 11)
        var fixture = DatabaseFixture(bucketCount: bucketCount, seed: generator.next())
        let victims = (0..<50).map { MACAddress(0x0252_0000_0000 + UInt64($0)) }
        for address in victims { fixture.table.learn(address, vlan: 0, port: 1, now: 10) }
        for _ in 0..<100_000 {
            // Individual addresses only; younger than the victims', so that age alone would displace those.
            let forged = MACAddress(generator.next() & 0xfeff_ffff_ffff)
            fixture.table.learn(forged, vlan: 0, port: 2, now: 20)
        }
        #expect(victims.allSatisfy { fixture.table.lookUp($0, vlan: 0, now: 20) == 1 } == true)
        #expect(fixture.table.evictions > 30_000)
        #expect(fixture.table.count <= bucketCount * 8)
    }

    @Test("a full bucket gives up an aged entry first, and counts no eviction for it")
    func agedGoFirst() {
        var fixture = DatabaseFixture()
        fixture.table.ageingSeconds = 100
        // A table of 64 buckets that is full of addresses last seen at 0.
        for number in 0..<4000 as Range<UInt64> { fixture.table.learn(MACAddress(number), vlan: 0, port: 1, now: 0) }
        #expect(fixture.table.count == 512)
        let evictions = fixture.table.evictions
        for number in 10_000..<10_100 as Range<UInt64> {
            fixture.table.learn(MACAddress(number), vlan: 0, port: 2, now: 101)
        }
        #expect(fixture.table.evictions == evictions)
        let found = (10_000..<10_100 as Range<UInt64>).filter {
            fixture.table.lookUp(MACAddress($0), vlan: 0, now: 101) == 2
        }
        #expect(found.count == 100)
        #expect(fixture.table.count == 512)
    }

    @Test("addresses in a row spread over the table", arguments: [1, 2, 0x100, 0x1_0000] as [UInt64])
    func spreads(step: UInt64) {
        var generator = SeededGenerator(seed: 17)
        for _ in 0..<8 {
            var fixture = DatabaseFixture(bucketCount: 8192, seed: generator.next())
            for number in 0..<16_384 as Range<UInt64> {
                fixture.table.learn(MACAddress(0x0200_0000_0000 &+ number &* step), vlan: 0, port: 1, now: 0)
            }
            // A quarter of the places: were one bucket chosen for many, entries would be lost.
            #expect(fixture.table.evictions < 100)
        }
    }

    @Test("sizes that are no power of two end the process")
    func badSize() async {
        await #expect(processExitsWith: .failure) {
            _ = DatabaseFixture(bucketCount: 100)
        }
    }
}
