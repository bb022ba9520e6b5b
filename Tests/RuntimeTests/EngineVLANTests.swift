// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Testing

@testable import Runtime

/// Frames by VLAN through a whole engine, time standing still.
@Suite("VLANs of an engine's ports")
struct EngineVLANTests {
    private func tagged(_ frame: [UInt8], _ control: UInt16) -> [UInt8] {
        Array(frame[..<12]) + [0x81, 0, UInt8(control >> 8), UInt8(control & 0xff)] + frame[12...]
    }

    /// Ports 1 and 2 untagged in 10, 3 tagged in 10, 4 a trunk, 5 and 6 plain.
    private func withVLANs(_ body: (inout EngineFixture) throws -> Void) throws {
        var fixture = try EngineFixture()
        for port in 1...6 { try fixture.add(port: port) }
        fixture.engine.perform(.setVLAN(.untagged(port: 1, 10)))
        fixture.engine.perform(.setVLAN(.untagged(port: 2, 10)))
        fixture.engine.perform(.setVLAN(.tagged(port: 3, 10, isMember: true)))
        fixture.engine.perform(.setVLAN(.mode(port: 4, .trunk)))
        try body(&fixture)
        let isWhole = fixture.isPoolWhole
        #expect(isWhole)
    }

    /// What the six ports got.
    private func read(_ fixture: borrowing EngineFixture) -> [[[UInt8]]] { (0..<6).map { fixture.read($0) } }

    private func expect(
        _ fixture: borrowing EngineFixture,
        _ wanted: [[[UInt8]]],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let got = read(fixture)
        #expect(got == wanted, sourceLocation: sourceLocation)
    }

    private func expectWrong(
        _ fixture: borrowing EngineFixture,
        at index: Int,
        _ count: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let got = fixture.drops(index, .wrongVLAN)
        #expect(got == count, sourceLocation: sourceLocation)
    }

    @Test("a broadcast stays in its VLAN, tagged where the port wants it")
    func floods() throws {
        try withVLANs { fixture in
            let frame = TestFrame.make(1, to: TestFrame.broadcast, 7)
            let inTen = tagged(frame, 10)
            try fixture.receive([frame], at: 0)
            expect(fixture, [[], [frame], [inTen], [inTen], [], []])
            // From the tagged port, with a priority that goes with the tag.
            try fixture.receive([tagged(frame, 0xa00a)], at: 2)
            expect(fixture, [[frame], [frame], [], [tagged(frame, 0xa00a)], [], []])
            // The default VLAN, and one that nobody manages.
            try fixture.receive([frame], at: 4)
            expect(fixture, [[], [], [frame], [frame], [], [frame]])
            try fixture.receive([tagged(frame, 30)], at: 4)
            expect(fixture, [[], [], [], [tagged(frame, 30)], [], [tagged(frame, 30)]])
        }
    }

    @Test("what is known of other ports stays when the VLANs of one change")
    func othersStay() throws {
        try withVLANs { fixture in
            try fixture.receive([TestFrame.make(5, to: TestFrame.broadcast)], at: 4)
            try fixture.receive([TestFrame.make(1, to: TestFrame.broadcast)], at: 0)
            _ = read(fixture)
            fixture.engine.perform(.setVLAN(.untagged(port: 1, 20)))
            fixture.engine.perform(.setVLAN(.tagged(port: 2, 20, isMember: true)))
            let frame = TestFrame.make(6, to: 5, 1)
            try fixture.receive([frame], at: 5)
            expect(fixture, [[], [], [], [], [frame], []])
            // Its own are forgotten: 1 was in VLAN 10, and is looked for there.
            let search = TestFrame.make(2, to: 1, 1)
            try fixture.receive([search], at: 1)
            expect(fixture, [[], [], [tagged(search, 10)], [tagged(search, 10)], [], []])
        }
    }

    @Test("a tag for a VLAN that the port is no member of is dropped and counted")
    func foreign() throws {
        try withVLANs { fixture in
            let frame = TestFrame.make(1, to: TestFrame.broadcast)
            try fixture.receive([tagged(frame, 10), tagged(frame, 0xfff)], at: 4)
            try fixture.receive([tagged(frame, 20)], at: 0)
            expect(fixture, [[], [], [], [], [], []])
            expectWrong(fixture, at: 4, 2)
            expectWrong(fixture, at: 0, 1)
            // No untagged traffic at all.
            fixture.engine.perform(.setVLAN(.untagged(port: 3, VLANTable.none)))
            try fixture.receive([frame], at: 2)
            expect(fixture, [[], [], [], [], [], []])
            expectWrong(fixture, at: 2, 1)
        }
    }

    @Test("one address may be on two ports in two VLANs; unicast goes to one port, in its form")
    func unicast() throws {
        try withVLANs { fixture in
            // Station 9 is on port 3 in VLAN 10, and on port 5 in VLAN 0.
            try fixture.receive([tagged(TestFrame.make(9, to: TestFrame.broadcast), 10)], at: 2)
            try fixture.receive([TestFrame.make(9, to: TestFrame.broadcast)], at: 4)
            _ = read(fixture)
            let frame = TestFrame.make(1, to: 9, 5)
            try fixture.receive([frame, frame], at: 0)
            expect(fixture, [[], [], [tagged(frame, 10), tagged(frame, 10)], [], [], []])
            try fixture.receive([frame], at: 5)
            expect(fixture, [[], [], [], [], [frame], []])
        }
    }

    @Test("a priority tag belongs to the port's VLAN and gets its number")
    func priority() throws {
        try withVLANs { fixture in
            let frame = TestFrame.make(1, to: TestFrame.broadcast, 7)
            try fixture.receive([tagged(frame, 0xe000)], at: 0)
            expect(fixture, [[], [frame], [tagged(frame, 0xe00a)], [tagged(frame, 0xe00a)], [], []])
        }
    }

    @Test("a trunk with an untagged VLAN of its own passes nothing of VLAN 0, which has no tag")
    func trunkWithoutZero() throws {
        try withVLANs { fixture in
            fixture.engine.perform(.setVLAN(.untagged(port: 4, 20)))
            let frame = TestFrame.make(1, to: TestFrame.broadcast, 7)
            // A tag of VLAN 0 says a priority only: at the other end the frame would be in VLAN 20.
            try fixture.receive([frame], at: 4)
            expect(fixture, [[], [], [frame], [], [], [frame]])
            try fixture.receive([frame], at: 0)
            expect(fixture, [[], [frame], [tagged(frame, 10)], [tagged(frame, 10)], [], []])
        }
    }

    @Test("a port that is set to be a tagged member of VLAN 0 has that tag both ways")
    func taggedZero() throws {
        try withVLANs { fixture in
            fixture.engine.perform(.setVLAN(.tagged(port: 1, 0, isMember: true)))
            let frame = TestFrame.make(1, to: TestFrame.broadcast, 7)
            try fixture.receive([frame], at: 4)
            expect(fixture, [[tagged(frame, 0)], [], [frame], [frame], [], [frame]])
            try fixture.receive([tagged(frame, 0)], at: 0)
            expect(fixture, [[], [], [frame], [frame], [frame], [frame]])
        }
    }

    @Test("a hub floods within the VLAN")
    func hub() throws {
        try withVLANs { fixture in
            fixture.engine.perform(.setHub(true))
            try fixture.receive([TestFrame.make(2, to: TestFrame.broadcast)], at: 1)
            _ = read(fixture)
            let frame = TestFrame.make(1, to: 2)
            try fixture.receive([frame], at: 0)
            expect(fixture, [[], [frame], [tagged(frame, 10)], [tagged(frame, 10)], [], []])
        }
    }

    @Test("frames that wait in a queue keep their form when others get another")
    func queued() throws {
        var fixture = try EngineFixture()
        for port in 1...4 { try fixture.add(port: port, sendBuffer: 1) }
        for port in 1...2 { fixture.engine.perform(.setVLAN(.untagged(port: port, 10))) }
        for port in 3...4 { fixture.engine.perform(.setVLAN(.tagged(port: port, 10, isMember: true))) }
        let frames = (0..<40).map { TestFrame.make(1, to: TestFrame.broadcast, $0, byteCount: 1800) }
        try fixture.receive(frames, at: 0)
        for index in 1...3 {
            var got: [[UInt8]] = fixture.read(index)
            let waiting = fixture.queueCount(index)
            #expect(got.count < 40 && waiting > 0)
            while fixture.queueCount(index) > 0 {
                fixture.engine.flushQueue(index)
                got += fixture.read(index)
            }
            #expect(got == (index == 1 ? frames : frames.map { tagged($0, 10) }))
        }
        let isWhole = fixture.isPoolWhole
        #expect(isWhole)
    }

    @Test("without configuration everything passes again")
    func undone() throws {
        try withVLANs { fixture in
            for port in 1...4 { fixture.engine.perform(.setVLAN(.reset(port: port))) }
            let frame = tagged(TestFrame.make(1, to: TestFrame.broadcast), 10)
            try fixture.receive([frame], at: 4)
            expect(fixture, [[frame], [frame], [frame], [frame], [], [frame]])
        }
    }
}
