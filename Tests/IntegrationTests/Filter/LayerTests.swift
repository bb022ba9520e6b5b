// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

extension Integration.Filters {
    /// Filters of one user on another's.
    @Suite("Filters on filters")
    struct Layers {
        private static let bobMAC = "02:0b:00:00:00:01"
        private static let carolMAC = "02:0b:00:00:00:02"

        /// Pings an address from a stack of a user's; true when it answers.
        private func answers(
            _ host: HostNamespace,
            _ user: NetworkUser,
            _ network: String,
            _ target: String,
            from address: String,
            mac: String
        ) throws -> Bool {
            let stack = try host.startStack(
                of: user,
                network,
                ["ping", "-c", "1", "-w", "2", target],
                options: ["--mac", mac],
                address: address
            )
            try stack.waitForEnd()
            return stack.end == .exited(0)
        }

        @Test("bob gives carol part of what root gave him: three layers, each with its own rules")
        func threeLayers() throws {
            try require("python3", "ping")
            if geteuid() != 0 { try skip("several users need root") }
            try withHost { host in
                let lan = try host.startMultiplexer("lan")
                let alice = try host.startFilter(
                    "alice",
                    lan.directory + "[alice]",
                    ["--owner", "7001", "--allow", "10.0.0.10"]
                )
                let listener = try host.startListener(of: .alice, alice.directory)
                // Root's, for all that bob may have behind his.
                let roots = try host.startFilter(
                    "bob",
                    lan.directory + "[bob]",
                    ["--owner", "7002", "--allow", "10.0.0.11,10.0.0.20-10.0.0.23", "--mac", "02:0b:00:00:00:00/32"]
                )
                // Bob's own multiplexer on it, and a filter for carol.
                let bobs = host.path("bobs")
                let multiplexer = try host.start(
                    NetworkUser.bob.entry + [
                        host.etherloom, "switch", "--multiplexer", "--no-stdin", "-s", bobs, "--uplink",
                        roots.directory,
                    ]
                )
                try wait(for: "bob's multiplexer") { access(bobs + "/ctl", F_OK) == 0 }
                let carols = try host.startFilter(
                    "carol",
                    bobs + "[carol]",
                    ["--mode", "666", "--allow", "10.0.0.20", "--mac", Self.carolMAC],
                    by: .bob
                )
                func carol(_ address: String) throws -> Bool {
                    try answers(host, .carol, carols.directory, "10.0.0.10", from: address, mac: Self.carolMAC)
                }
                #expect(try carol("10.0.0.20"))
                #expect(try answers(host, .bob, bobs + "[bob]", "10.0.0.10", from: "10.0.0.11", mac: Self.bobMAC))

                // Bob's, but not carol's: her filter says no.
                #expect(try !carol("10.0.0.22"))
                #expect(try carols.denied()["send arp-address"] ?? 0 > 0)
                #expect(try roots.denied()["send arp-address"] ?? 0 == 0)

                // Bob gives what he does not have: root's filter says no.
                let give = try host.run(
                    NetworkUser.bob.entry + [
                        host.etherloom, "term", carols.element.console, "filter/set allow 10.0.0.10,10.0.0.20",
                    ]
                )
                #expect(give.end == .exited(0), "\(give.transcript)")
                #expect(
                    try !answers(host, .carol, carols.directory, "10.0.0.99", from: "10.0.0.10", mac: Self.carolMAC)
                )
                #expect(try roots.denied()["send arp-address"] ?? 0 > 0)
                let poisoned = listener.heard.filter { $0.count > 42 && $0[28..<32].elementsEqual([10, 0, 0, 10]) }
                #expect(poisoned.isEmpty)

                listener.closeInput()
                try listener.stop()
                try carols.program.stop()
                try multiplexer.stop()
            }
        }

        @Test("a filter that is killed is there again with its rules; its clients come back by themselves")
        func killed() throws {
            try require("python3", "ping")
            if geteuid() != 0 { try skip("several users need root") }
            try withHost { host in
                let lan = try host.startMultiplexer("lan")
                let alice = try host.startFilter(
                    "alice",
                    lan.directory + "[alice]",
                    ["--owner", "7001", "--allow", "10.0.0.10,fd00::a"]
                )
                let bob = try host.startFilter(
                    "bob",
                    lan.directory + "[bob]",
                    ["--owner", "7002", "--allow", "10.0.0.11"]
                )
                let guest = try host.startListener(of: .alice, alice.directory + "[guest]")
                func line() throws -> String? {
                    try alice.ask("interface/list").split(whereSeparator: \.isNewline).first { $0.hasPrefix("guest ") }
                        .map(String.init)
                }
                let before = try #require(try line())
                kill(alice.program.processID, SIGKILL)
                try alice.program.waitForEnd()
                let again = try host.startFilter(alice.command, alice.directory, alice.element.console)
                // As before: name, address, whose.
                var after: String?
                try wait(for: "alice's interface as it was: \(before), not \(after ?? "nothing")") {
                    after = try line()
                    return after == before
                }
                func ping(_ address: String) throws -> Bool {
                    let stack = try host.startStack(
                        of: .bob,
                        bob.directory,
                        ["ping", "-c", "1", "-w", "2", "10.0.0.10"],
                        address: address
                    )
                    try stack.waitForEnd()
                    return stack.end == .exited(0)
                }
                #expect(try ping("10.0.0.11"))
                #expect(try !ping("10.0.0.12"))
                #expect(try again.permitted()["send arp"] ?? 0 > 0)
                guest.closeInput()
                try guest.stop()
            }
        }

        @Test("rules change while frames pass; a bad one changes nothing and says why")
        func live() throws {
            try require("vde_plug")
            try withHost { host in
                let lan = try host.startMultiplexer("lan")
                let filter = try host.startFilter("f", lan.directory + "[f]", ["--rule", "send deny short less 100"])
                let outside = try Plug(host, lan.directory + "[7]")
                let inside = try Plug(host, filter.directory)
                try filter.element.waitForEndpoints(2)
                let (short, long) = (
                    frame(to: station(1), from: station(2), size: 90),
                    frame(to: station(1), from: station(2), size: 300)
                )
                try inside.send(short)
                try inside.send(long)
                try outside.wait(for: long)
                #expect(!outside.frames.contains(short))
                #expect(try filter.denied()["send short"] == 1)
                for (command, reason) in [
                    ("filter/add send deny bad port nonsense (", "nonsense"),
                    ("filter/add send deny short ip", "one of that name"),
                    ("filter/set allow 10.0.0.300", "no IP address"), ("filter/set nothing", "known are"),
                    ("filter/add both deny x ip", "send|receive"),
                ] {
                    let answer = try filter.ask(command)
                    #expect(answer.contains("1022 ") && answer.contains(reason), "\(answer)")
                }
                #expect(try filter.ask("filter/print").contains("rule send deny short less 100"))
                try inside.send(short)
                try wait(for: "the second short frame") { try filter.denied()["send short"] == 2 }
                #expect(try filter.ask("filter/del short").contains("1000 Success"))
                try inside.send(frame(to: station(1), from: station(2), size: 91))
                try outside.wait(for: frame(to: station(1), from: station(2), size: 91))
                // What was counted stays counted.
                #expect(try filter.denied()["send short"] == 2)
                #expect(try filter.ask("filter/counters json").contains("\"rule\":\"short\""))
                #expect(try filter.ask("filter/set default deny").contains("1000 Success"))
                try inside.send(frame(to: station(1), from: station(2), size: 92))
                try wait(for: "a frame that nobody admits") { try filter.denied()["send default"] == 1 }
                try outside.program.stop()
                try inside.program.stop()
            }
        }
    }
}
