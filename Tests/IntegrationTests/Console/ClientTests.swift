// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("Clients of consoles")
    struct ConsoleClients {
        @Test(
            "vdeterm and term: completion, history, and events above the line",
            arguments: ["vdeterm", "term"],
            Make.allCases
        )
        func lineEditor(name: String, make: Make) throws {
            try require("vde_switch")
            try withHost { host in
                let element = try host.startSwitch(make)
                let words = name == "term" ? [host.etherloom, "term"] : [host.compatible("vdeterm")]
                let (program, terminal) = try host.startOnTerminal(words + [element.console])
                let prompt = "vde[\(element.console)]: "
                try program.wait(forOutput: prompt)
                try wait(for: "\(name) to read keys") { terminal.isRaw }
                try terminal.type("port/showi\t\r")
                try program.wait(forOutput: "Numports=")
                try program.wait(forOutput: "Success")
                try terminal.type("debug/add port\r")
                try wait(for: "its answer") { program.output.components(separatedBy: "Success").count == 3 }
                try terminal.type("port/cre")
                try program.wait(forOutput: prompt + "port/cre")
                // The port is made by somebody else: what is being typed stands below the event again.
                #expect(try element.ask("port/create 9").contains("1000 Success"))
                try program.wait(forOutput: "** DBG MSG: port/+ 09\r\n\r\u{1b}[K\(prompt)port/cre")
                // Two lines up.
                try terminal.type("\u{15}\u{1b}[A\u{1b}[A\r")
                try wait(for: "the first command again") {
                    program.output.components(separatedBy: "Numports=").count == 3
                }
                try terminal.type("nonsense\r")
                try program.wait(forOutput: "Function not implemented")
                try terminal.type("logout\r")
                #expect(try program.waitForEnd() == .exited(0))
                // The terminal is as it was.
                #expect(!terminal.isRaw)
            }
        }

        @Test("a signal leaves the terminal as it was")
        func signal() throws {
            try require()
            try withHost { host in
                let element = try host.startSwitch()
                let (program, terminal) = try host.startOnTerminal([host.compatible("vdeterm"), element.console])
                try wait(for: "vdeterm to read keys") { terminal.isRaw }
                #expect(try program.stop(SIGTERM) == .exited(143))
                #expect(!terminal.isRaw)
            }
        }

        @Test(
            "unixcmd and vdecmd: data, and the answer's code as status",
            arguments: ["unixcmd", "vdecmd"],
            Make.allCases
        )
        func commands(name: String, make: Make) throws {
            try require("vde_switch")
            try withHost { host in
                let element = try host.startSwitch(make)
                let machine = try host.write(Self.machine, data: "machine")
                for options in [["-s", element.console], ["-f", machine, "-s", element.console]] {
                    func run(_ words: String...) throws -> Program {
                        try host.run([host.compatible(name)] + options + words)
                    }
                    let info = try run("port/showinfo")
                    #expect(info.end == .exited(0))
                    #expect(info.output.hasSuffix("HUB=false\ncounters=true\n") && info.output.hasPrefix("Numports="))
                    #expect(try run("port/create", "7").end == .exited(options.count == 2 ? 0 : 17))
                    #expect(try run("port/create 7").end == .exited(17))
                    #expect(try run("nonsense").end == .exited(38))
                    #expect(try run("vlan/print", "9").end == .exited(6))
                }
                let several = try host.write("port/create 8\nport/create 8\nvlan/print 0\n", data: "commands")
                let lines = try host.run([host.compatible(name), "-s", element.console], input: .file(several))
                #expect(lines.end == .exited(17))
                #expect(lines.output == "VLAN 0000\n")
                #expect(lines.errorOutput == "1017 File exists\n")
                let nobody = try host.run([host.compatible(name), "-s", host.path("none"), "showinfo"])
                #expect(nobody.end == .exited(255))
                #expect(nobody.errorLines.count == 1)
            }
        }

        @Test("term --code with several commands")
        func code() throws {
            try require()
            try withHost { host in
                let element = try host.startSwitch()
                let program = try host.run([
                    host.etherloom, "term", "-s", element.console, "--code", "-c", "vlan/print 0", "-c",
                    "port/remove 30",
                    "-c", "nonsense",
                ])
                #expect(program.end == .exited(6))
                #expect(program.output == "VLAN 0000\n")
            }
        }

        @Test("a port's speed is what its tap shows, also when it is set first")
        func speed() throws {
            try require()
            try withHost { host in
                let element = try host.startSwitch("vde", ["--tap", "spd0"])
                func shown() throws -> String {
                    // sysfs shows the interfaces of the namespace in which it was mounted.
                    try host.check([
                        "unshare", "--mount", "sh", "-c", "mount -t sysfs none /mnt && cat /mnt/class/net/spd0/speed",
                    ]).trimmingCharacters(in: .newlines)
                }
                try host.check(["ip", "link", "set", "spd0", "up"])
                #expect(try element.ask("port/setspeed 1 2500").contains("1000 Success"))
                #expect(try shown() == "2500")
                #expect(try element.ask("port/setspeed 1 100000").contains("1000 Success"))
                #expect(try shown() == "100000")
                #expect(try element.ask("port/setspeed 9 10").contains("1006 "))
                #expect(try element.ask("port/setspeed 1").contains("1022 "))
                #expect(try element.ask("port/setspeed 1 -1").contains("1022 "))
            }
        }

        /// The statements of /etc/vde2/vdecmd, in our own order.
        private static let machine = #"""
            TIMEOUT 5000
            1 IN '$ ' 100
            2 SEND '$*\n'
            3 THROW
            4 IN '\n' 100
            5 IF '0000 ' 7
            6 GOTO 12
            7 THROW
            8 IN '\n' 100
            9 IF '.\n' 3
            10 COPY
            11 GOTO 7
            12 SKIP 1
            13 SEND 'logout\n'
            14 EXITATOI
            100 EXIT -1
            """#
    }
}
