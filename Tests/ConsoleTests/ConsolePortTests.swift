// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Runtime
import Testing

@testable import Console

@Suite struct ConsolePortTests {
    @Test func `an inactive port with access rules, as vde_switch shows it`() {
        var report = PortReport(number: 9)
        report.isActive = false
        report.isAllocatable = false
        report.untaggedVLAN = 12
        report.allowedUser = "renzo"
        report.allowedGroup = "vde2-net"
        #expect(
            report.lines == [
                "Port 0009 untagged_vlan=0012 INACTIVE - NOT Unnamed Allocatable",
                " Current User: NONE Access Control: (User: renzo - Group: vde2-net)",
                " IN:  pkts          0          bytes                    0",
                " OUT: pkts          0          bytes                    0",
            ]
        )
    }

    @Test func `columns hold the largest numbers`() {
        var report = PortReport(number: 12345)
        report.counters.inFrames = .max
        report.counters.inBytes = .max
        #expect(report.lines[0].hasPrefix("Port 12345 "))
        #expect(report.lines[2] == " IN:  pkts 18446744073709551615          bytes 18446744073709551615")
    }

    @Test func `an endpoint that can tell shows whether its peer is there, and only then is its event listed`() throws {
        let fixture = try ConsoleFixture()
        try fixture.attach(port: 3, identifier: 11, "tunnel")
        func shown() -> Substring? {
            fixture.answer("port/print 3").split(separator: "tunnel", omittingEmptySubsequences: false).last?.prefix {
                !$0.isNewline
            }
        }
        #expect(shown() == "")
        #expect(!fixture.answer("debug/list").contains("port/ep/status"))
        var told: [SwitchEvent] = []
        fixture.target.observers.append { told.append($0) }
        let states: [(PeerState, String)] = [
            (.awaited, " (no peer so far)"), (.present, ""), (.present, ""),
            (.silent(since: 1_763_790_001), " (peer silent since 2025-11-22T05:40:01Z)"),
        ]
        for (state, text) in states {
            fixture.target.setPeer(identifier: 11, state)
            #expect(shown() == Substring(text))
        }
        let expected = [false, true, false].map { SwitchEvent.peerChanged(port: 3, identifier: 11, isPresent: $0) }
        #expect(told == expected)
        let list = fixture.answer("debug/list port/ep/s")
        #expect(list.contains("port/ep/status         034 OFF    endpoint: its peer answers or is silent"), "\(list)")
    }

    @Test func `a port with two endpoints shows both, the newest first`() throws {
        let fixture = try ConsoleFixture()
        try fixture.attach(port: 3, identifier: 11, "one", userID: 0)
        try fixture.attach(port: 3, identifier: 12, "two", userID: 0)
        let lines = fixture.console.execute("port/print 3")?.lines ?? []
        #expect(lines.count == 6)
        #expect(
            lines.suffix(2) == [
                "  -- endpoint ID 0012 module unix prog   : two", "  -- endpoint ID 0011 module unix prog   : one",
            ]
        )
    }

    @Test func `an endpoint of the switch itself has no user, one without a name has its number`() throws {
        let fixture = try ConsoleFixture()
        try fixture.attach(port: 1, identifier: 11, "tap", userID: nil)
        try fixture.attach(port: 2, identifier: 12, "x", userID: 3_999_999_999)
        let lines = fixture.console.execute("port/allprint")?.lines ?? []
        #expect(lines.contains(" Current User: NONE Access Control: (User: NONE - Group: NONE)"))
        #expect(lines.contains(" Current User: 3999999999 Access Control: (User: NONE - Group: NONE)"))
    }

    @Test func `drops are shown by cause`() throws {
        let fixture = try ConsoleFixture()
        try fixture.attach(port: 2, identifier: 12, "slow one")
        let place = try #require(fixture.target.ports[2]?.endpoints.first?.place)
        #expect(
            fixture.console.execute("port/drops")
                == .data([
                    "Port 0002",
                    "  -- endpoint ID 0012 module unix prog   : slow one",
                    "     dropped        pkts          0",
                ])
        )
        fixture.target.table.countDrop(endpoint: place.index, .queueFull, frames: 40)
        fixture.target.table.countDrop(endpoint: place.index, .runt, frames: 2)
        #expect(
            fixture.console.execute("port/drops 2")?.lines?.suffix(3) == [
                "     dropped        pkts         42",
                "     - queue-full   pkts         40",
                "     - runt         pkts          2",
            ]
        )
        fixture.target.table.countLeft(port: 2, frames: 7)
        #expect(
            fixture.console.execute("port/drops 2")?.lines?.prefix(3) == [
                "Port 0002",
                "     left behind    pkts          7",
                "  -- endpoint ID 0012 module unix prog   : slow one",
            ]
        )
        #expect(fixture.console.execute("port/drops 3") == .data([], error: .noSuchDevice))
        #expect(fixture.console.execute("port/drops 99") == .data([], error: .invalid))
    }

    @Test func `every cause has a name of its own`() {
        #expect(Set(DropCause.allCases.map(\.consoleName)).count == DropCause.allCases.count)
    }

    @Test func `a full switch is printed in one answer`() throws {
        let fixture = try ConsoleFixture(portCount: 100)
        for number in 1...100 { try fixture.attach(port: 0, identifier: Int32(number), "d") }
        #expect(fixture.console.execute("port/print")?.lines?.count == 500)
    }
}
