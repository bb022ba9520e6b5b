// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Streams and messages between two switches, each with one end.
    @Suite("Streams and messages")
    struct StreamPlugTests {
        /// How two switches are joined: what the first one is told, and the second one. `%` is a directory.
        static let joints: [[String]] = [
            ["stream://%s[listen]", "stream://%s"],
            ["stream://%s[listen/framing=2]", "stream://%s[framing=2]"],
            ["stream://%s[listen/vnet/mode=0600]", "stream://%s[vnet]"],
            ["stream://%s[listen/vnet]", "stream://%s"],
            ["stream://127.0.0.1:5000[listen]", "stream://127.0.0.1:5000"],
            ["stream://[::1]:5000[listen/vnet]", "stream://[::1]:5000[vnet]"],
            ["stream://:5000[listen]", "stream://localhost:5000[reconnect]"],
            ["seqpacket://%s[listen]", "seqpacket://%s"],
            ["dgram://%a->%b", "dgram://%b->%a"],
            ["dgram://127.0.0.1:5000->127.0.0.1:5001", "dgram://127.0.0.1:5001->127.0.0.1:5000"],
            ["ptp://%p", "ptp://%p"],
            ["mcast://230.0.0.1:1234/if=192.168.0.100", "mcast://230.0.0.1:1234/if=192.168.0.100"],
        ]

        @Test("two switches", arguments: joints)
        func joined(_ joint: [String]) throws {
            try require("vde_plug")
            try withHost { host in
                let urls = joint.map { $0.replacingOccurrences(of: "%", with: host.path("")) }
                let (one, other) = (host.path("one"), host.path("other"))
                try host.startElement(["switch", "-s", one, "--port", urls[0]])
                try host.startElement(["switch", "-s", other, "--port", urls[1]])
                try PlugTests.expectJoined(host, one, other)
            }
        }

        @Test(
            "programs on standard streams, ours and Debian's",
            arguments: [
                "cmd://vde_plug %other", "cmd://%%etherloom plug - '%other'",
            ]
        )
        func command(_ url: String) throws {
            try require("vde_plug")
            try withHost { host in
                let one = try host.startSwitch(.ours, "one")
                let other = try host.startSwitch(.ours, "other")
                let text = url.replacingOccurrences(of: "%%etherloom", with: host.etherloom)
                    .replacingOccurrences(of: "%%vde_plug", with: host.compatible("vde_plug"))
                    .replacingOccurrences(of: "%", with: host.path(""))
                try host.startElement(["plug", one.directory, text])
                try PlugTests.expectJoined(host, one.directory, other.directory)
            }
        }

        @Test("a stream that is cut is plugged in again; a length that cannot be closes it with one line")
        func broken() throws {
            try require("vde_plug")
            try withHost { host in
                let one = host.path("one")
                let path = host.path("s")
                let element = try host.startElement(["switch", "-s", one, "--port", "stream://\(path)[listen]"])
                let stranger = try UnixClient(path)
                try stranger.send([0, 0, 0, 0])
                #expect(try stranger.receive().isEmpty)
                try element.wait(forOutput: "a length of 0")
                let again = try UnixClient(path)
                try again.send([0xff, 0xff, 0xff, 0xff, 1])
                #expect(try again.receive().isEmpty)
                try element.wait(forOutput: "a length of 4294967295")
                let other = host.path("other")
                try host.startElement(["switch", "-s", other, "--port", "stream://\(path)"])
                try PlugTests.expectJoined(host, one, other)
            }
        }

        @Test("both ends of a TCP connection look after each other")
        func deadPeer() throws {
            try require("ss")
            try withHost { host in
                for (name, role) in [("one", "listen"), ("other", "reconnect")] {
                    try host.startElement([
                        "switch", "-s", host.path(name), "--port", "stream://127.0.0.1:5000[\(role)]",
                    ])
                }
                let ours = "( sport = :5000 or dport = :5000 )"
                var table = ""
                try wait(for: "the timers of both ends: \(table)") {
                    table = try host.check(["ss", "-Htno", "state", "established", ours])
                    return table.components(separatedBy: "timer:(keepalive,").count == 3
                }
                // Seconds, and not the kernel's two hours.
                #expect(!table.contains("min"), "\(table)")
            }
        }

        @Test("TCP between stacks crosses a trunk whole", arguments: ["", "vnet"])
        func transfer(_ option: String) throws {
            try require()
            try withHost { host in
                let (one, other) = (host.path("one"), host.path("other"))
                let path = host.path("s")
                let more = option.isEmpty ? "" : "/\(option)"
                try host.startElement(["switch", "-s", one, "--port", "stream://\(path)[listen\(more)]"])
                try host.startElement(["switch", "-s", other, "--port", "stream://\(path)[reconnect\(more)]"])
                try Transfer.run(host, one, other)
            }
        }
    }
}
