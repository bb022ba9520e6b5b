// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

@testable import Dataplane

@Suite("The learning bridge")
struct BridgeTests {
    /// A bridge whose table lives as long as it does.
    private struct Fixture: ~Copyable {
        private let memory: StateMemory
        var bridge: Bridge

        init() {
            var memory = StateMemory(
                byteCount: StateMemory.byteCount(sections: ForwardingDatabase.byteCount(bucketCount: 64))
            )
            bridge = Bridge(forwarding: ForwardingDatabase(in: &memory, bucketCount: 64, seed: 3))
            self.memory = memory
        }

        mutating func classify(_ text: String, port: Int, now: UInt16 = 0) -> Bridge.Verdict {
            let bytes = hex(text)
            return bridge.classify(bytes.span, port: port, now: now)
        }
    }

    //                            destination     source          type
    private let aliceToBob = "02 00 00 00 00 0b 02 00 00 00 00 0a 08 00 45 00"
    private let bobToAlice = "02 00 00 00 00 0a 02 00 00 00 00 0b 08 00 45 00"
    private let aliceToAll = "ff ff ff ff ff ff 02 00 00 00 00 0a 08 06 00 01"

    @Test("an unknown destination is flooded, a known one is forwarded to its port")
    func unicast() {
        var fixture = Fixture()
        #expect(fixture.classify(aliceToBob, port: 1) == .flood)
        #expect(fixture.classify(bobToAlice, port: 2) == .forward(port: 1))
        #expect(fixture.classify(aliceToBob, port: 1) == .forward(port: 2))
    }

    @Test("a broadcast is flooded and teaches where its sender is")
    func broadcast() {
        var fixture = Fixture()
        #expect(fixture.classify(aliceToAll, port: 3) == .flood)
        #expect(fixture.classify(bobToAlice, port: 2) == .forward(port: 3))
    }

    @Test("a destination on the port of arrival needs no forwarding")
    func sameSegment() {
        var fixture = Fixture()
        _ = fixture.classify(aliceToAll, port: 1)
        #expect(fixture.classify(bobToAlice, port: 1) == .discard(.sameSegment))
    }

    @Test("frames without a whole Ethernet header are discarded", arguments: 0...13)
    func runts(length: Int) {
        var fixture = Fixture()
        let bytes = [UInt8](repeating: 0xff, count: length)
        #expect(fixture.bridge.classify(bytes.span, port: 1, now: 0) == .discard(.runt))
        #expect(fixture.bridge.forwarding.count == 0)
    }

    @Test("a header alone is a frame")
    func shortest() {
        var fixture = Fixture()
        #expect(fixture.classify("02 00 00 00 00 0b 02 00 00 00 00 0a 08 00", port: 1) == .flood)
        #expect(fixture.bridge.forwarding.count == 1)
    }

    @Test("a group address as a source is not learned, and its frame still goes")
    func groupSource() {
        var fixture = Fixture()
        #expect(fixture.classify("02 00 00 00 00 0b 03 00 00 00 00 0a 08 00", port: 1) == .flood)
        #expect(fixture.classify("02 00 00 00 00 0b ff ff ff ff ff ff 08 00", port: 1) == .flood)
        #expect(fixture.bridge.forwarding.count == 0)
    }

    @Test(
        "group addresses flood, those that bridges usually keep for themselves included",
        arguments: [
            "01 80 c2 00 00 00",  // Spanning tree.
            "01 80 c2 00 00 02",  // LACP.
            "01 80 c2 00 00 0e",  // LLDP.
            "01 00 5e 00 00 01",  // IPv4, all hosts.
            "33 33 00 00 00 01",  // IPv6, all nodes.
        ]
    )
    func multicast(destination: String) {
        var fixture = Fixture()
        #expect(fixture.classify("\(destination) 02 00 00 00 00 0a 88 cc", port: 1) == .flood)
        // Also when somebody claims to be that address.
        #expect(fixture.classify("02 00 00 00 00 0b \(destination) 88 cc", port: 2) == .flood)
        #expect(fixture.classify("\(destination) 02 00 00 00 00 0a 88 cc", port: 1) == .flood)
    }

    @Test("the VLAN is part of an address's place")
    func vlans() {
        var fixture = Fixture()
        let tagged = { (vlan: String, destination: String, source: String) in
            "02 00 00 00 00 \(destination) 02 00 00 00 00 \(source) 81 00 \(vlan) 08 00 45 00"
        }
        _ = fixture.classify(tagged("00 0a", "0b", "0a"), port: 1)
        _ = fixture.classify(tagged("00 14", "0b", "0a"), port: 2)
        _ = fixture.classify(aliceToBob, port: 3)
        #expect(fixture.classify(tagged("00 0a", "0a", "0b"), port: 9) == .forward(port: 1))
        // Priority and drop eligibility are not the VLAN.
        #expect(fixture.classify(tagged("f0 14", "0a", "0b"), port: 9) == .forward(port: 2))
        #expect(fixture.classify(tagged("00 1e", "0a", "0b"), port: 9) == .flood)
        #expect(fixture.classify(bobToAlice, port: 9) == .forward(port: 3))
        // A tag of VLAN 0 carries a priority only: the frame counts as untagged.
        #expect(fixture.classify(tagged("e0 00", "0a", "0b"), port: 9) == .forward(port: 3))
    }

    @Test("a tag that was cut off is no tag")
    func cutTag() {
        var fixture = Fixture()
        #expect(fixture.classify("02 00 00 00 00 0b 02 00 00 00 00 0a 81 00", port: 1) == .flood)
        #expect(fixture.classify(bobToAlice, port: 2) == .forward(port: 1))
    }

    @Test("a hub floods everything and learns nothing")
    func hub() {
        var fixture = Fixture()
        fixture.bridge.isHub = true
        #expect(fixture.classify(aliceToBob, port: 1) == .flood)
        #expect(fixture.classify(bobToAlice, port: 2) == .flood)
        #expect(fixture.classify("ff", port: 2) == .discard(.runt))
        #expect(fixture.bridge.forwarding.count == 0)
    }

    @Test("an address that was just seen elsewhere stays there, and the move is counted")
    func heldMove() {
        var fixture = Fixture()
        _ = fixture.classify(aliceToAll, port: 1, now: 10)
        _ = fixture.classify(aliceToAll, port: 2, now: 12)
        #expect(fixture.bridge.heldMoves == 1)
        #expect(fixture.classify(bobToAlice, port: 3, now: 12) == .forward(port: 1))
        _ = fixture.classify(aliceToAll, port: 2, now: 13)
        #expect(fixture.classify(bobToAlice, port: 3, now: 13) == .forward(port: 2))
    }

    @Test("an address that has been silent for too long is flooded again")
    func aged() {
        var fixture = Fixture()
        _ = fixture.classify(aliceToAll, port: 1, now: 65_500)
        #expect(fixture.classify(bobToAlice, port: 2, now: 65_500 &+ 100) == .forward(port: 1))
        #expect(fixture.classify(bobToAlice, port: 2, now: 65_500 &+ 101) == .flood)
    }
}
