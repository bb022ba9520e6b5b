// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("term")
    struct Term {
        /// The words of a client of ours by either name, and the name of the socket in front of each line.
        static let names = ["term", "unixterm"]

        func program(_ name: String, _ host: HostNamespace) -> [String] {
            name == "term" ? [host.etherloom, "term"] : [host.compatible("unixterm")]
        }

        @Test("-i -s with a command on standard input, as the tutorial has it", arguments: names, Make.allCases)
        func identified(name: String, make: Make) throws {
            try require("vde_switch", "vde_plug")
            try withHost { host in
                let element = try host.startSwitch(make)
                _ = try Plug(host, element.directory)
                try element.waitForEndpoints(1)
                let client = try host.start(program(name, host) + ["-i", "-s", element.console], input: .pipe)
                try client.write("port/print\n")
                client.closeInput()
                #expect(try client.waitForEnd() == .exited(0))
                let lines = client.output.split(separator: "\n")
                let socket = try #require(element.console.split(separator: "/").last)
                #expect(lines.allSatisfy { $0.hasPrefix("\(socket): ") }, "\(client.output)")
                #expect(
                    lines.contains {
                        $0.hasPrefix("\(socket): Port 0001 untagged_vlan=0000 ACTIVE - Unnamed Allocatable")
                    }
                )
                #expect(lines.contains { $0.hasPrefix("\(socket):   -- endpoint ID ") })
            }
        }

        @Test("a command as argument; the status tells whether it succeeded", arguments: names, Make.allCases)
        func command(name: String, make: Make) throws {
            try require("vde_switch")
            try withHost { host in
                let element = try host.startSwitch(make)
                let good = try host.run(program(name, host) + [element.console, "port/showinfo"])
                #expect(good.end == .exited(0))
                #expect(good.output.contains("Numports="))
                let bad = try host.run(program(name, host) + ["-s", element.console, "no/such", "thing"])
                #expect(bad.end == .exited(1))
                #expect(try element.ask("showinfo").contains("1000 Success"))
            }
        }

        @Test("nobody at the socket: one line that names it", arguments: names)
        func nobody(name: String) throws {
            try require()
            try withHost { host in
                let client = try host.run(program(name, host) + ["-s", host.path("mgmt"), "showinfo"])
                #expect(client.end == .exited(1))
                #expect(client.errorLines.count == 1)
                #expect(client.errorOutput.contains(host.path("mgmt")))
            }
        }

        @Test("shutdown ends the switch and leaves nothing", arguments: names)
        func shutdown(name: String) throws {
            try require()
            try withHost { host in
                let element = try host.startSwitch()
                _ = try host.run(program(name, host) + ["-s", element.console, "shutdown"])
                #expect(try element.program.waitForEnd() == .exited(0))
                try host.expectNothingLeft()
            }
        }
    }
}
