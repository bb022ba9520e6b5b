// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Carrier")
    struct Carrier {
        @Test(
            "a stack loses its carrier with the switch, and has it back with the next one",
            arguments: Make.allCases,
            [SIGKILL, SIGTERM]
        )
        func lostAndBack(make: Make, signal: Int32) throws {
            try require("vde_switch", "ping")
            try withHost { host in
                let first = try host.startSwitch(make)
                try host.startGuest("one", ["\(first.directory),ip=10.1.0.1/24"])
                try host.startGuest("two", ["\(first.directory),ip=10.1.0.2/24"])
                func carrier(_ name: String) throws -> String {
                    try host.join(name, ["cat", "/sys/class/net/vd0/carrier"]).output
                }
                try wait(for: "a carrier") { try carrier("one") == "1\n" }
                try first.program.stop(signal)
                for name in ["one", "two"] {
                    try wait(for: "the loss of \(name)'s carrier") { try carrier(name) == "0\n" }
                }

                if make == .debian, signal == SIGKILL {
                    // Debian's next switch clears away nothing but `ctl`; these would keep its directory.
                    try host.check(["sh", "-c", "rm -f \(first.directory)/[0-9]*"])
                }
                let next = try host.startSwitch(make)
                for name in ["one", "two"] {
                    try wait(for: "the return of \(name)'s carrier") { try carrier(name) == "1\n" }
                }
                try next.waitForEndpoints(2)
                #expect(try host.join("one", host.ping("10.1.0.2")).end == .exited(0))
            }
        }

        /// Debian's clients of the console pull the cable and plug it in again.
        @Test(
            "a port's cable, pulled and plugged in from Debian's consoles, shows at a stack and at a tap",
            arguments: ["stack", "tap"]
        )
        func pulled(kind: String) throws {
            try require("unixcmd", "unixterm", "ping")
            try withHost { host in
                let element = try host.startSwitch("vde", kind == "tap" ? ["--tap", "t0"] : [])
                if kind == "tap" {
                    try host.check(["ip", "address", "add", "10.1.0.1/24", "dev", "t0"])
                    try host.check(["ip", "link", "set", "t0", "up"])
                } else {
                    try host.startGuest("one", ["\(element.directory),ip=10.1.0.1/24"])
                }
                try element.waitForEndpoints(1)
                try host.startGuest("two", ["\(element.directory),ip=10.1.0.2/24"])
                func here(_ words: [String]) throws -> Program {
                    try kind == "tap" ? host.run(words) : host.join("one", words)
                }
                func hasCarrier() throws -> Bool {
                    let link = try here(["ip", "-o", "link", "show", kind == "tap" ? "t0" : "vd0"]).output
                    return link.contains("LOWER_UP") && !link.contains("NO-CARRIER")
                }
                try wait(for: "a carrier") { try hasCarrier() }
                #expect(try here(host.ping("10.1.0.2")).end == .exited(0))
                let pull = ["unixcmd", "-f", "/etc/vde2/vdecmd", "-s", element.console, "port/setcarrier 1 0"]
                try host.run(pull)
                try wait(for: "the loss of the carrier") { try !hasCarrier() }
                #expect(try here(["ping", "-c", "1", "-W", "1", "10.1.0.2"]).end != .exited(0))
                let terminal = try host.start(["unixterm", element.console], input: .pipe)
                try terminal.wait(forOutput: "vde$ ")
                try terminal.write("port/setcarrier 1 1\n")
                try terminal.wait(forOutput: "1000 Success")
                try wait(for: "the return of the carrier") { try hasCarrier() }
                #expect(try here(host.ping("10.1.0.2")).end == .exited(0))
                try terminal.stop()
            }
        }

        @Test("a stack moves on to a switch of another make at the same place", arguments: Make.allCases)
        func otherMake(make: Make) throws {
            try require("vde_switch", "ping")
            try withHost { host in
                let first = try host.startSwitch(make)
                try host.startGuest("one", ["\(first.directory),ip=10.1.0.1/24"])
                try host.startGuest("two", ["\(first.directory),ip=10.1.0.2/24"])
                #expect(try host.join("one", host.ping("10.1.0.2", count: 1)).end == .exited(0))
                try first.program.stop(SIGKILL)
                if make == .ours { try host.check(["rm", "-f", first.directory + "/attach"]) }
                let next = try host.startSwitch(make == .ours ? .debian : .ours)
                try next.waitForEndpoints(2)
                #expect(try host.join("one", host.ping("10.1.0.2")).end == .exited(0))
            }
        }
    }
}
