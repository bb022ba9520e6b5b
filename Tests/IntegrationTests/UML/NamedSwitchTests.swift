// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import LinuxSystem
import TestSupport
import Testing

extension Integration {
    /// What uml_switch2's configurations and umls3's commands do.
    @Suite("Switches of uml_switch2 and umls3")
    struct NamedSwitchTests {
        /// A server of named switches.
        private struct Server {
            let host: HostNamespace
            let program: Program
            let control: String

            init(_ host: HostNamespace) throws {
                self.host = host
                control = host.path("umls3.ctl")
                let umls3 = host.compatible("umls3")
                program = try host.start([umls3, "-s", "-d", "-S", control, "-p", host.path("umls3.pid")])
                try host.waitUntilListening(control, program)
            }

            func client(_ commands: [String]) -> [String] { [host.compatible("umls3"), "-S", control] + commands }
            func ask(_ commands: String...) throws -> Program { try host.run(client(commands)) }

            /// What a command that works says.
            func say(_ commands: String...) throws -> String {
                let program = try host.run(client(commands))
                #expect(program.end == .exited(0), "\(program.transcript)")
                return program.output
            }
        }

        @Test("a tap's commands run when it is there; a socket is its owner's")
        func commandsAndOwner() throws {
            try require("ip", "python3", "setpriv")
            if geteuid() != 0 { try skip("several users need root") }
            try withHost { host in
                let (up, down, socket) = (host.data("up"), host.data("down"), host.path("uml.ctl"))
                let file = try host.write(
                    """
                    tap t0
                    tapupcmd ip link set t0 up && ip -o link show t0 > \(up); echo raised >> \(up)
                    tapdncmd "ip -o link show t0 > \(down)"
                    socket \(socket)
                    sockowner 7001
                    """,
                    data: "switch.conf"
                )
                let program = try host.start([host.compatible("uml_switch2"), "-d", file])
                try wait(for: "the up-command") { (try? text(up))?.hasSuffix("raised\n") == true }
                #expect(try text(up).contains("UP"))
                #expect(!FileManager.default.fileExists(atPath: down))
                let status = try FileStatus(path: socket)
                #expect(status.userID == 7001 && status.mode & 0o777 == 0o600)
                let call = "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
                let words = ["python3", "-c", call, socket]
                #expect(try host.run(NetworkUser.alice.entry + words).end == .exited(0))
                #expect(try host.run(NetworkUser.bob.entry + words).errorOutput.contains("PermissionError"))
                #expect(try program.stop() == .exited(0))
                #expect(try text(down).contains("UP"))
                #expect(try !host.links().contains("t0"))
            }
        }

        @Test("a tap whose command fails is not there, and the file and the reason are told")
        func failingCommand() throws {
            try withHost { host in
                let down = host.data("down")
                let server = try Server(host)
                let failed = try server.ask("switch lan { tap t0; tapupcmd exit 3; tapdncmd 'echo; echo x > \(down)' }")
                #expect(failed.end == .exited(1))
                #expect(failed.errorOutput.contains("switch lan: tapupcmd exit 3: ended with status 3"))
                #expect(try server.say("switch").isEmpty)
                #expect(!FileManager.default.fileExists(atPath: down))
                #expect(try !host.links().contains("t0"))
                // A semicolon in quotes is the shell's.
                #expect(try server.say("switch lan { tap t0; tapdncmd 'echo x > \(down); echo y >> \(down)' }").isEmpty)
                #expect(try server.say("killswitch lan").isEmpty)
                #expect(try text(down) == "x\ny\n")
                #expect(try server.program.stop() == .exited(0))
            }
        }

        @Test("a command that takes its time holds up its own switch only")
        func slowCommands() throws {
            try withHost { host in
                let server = try Server(host)
                let gate = host.data("gate")
                let wait = "while [ ! -e \(gate) ]; do sleep 0.05; done"
                let slow = try host.start(server.client(["switch slow { tap t0; tapupcmd '\(wait)' }", "version"]))
                try TestSupport.wait(for: "the slow switch") {
                    try server.say("switch") == "slow: tap t0, 1 ports in use, starting\n"
                }
                #expect(try server.say("switch lan { socket \(host.path("lan")) }", "killswitch lan").isEmpty)
                #expect(slow.poll() == nil)
                _ = try host.write("", data: "gate")
                #expect(try slow.waitForEnd() == .exited(0))
                #expect(slow.output.contains("umls3"))
                #expect(try server.say("switch slow") == "slow: tap t0, 1 ports in use\n")
                unlink(gate)

                // So it is at the end.
                let next = "switch next { tap t1; tapdncmd '\(wait)' }"
                #expect(try server.say("killswitch slow", next).isEmpty)
                let leaving = try host.start(server.client(["killswitch next"]))
                try TestSupport.wait(for: "the end's command") { try server.say("switch").contains(", ending") }
                #expect(try server.ask("killswitch next").errorOutput.contains("is ending already"))
                _ = try host.write("", data: "gate")
                #expect(try leaving.waitForEnd() == .exited(0))
                unlink(gate)

                // Ended before it was there.
                let never = try host.start(server.client(["switch never { tap t2; tapupcmd '\(wait)' }"]))
                try TestSupport.wait(for: "the switch") { try server.say("switch").contains(", starting") }
                #expect(try server.say("killswitch never", "switch").isEmpty)
                #expect(try never.waitForEnd() == .exited(1))
                #expect(never.errorOutput.contains("switch never: was ended while it was starting"))
                #expect(try !host.links().contains { $0.hasPrefix("t") })
                #expect(try server.program.stop() == .exited(0))
            }
        }

        @Test("what happens is said in the log file, and with debug what was asked for")
        func log() throws {
            try withHost { host in
                let server = try Server(host)
                let log = host.data("umls3.log")
                #expect(try server.say("version").contains("umls3"))
                try server.program.wait(forOutput: "command: version")
                #expect(try server.say("logfile \(log)", "switch").isEmpty)
                #expect(try text(log) == "command: switch\n")
                // A down-command's failure is told also without debug, and is no mistake of who ends the switch.
                #expect(try server.say("nodebug", "switch lan { tap t0; tapdncmd exit 4 }", "killswitch lan").isEmpty)
                let lines = try text(log).split(separator: "\n").map(String.init)
                #expect(
                    lines == [
                        "command: switch", "command: nodebug",
                        "switch lan: tapdncmd exit 4: ended with status 4",
                    ]
                )
                #expect(try server.say("debug", "help").contains("logfile PATH"))
                #expect(try text(log).hasSuffix("command: help\n"))
                #expect(!server.program.errorOutput.contains("help"))
                #expect(try FileStatus(path: log).mode & 0o777 == 0o600)
                let refused = try server.ask("logfile \(host.data("none"))/x")
                #expect(refused.end == .exited(1) && refused.errorOutput.contains("No such file or directory"))
                #expect(try server.program.stop() == .exited(0))
            }
        }

        @Test("an answer of a megabyte arrives whole at a client that reads late, and holds up nobody")
        func longAnswer() throws {
            try withHost { host in
                let server = try Server(host)
                let help = try server.say("help").split(separator: "\n").map { " \($0)\n" }.joined()
                let count = (1 << 20) / help.utf8.count + 1
                let socket = try UnixSocket.connection(
                    .stream,
                    to: try #require(UnixSocketAddress(path: server.control))
                )
                try socket.writeAll(String(repeating: "help\n", count: count).utf8)
                InternetSocket.shutdownWrite(socket.rawValue)
                // The answer is there, as far as it has room, and more does not fit; others are served.
                try #require(try Readiness.wait(socket, milliseconds: 20_000))
                #expect(try server.say("version").contains("umls3"))
                var answer: [UInt8] = []
                while try Readiness.wait(socket, milliseconds: 20_000) {
                    let part = try socket.read(atMost: 4096)
                    if part.isEmpty { break }
                    answer += part
                }
                #expect(answer.count > 1 << 20)
                // Not within #expect, which would look for the difference of two megabytes for very long.
                let isWhole = answer.elementsEqual((String(repeating: help, count: count) + "ok\n").utf8)
                #expect(isWhole, "\(answer.count) bytes")
                #expect(try server.program.stop() == .exited(0))
            }
        }
    }
}

private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
