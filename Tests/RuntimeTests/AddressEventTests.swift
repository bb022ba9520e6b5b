// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import Synchronization
import TestTraits
import Testing

@testable import Runtime

@Suite("Events about addresses", .mayRun(seconds: 120))
struct AddressEventTests {
    private final class Heard: Sendable {
        private let events = Mutex<[SwitchEvent]>([])
        func append(_ event: SwitchEvent) { events.withLock { $0.append(event) } }
        var count: Int { events.withLock { $0.count } }
        /// Those about addresses, in words.
        var addresses: [String] {
            events.withLock { $0 }.compactMap { event in
                switch event {
                case .addressAdded(let address, let vlan, let port): "+ \(address) \(vlan) \(port)"
                case .addressRemoved(let address, let vlan, let port): "- \(address) \(vlan) \(port)"
                default: nil
                }
            }
        }
    }

    @Test("what is learned and forgotten is reported while somebody listens, and only then")
    func reported() throws {
        try withSwitch { live in
            let heard = Heard()
            live.perform { $0.element.observers.append { heard.append($0) } }
            let one = try RawVDEClient(live.directory)
            let other = try RawVDEClient(live.directory)
            try one.send(TestFrame.make(1, to: TestFrame.broadcast))
            _ = try other.next()
            live.perform { $0.element.watchAddresses(true) }
            try other.send(TestFrame.make(2, to: 1))
            _ = try one.next()
            try live.waitUntil { heard.addresses.count == 1 }
            #expect(heard.addresses[0].hasPrefix("+ ") && heard.addresses[0].hasSuffix(" 0 2"))
            other.close()
            try live.waitUntil { heard.addresses.count == 2 }
            #expect(heard.addresses[1] == "-" + heard.addresses[0].dropFirst())
            live.perform { $0.element.watchAddresses(false) }
            one.close()
            try live.waitUntil { live.portNumbers.isEmpty }
            #expect(heard.addresses.count == 2)
        }
    }

    @Test("more than fit are counted and left out, and the order of the rest is kept")
    func overflow() {
        let journal = ForwardingJournal.make()
        defer { journal.deallocate() }
        var memory = StateMemory(
            byteCount: StateMemory.byteCount(sections: ForwardingDatabase.byteCount(bucketCount: 65_536))
        )
        var database = ForwardingDatabase(in: &memory, bucketCount: 65_536, seed: 0x9e37_79b9_7f4a_7c15)
        database.journal = journal
        database.learn(.init(rawValue: 5), vlan: 0, port: 1, now: 0)
        #expect(!journal.announces())
        journal.turn(on: true)
        let count = ForwardingJournal.capacity + 100
        for number in 0..<count { database.learn(.init(rawValue: UInt64(number) << 8), vlan: 9, port: 3, now: 0) }
        #expect(journal.announces() && !journal.announces())
        let changes = journal.take()
        #expect(changes.count == ForwardingJournal.capacity && journal.lostCount == 100)
        #expect(changes.enumerated().allSatisfy { $1.address.rawValue == UInt64($0) << 8 && !$1.isRemoval })
        #expect(changes[0].vlan == 9 && changes[0].port == 3)
        #expect(journal.take().isEmpty && !journal.announces())
        database.forget(port: 1)
        #expect(journal.announces())
        #expect(journal.take().map(\.isRemoval) == [true])
        withExtendedLifetime(memory) {}
    }
}
