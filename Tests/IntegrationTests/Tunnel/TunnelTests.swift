// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Tunnels between hosts, and the programs that succeed uml_switch2.
    @Suite("Tunnels")
    struct TunnelTests {
        @Test("a firewall for the guests of another machine", arguments: ["--encrypted", "--plain"])
        func firewall(form: String) throws {
            try require("bash", "nft", "tcpdump", "ping", "ip")
            let example = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../../Examples/firewall.sh")
            let text = try String(contentsOf: example, encoding: .utf8)
            try withHost { host in
                let script = try host.write(text, data: "firewall.sh")
                try host.check(["chmod", "+x", script])
                let program = try host.run(
                    ["bash", script, form],
                    variables: ["ETHERLOOM=\(host.etherloom)"],
                    seconds: 120
                )
                #expect(program.end == .exited(0), "\(program.transcript)")
                // The question passed every point, and none when the rule was gone.
                for point in ["fileserver", "eth1", "tap0", "guest"] {
                    let line = program.output.firstMatch(of: try Regex("\(point) +saw ([0-9]+) questions"))
                    let count = line.flatMap { Int($0.output[1].substring ?? "") } ?? 0
                    #expect(count >= 3, "\(point): \(program.output)")
                }
                #expect(program.output.contains("refused 2, and the guest saw nothing"))
            }
        }

        @Test("keys are made once, for their owner's eyes only")
        func keys() throws {
            try withHost { host in
                let file = host.data("key")
                let made = try host.check([host.etherloom, "key", file])
                #expect(made.count == 45)
                #expect(try host.check([host.etherloom, "key", file]) == made)
                #expect(try host.check(["stat", "-c", "%a", file]) == "600\n")
                try host.check(["chmod", "644", file])
                let refused = try host.run([host.etherloom, "key", file])
                #expect(refused.end == .exited(1))
                #expect(refused.transcript.contains("other users could read this key; chmod 600 \(file)"))
                try host.check(["chmod", "600", file])
                for command in [[], ["python3", "-c", Self.socketAsInput, file]] {
                    let read = try host.run(command + [host.etherloom, "key", "-"], input: .file(file))
                    #expect(read.output == made, "\(read.transcript)")
                }
                let missing = try host.run([host.etherloom, "key", "--show", host.path("none")])
                #expect(missing.end == .exited(1))
            }
        }

        @Test(
            "a wrong URL is told in one line",
            arguments: [
                ("tunnel://127.0.0.1:1", "give /peer="),
                ("tunnel://127.0.0.1:1/peer=abc", "not a public key"),
                ("tunnel://127.0.0.1:x/peer=abc", "is no port"),
                ("tunnel://127.0.0.1:1/pear=abc", "unknown option \"pear\""),
                ("tunnel:///peer=abc", "where is the peer?"),
                ("umlswitch2://", "where is the peer?"),
                ("umlswitch2://:7", "who is the peer?"),
            ]
        )
        func wrongURL(url: String, reason: String) throws {
            try withHost { host in
                let program = try host.run([host.etherloom, "plug", "null://", url])
                #expect(program.end == .exited(2), "\(program.transcript)")
                #expect(program.transcript.contains(reason), "\(program.transcript)")
            }
        }

        /// Runs the program named behind a file's name with a socket as its standard input, from which the file comes.
        private static let socketAsInput = """
            import socket, subprocess, sys
            near, far = socket.socketpair()
            near.sendall(open(sys.argv[1], "rb").read())
            near.shutdown(socket.SHUT_WR)
            sys.exit(subprocess.run(sys.argv[2:], stdin=far).returncode)
            """

        @Test("umls3: one server, several switches, commands as arguments and from standard input")
        func namedSwitches() throws {
            try require("python3")
            try withHost { host in
                let control = host.path("umls3.ctl")
                let umls3 = host.compatible("umls3")
                let server = try host.start([umls3, "-s", "-d", "-S", control, "-p", host.path("umls3.pid")])
                try host.waitUntilListening(control, server)
                func ask(_ commands: String...) throws -> Program {
                    try host.run([umls3, "-S", control] + commands)
                }
                let lan = host.path("lan.ctl")
                let added = try ask("switch lan {\n socket \"\(lan)\" # for guests\n}", "switch")
                #expect(added.end == .exited(0), "\(added.transcript)")
                #expect(added.output == "lan: socket \(lan), 0 ports in use\n")
                #expect(UnixClient.isListening(lan))
                // Half of it is right: nothing is made.
                let web = host.path("web.ctl")
                let half = try ask("switch web { socket \(web); port 7 }")
                #expect(half.end == .exited(1))
                #expect(half.transcript.contains("switch web:2: port without remote"), "\(half.transcript)")
                #expect(!UnixClient.isListening(web))
                // The second thing cannot be had: the first one is not left behind.
                let late = try ask("switch web { socket \(web); socket /nowhere/at/all }")
                #expect(late.end == .exited(1))
                #expect(!FileManager.default.fileExists(atPath: web))
                for (command, reason) in [
                    ("guest alice", "guest alice: no such guest"), ("guest alice /no/kernel", "does not exist"),
                    ("mconsole alice version", "no such guest"), ("killguest alice", "no such guest"),
                    ("uml", "unknown command"),
                    ("switch nobody", "no such switch"),
                    ("killswitch nobody", "no such switch"), ("switch lan { hub }", "exists already"),
                    ("switch x {", "\"{\" without \"}\""),
                ] {
                    let program = try ask(command)
                    #expect(program.end == .exited(1))
                    #expect(program.transcript.contains(reason), "\(command): \(program.transcript)")
                }
                // By standard input: a file, and a socket, as sshd gives one.
                let file = try host.write("# which are there\nswitch\nswitch nobody\n", data: "commands")
                let client = [umls3, "-S", control]
                for command in [[], ["python3", "-c", Self.socketAsInput, file]] {
                    let listed = try host.run(command + client, input: .file(file))
                    #expect(listed.end == .exited(1))
                    #expect(listed.output == "lan: socket \(lan), 0 ports in use\n", "\(listed.transcript)")
                    #expect(listed.errorOutput.contains("line 3: switch nobody: no such switch"))
                }
                let ended = try ask("killswitch lan", "switch")
                #expect(ended.end == .exited(0))
                #expect(ended.output.isEmpty)
                #expect(!FileManager.default.fileExists(atPath: lan))
                #expect(try server.stop() == .exited(0))
                #expect(!FileManager.default.fileExists(atPath: control))
                let alone = try ask("version")
                #expect(alone.end == .exited(1))
                #expect(alone.transcript.contains("no server there"))
            }
        }

        @Test("a wrong configuration is told with file and line, and nothing is made")
        func wrongConfiguration() throws {
            try withHost { host in
                let socket = host.path("a.ctl")
                for (text, reason) in [
                    ("socket \(socket)\nport 99999\n", ":2: port 99999"),
                    ("socket \(socket)\n\ntapupcmd true\n", ":3: tapupcmd: no tap before it"),
                    ("socket \(socket)\nport 5\n", ":2: port without remote"),
                    ("socket \(socket)\nremote \"x\n", ":2: a quote"),
                    ("socket \(socket) b\n", ":1: socket: wants one argument"),
                    ("socket \(socket)\nfrobnicate\n", ":2: frobnicate: unknown command"),
                    ("socket \(socket)\nsockowner nobody-at-all\n", ":2: sockowner nobody-at-all: no such user"),
                ] {
                    let file = try host.write(text, data: "switch.conf")
                    let program = try host.run([host.compatible("uml_switch2"), "-d", file])
                    #expect(program.end == .exited(1))
                    #expect(program.transcript.contains(file + reason), "\(program.transcript)")
                    #expect(!FileManager.default.fileExists(atPath: socket))
                }
            }
        }

        @Test("a second uml_switch2 leaves the first one's socket and number alone")
        func second() throws {
            try withHost { host in
                let (socket, number) = (host.path("uml.ctl"), host.path("uml.pid"))
                let file = try host.write("socket \(socket)\npidfile \(number)\n", data: "switch.conf")
                let first = try host.start([host.compatible("uml_switch2"), "-d", file])
                try host.waitUntilListening(socket, first)
                try wait(for: "the number") { FileManager.default.fileExists(atPath: number) }
                let second = try host.run([host.compatible("uml_switch2"), "-d", file])
                #expect(second.end == .exited(1))
                #expect(try String(contentsOfFile: number, encoding: .utf8) == "\(first.processID)\n")
                #expect(try first.stop() == .exited(0))
                #expect(!FileManager.default.fileExists(atPath: number))
                #expect(!FileManager.default.fileExists(atPath: socket))
            }
        }

        @Test("a tunnel port that is taken is told at once, also when the peer has a name")
        func takenPort() throws {
            try withHost { host in
                let program = host.compatible("uml_switch2")
                let socket = host.path("first.ctl")
                let one = try host.write("socket \(socket)\nport 7000\nremote localhost\n", data: "one.conf")
                let first = try host.start([program, "-d", one])
                try host.waitUntilListening(socket, first)
                let other = try host.write("port 7000\nremote localhost\n", data: "other.conf")
                let second = try host.run([program, "-d", other])
                #expect(second.end == .exited(1))
                #expect(second.transcript.contains("UDP port 7000"), "\(second.transcript)")
            }
        }

        @Test("uml_switch ends with its standard input, and takes a dead one's socket over")
        func inputEnds() throws {
            try withHost { host in
                let socket = host.path("uml.ctl")
                let killed = try host.start([host.compatible("uml_switch"), "-unix", socket], input: .pipe)
                try host.waitUntilListening(socket, killed)
                _ = try killed.stop(9)
                let program = try host.start([host.compatible("uml_switch"), "-unix", socket], input: .pipe)
                try host.waitUntilListening(socket, program)
                let second = try host.run([host.compatible("uml_switch"), "-unix", socket])
                #expect(second.end == .exited(1))
                #expect(second.transcript.contains("another switch is running there"))
                program.closeInput()
                #expect(try program.waitForEnd() == .exited(0))
                #expect(!FileManager.default.fileExists(atPath: socket))
            }
        }
    }
}
