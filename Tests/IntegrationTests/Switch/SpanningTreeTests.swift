// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Three switches in a ring: a broadcast arrives once, and a cut cable is healed, whoever made the switches.
    @Suite("Spanning trees of switches in a ring")
    struct SpanningTrees {
        /// Switches, the best root first, the cables between them, and a station on each.
        private final class Ring {
            let switches: [RunningSwitch]
            var cables: [Program] = []
            let stations: [Plug]
            private var seed = 0

            init(_ host: HostNamespace, _ makes: [Make]) throws {
                switches = try makes.enumerated().map { number, make in
                    try host.startVDESwitch(
                        "switch\(number)",
                        ["--fstp", "--macaddr", "02:aa:00:00:00:0\(number + 1)"],
                        ours: make == .ours
                    )
                }
                for number in 0..<3 {
                    cables.append(
                        try host.startElement(
                            ["plug", switches[number].directory, switches[(number + 1) % 3].directory]
                        )
                    )
                }
                stations = try switches.map { try Plug(host, $0.directory) }
            }

            /// A broadcast like no other.
            private func nextFrame(from station: Int) -> [UInt8] {
                seed += 1
                var bytes = frame(to: everybody, from: IntegrationTests.station(UInt8(station + 1)))
                bytes[14] = UInt8(seed >> 8 & 0xff)
                bytes[15] = UInt8(seed & 0xff)
                return bytes
            }

            /// Says something again and again until all others have heard it. How long that took, in milliseconds.
            func talk(from station: Int) throws -> Double {
                let start = Date()
                var sent: [[UInt8]] = []
                try wait(for: "a broadcast from station \(station) at all others") {
                    sent.append(nextFrame(from: station))
                    try stations[station].send(sent[sent.count - 1])
                    return stations.indices.allSatisfy { other in
                        other == station || stations[other].frames.contains { sent.contains($0) }
                    }
                }
                return Date().timeIntervalSince(start) * 1000
            }

            /// One broadcast, and how often it arrived at each of the others once a later one from there has come.
            func copies(from station: Int) throws -> [Int] {
                let once = nextFrame(from: station)
                try stations[station].send(once)
                for other in stations.indices where other != station {
                    let reply = nextFrame(from: other)
                    try stations[other].send(reply)
                    try stations[station].wait(for: reply)
                    try stations[other].wait(for: once)
                }
                return stations.indices.filter { $0 != station }.map { other in
                    stations[other].frames.count { $0 == once }
                }
            }

            /// Waits until exactly one end of one cable, or both ends of it, are closed.
            func waitUntilSettled() throws {
                try wait(for: "a port that discards") {
                    try switches.contains { try $0.ask("vlan/print").contains("status=Discarding") }
                }
            }
        }

        private static let rings: [[Make]] = [
            [.ours, .ours, .ours], [.debian, .ours, .ours], [.ours, .debian, .debian], [.ours, .debian, .ours],
            [.debian, .debian, .ours], [.debian, .ours, .debian],
        ]

        private func heal(_ makes: [Make]) throws -> Double {
            var healed = 0.0
            try withHost { host in
                let ring = try Ring(host, makes)
                for station in 0..<3 { _ = try ring.talk(from: station) }
                try ring.waitUntilSettled()
                #expect(try ring.copies(from: 0) == [1, 1])
                #expect(try ring.copies(from: 2) == [1, 1])
                // The root's cable to the second switch is always in use.
                try ring.cables[0].stop()
                healed = try ring.talk(from: 0)
                _ = try ring.talk(from: 1)
                #expect(try ring.copies(from: 1) == [1, 1])
            }
            return healed
        }

        @Test("a cut cable heals", arguments: rings)
        func ring(makes: [Make]) throws {
            try require("vde_plug", "vde_switch")
            let healed = try heal(makes)
            let debian = try heal([.debian, .debian, .debian])
            let names = makes.map(\.rawValue)
            print("ring of \(names): healed in \(Int(healed)) ms; three of Debian's in \(Int(debian)) ms")
            #expect(healed < 5_000)
        }

        @Test("the console shows roles, and a port without a bridge is open at once when it is an edge")
        func console() throws {
            try require("vde_plug")
            try withHost { host in
                let ring = try Ring(host, [.ours, .ours, .ours])
                _ = try ring.talk(from: 0)
                try ring.waitUntilSettled()
                #expect(try ring.switches[0].ask("fstp/print").contains("ROOTSWITCH"))
                let second = try ring.switches[1].ask("fstp/print")
                #expect(second.contains("++ root 80:00:02:aa:00:00:00:01"))
                #expect(second.contains("role=Root") && second.contains("role=Designated"))
                #expect(try ring.switches[2].ask("fstp/print").contains("role=Alternate/Backup"))
                #expect(try ring.switches[1].ask("fstp/setedge 0 9 1").contains("1000 Success"))
                let late = try host.start(["vde_plug", "vde://\(ring.switches[1].directory)[9]"], input: .pipe)
                try ring.switches[1].waitForEndpoints(4)
                let third = try ring.switches[1].ask("vlan/print")
                #expect(third.contains("Port 0009 tagged=0 active=1 status=Forwarding"))
                #expect(try ring.switches[1].ask("fstp/print").contains("role=Edge"))
                try late.stop()
            }
        }
    }
}
