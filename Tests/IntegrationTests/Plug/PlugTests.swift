// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// `etherloom plug` and ports given by URL.
    @Suite("Cables between networks")
    struct PlugTests {
        /// A frame sent into one network comes out of the other, both ways.
        static func expectJoined(_ host: HostNamespace, _ first: String, _ second: String) throws {
            let one = try Plug(host, first)
            let other = try Plug(host, second)
            let broadcast = frame(to: everybody, from: station(1), seed: 3)
            try wait(for: "the plug at \(first)") {
                // The programs of the test join in their own time.
                try one.send(broadcast)
                return other.frames.contains(broadcast)
            }
            let answer = frame(to: station(1), from: station(2), size: 1514, seed: 4)
            try other.send(answer)
            try one.wait(for: answer)
            try one.program.stop()
            try other.program.stop()
        }

        @Test("two switches: frames, ten megabytes by TCP both ways, tagged pings", arguments: Make.allCases)
        func twoSwitches(_ make: Make) throws {
            try require("vde_plug", "ping", "python3")
            try withHost { host in
                let one = try host.startSwitch(.ours, "one")
                let other = try host.startSwitch(make, "other")
                try host.startElement(["plug", one.directory, "vde://\(other.directory)[3]"])
                try Self.expectJoined(host, one.directory, other.directory)
                try Transfer.run(host, one.directory, other.directory)
                if make == .debian { try other.carryTags() }
                try Transfer.tagged(host, one, other, .ours)
            }
        }

        @Test("alternatives, and a switch that comes back")
        func reconnect() throws {
            try require("vde_plug")
            try withHost { host in
                let one = try host.startSwitch(.ours, "one")
                let other = try host.startSwitch(.ours, "other")
                let none = host.path("none")
                try host.startElement([
                    "plug", "--reconnect", one.directory, none, "--or", "\(none)|\(other.directory)",
                ])
                try Self.expectJoined(host, one.directory, other.directory)
                try other.program.stop()
                let again = try host.startSwitch(.ours, "other")
                try Self.expectJoined(host, one.directory, again.directory)
            }
        }

        @Test("an end that opens and ends at once is tried more and more slowly")
        func shortLived() throws {
            try require()
            try withHost { host in
                let trace = host.data("trace")
                let program = try host.write("#!/bin/sh\necho >>\(trace)\n", data: "program.sh")
                try host.check(["chmod", "755", program])
                let start = ContinuousClock.now
                try host.startElement(["plug", "--reconnect", "null://", "cmd://\(program)"])
                try wait(for: "seven attempts") {
                    (try? String(contentsOfFile: trace, encoding: .utf8).count) ?? 0 >= 7
                }
                // 50, 100, 200 milliseconds and so on between them, not 50 each time.
                #expect(ContinuousClock.now - start > .seconds(2.5))
            }
        }

        @Test("a file that names the network")
        func file() throws {
            try require("vde_plug")
            try withHost { host in
                let one = try host.startSwitch(.ours, "one")
                let other = try host.startSwitch(.ours, "other")
                let file = try host.write("# where it is today\nvde://\(other.directory)\n", data: "place")
                try host.startElement(["plug", one.directory, file])
                try Self.expectJoined(host, one.directory, other.directory)
            }
        }

        @Test("a port of a switch")
        func port() throws {
            try require("vde_plug")
            try withHost { host in
                let one = try host.startSwitch(.ours, "one")
                let directory = host.path("other")
                try host.startElement(["switch", "-s", directory, "--port", one.directory])
                try Self.expectJoined(host, one.directory, directory)
            }
        }

        @Test(
            "what cannot work is said in one line",
            arguments: [
                (["plug", "foo://x", "@"], 2, "unknown scheme"),
                (["plug", "@", "tap://"], 2, "interface name"),
                (["plug", "--reconnect", "@", "tap://seventeen-letters"], 2, "interface name"),
                (["plug", "@", "%none|%none"], 1, "none"),
                (["switch", "-s", "%s", "--port", "%none"], 1, "none"),
            ]
        )
        func refusals(_ words: [String], _ status: Int, _ text: String) throws {
            try require()
            try withHost { host in
                let one = try host.startSwitch(.ours, "one")
                let command = words.map {
                    $0 == "@" ? one.directory : $0.replacingOccurrences(of: "%", with: host.path(""))
                }
                let program = try host.run([host.etherloom] + command)
                #expect(program.end == .exited(Int32(status)))
                #expect(program.errorLines.count == 1)
                #expect(program.errorOutput.contains(text))
            }
        }

        @Test("reconnect is a word: one with a value is refused")
        func reconnectWord() throws {
            try withHost { host in
                let plug = try host.run([host.etherloom, "plug", "null://[reconnect=1]", "null://"])
                #expect(plug.end == .exited(2), "\(plug.transcript)")
                #expect(plug.errorOutput.contains("reconnect"))
            }
        }
    }
}
