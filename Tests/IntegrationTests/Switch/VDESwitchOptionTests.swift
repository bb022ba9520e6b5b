// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("vde_switch, by name")
    struct VDESwitchOptions {
        @Test(
            "options are understood with one dash, with two and as letters",
            arguments: [
                [
                    "-sock", "DIR", "-mgmt", "MGMT", "-daemon", "-pidfile", "PID", "-numports", "4", "-hub", "-mod",
                    "660",
                ],
                [
                    "--vdesock", "DIR", "--mgmt", "MGMT", "--daemon", "--pidfile", "PID", "--numports", "4", "--hub",
                    "--mode=660",
                ],
                ["-unix", "DIR", "-M", "MGMT", "-d", "-p", "PID", "-n4", "-x", "-m", "0660"],
                ["-s", "DIR", "-MMGMT", "-dx", "-pPID", "-n", "4", "-m660"],
            ]
        )
        func spellings(words: [String]) throws {
            try require()
            try withHost { host in
                let (directory, console, pidFile) = (host.path("vde"), host.path("mgmt"), host.path("pid"))
                let arguments = words.map {
                    $0.replacingOccurrences(of: "DIR", with: directory)
                        .replacingOccurrences(of: "MGMT", with: console).replacingOccurrences(of: "PID", with: pidFile)
                }
                let program = try host.run([host.compatible("vde_switch")] + arguments)
                #expect(program.end == .exited(0), "\(program.transcript)")
                let element = RunningSwitch(host: host, directory: directory, console: console, program: program)
                let info = try element.ask("port/showinfo")
                #expect(info.contains("Numports=4"))
                #expect(info.contains("HUB=true"))
                #expect(try host.mode(directory + "/ctl") == "660")
                try host.stopDaemon(pidFile: pidFile)
            }
        }

        @Test(
            "sockets and directories get the modes that Debian's gives them",
            arguments: [
                [], ["-m", "0660"], ["-m", "0606"], ["--dirmode", "0750"], ["-m", "0666", "--dirmode", "0711"],
            ]
        )
        func modes(arguments: [String]) throws {
            try require("vde_switch", "vde_plug")
            try withHost { host in
                let ours = try host.startVDESwitch("ours", arguments, ours: true)
                let theirs = try host.startVDESwitch("theirs", arguments)
                _ = try Plug(host, ours.directory)
                _ = try Plug(host, theirs.directory)
                try ours.waitForEndpoints(1)
                try theirs.waitForEndpoints(1)
                for name in ["", "/ctl"] {
                    #expect(try host.mode(ours.directory + name) == host.mode(theirs.directory + name), "\(name)")
                }
                func dataSocket(_ element: RunningSwitch) throws -> String {
                    let names = try host.check(["ls", element.directory]).split(separator: "\n")
                    let name = try #require(names.first { $0.hasPrefix("001.") })
                    return try host.mode("\(element.directory)/\(name)")
                }
                #expect(try dataSocket(ours) == dataSocket(theirs))
            }
        }

        @Test("the end of standard input is its end, as of Debian's; it leaves nothing", arguments: [true, false])
        func endOfInput(ours: Bool) throws {
            try require("vde_switch")
            try withHost { host in
                let element = try host.startVDESwitch(ours: ours)
                element.program.closeInput()
                #expect(try element.program.waitForEnd() == .exited(0))
                try host.expectNothingLeft()
            }
        }

        @Test("commands on standard input are answered", arguments: [true, false])
        func consoleOnInput(ours: Bool) throws {
            try require("vde_switch")
            try withHost { host in
                let element = try host.startVDESwitch(ours: ours)
                try element.program.write("ds/showinfo\n")
                try element.program.wait(forOutput: "ctl dir \(element.directory)")
                try element.program.wait(forOutput: "1000 Success")
                try element.program.write("shutdown\n")
                #expect(try element.program.waitForEnd() == .exited(0))
            }
        }

        @Test("commands of an rcfile are run")
        func rcFile() throws {
            try require()
            try withHost { host in
                let file = try host.write("# at the start\nport/sethub 1\n", data: "rc")
                let element = try host.startVDESwitch("vde", ["-f", file], ours: true)
                #expect(try element.ask("port/showinfo").contains("HUB=true"))
            }
        }

        @Test("an rcfile that cannot be read is passed over, as by Debian's; ours says so", arguments: [true, false])
        func noFile(ours: Bool) throws {
            try require("vde_switch")
            try withHost { host in
                let element = try host.startVDESwitch("vde", ["-f", "/nowhere/rc"], ours: ours)
                #expect(try element.ask("port/showinfo").contains("1000 Success"))
                if ours { #expect(element.program.errorOutput.contains("/nowhere/rc")) }
            }
        }

        @Test("without -f the file in the home directory is run, as by Debian's", arguments: [true, false])
        func defaultFile(ours: Bool) throws {
            try require("vde_switch")
            try withHost { host in
                // The programs' home is where the test's own files are.
                try host.check(["mkdir", "-p", host.data(".vde2")])
                try host.write("port/create 7\n", data: ".vde2/vde_switch.rc")
                let other = try host.write("port/create 8\n", data: "other.rc")
                let element = try host.startVDESwitch(ours: ours)
                #expect(try element.ask("port/allprint").contains("Port 0007 "))
                // Debian's does the same, and leaves its directory behind when two of them end at once.
                guard ours else { return }
                let told = try host.startVDESwitch("told", ["-f", other], ours: ours)
                let ports = try told.ask("port/allprint")
                #expect(ports.contains("Port 0008 ") && !ports.contains("Port 0007 "))
            }
        }

        @Test(
            "wrong values: one line and status 1, nothing is left",
            arguments: [
                ["-n", "0"], ["-n", "x"], ["-macaddr", "zz"], ["--macaddr", "01:00:5e:00:00:01"],
                ["--priority", "70000"],
                ["-hashsize", "0"], ["-D", "x"], ["-m", "999"], ["-g", "nosuchgroup"], ["--mgmtgroup", "nosuchgroup"],
                ["-p", "/nowhere/pid"], ["word"], ["-q"], ["-t"],
            ]
        )
        func wrongValues(arguments: [String]) throws {
            try require()
            try withHost { host in
                let program = try host.run(
                    [host.compatible("vde_switch"), "-s", host.path("vde"), "-M", host.path("mgmt")] + arguments
                )
                #expect(program.end == .exited(1))
                #expect(program.errorLines.count == 1, "\(program.errorOutput)")
                try host.expectNothingLeft()
            }
        }

        @Test("SIGTERM ends it with status 0, SIGHUP does not end it", arguments: [true, false])
        func signals(ours: Bool) throws {
            try require("vde_switch")
            try withHost { host in
                let element = try host.startVDESwitch(ours: ours)
                element.program.send(signal: SIGHUP)
                #expect(try element.ask("showinfo").contains("1000 Success"))
                #expect(try element.program.stop(SIGTERM) == .exited(0))
                try host.expectNothingLeft()
            }
        }

        @Test("a daemon whose directory cannot be made says so in one line and returns 1")
        func daemonWithoutDirectory() throws {
            try require()
            try withHost { host in
                let program = try host.run(
                    [host.compatible("vde_switch"), "-d", "-s", "/nowhere/vde", "-p", host.path("pid")])
                #expect(program.end == .exited(1))
                #expect(program.errorLines.count == 1)
                #expect(program.errorOutput.contains("/nowhere/vde"))
                try host.expectNothingLeft()
            }
        }

        @Test("the group gets directory and sockets")
        func group() throws {
            try require()
            try withHost { host in
                let element = try host.startVDESwitch("vde", ["-g", "root", "-m", "660"], ours: true)
                #expect(try host.check(["stat", "-c", "%G", element.directory + "/ctl"]) == "root\n")
                #expect(try host.mode(element.directory) == "2770")
            }
        }
    }
}

extension HostNamespace {
    /// The permission bits of a file, in octal.
    func mode(_ path: String) throws -> String {
        try check(["stat", "-c", "%a", path]).trimmingCharacters(in: .newlines)
    }
}
