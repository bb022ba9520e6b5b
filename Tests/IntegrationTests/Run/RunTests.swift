// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("run")
    struct Run {
        @Test(
            "two stacks ping each other and move 10 MB over TCP, intact",
            arguments: Make.allCases,
            [HostNamespace.User.runner, .ordinary]
        )
        func twoStacks(make: Make, user: HostNamespace.User) throws {
            try require("vde_switch", "ping", "python3")
            try withHost { host in
                let element = try host.startSwitch(make, as: user)
                let server = try host.startServer(
                    in: ["--net", element.directory, "--address", "10.1.0.1/24"],
                    "10.1.0.1",
                    7001,
                    as: user
                )
                let ping = try host.runInStack(
                    ["--net", element.directory, "--address", "10.1.0.2/24", "--"] + host.ping("10.1.0.1"),
                    as: user
                )
                #expect(ping.end == .exited(0))
                #expect(ping.output.contains("3 received"))
                let client = try host.runInStack(
                    ["--net", "\(element.directory),ip=10.1.0.3/24", "--"]
                        + host.tcp("send", "10.1.0.1", 7001, 10_000_000),
                    as: user
                )
                #expect(client.output == "peer got 10000000 bytes, intact\n")
                try server.wait(forOutput: "from 10.1.0.3")
            }
        }

        @Test("the switch shows who it is, in VDE's form", arguments: Make.allCases)
        func description(make: Make) throws {
            try require("vde_switch")
            try withHost { host in
                let element = try host.startSwitch(make)
                let guest = try host.startGuest("one", [element.directory])
                #expect(
                    try element.endpoints()
                        == ["1: etherloom user=root PID=\(guest.processID) if=vd0"]
                )
                guest.closeInput()
                try guest.waitForEnd()
                try element.waitForEndpoints(0)
            }
        }

        @Test(
            "our switch serves the tap itself: TCP crosses it in super-frames; Debian's gets frames",
            arguments: Make.allCases
        )
        func superFrames(make: Make) throws {
            try require("vde_switch", "python3")
            try withHost { host in
                let element = try host.startSwitch(make)
                _ = try host.startServer(in: ["--net", "\(element.directory),ip=10.1.0.1/24"], "10.1.0.1", 7001)
                try host.startGuest("client", ["\(element.directory),ip=10.1.0.2/24"])
                let client = try host.join("client", host.tcp("send", "10.1.0.1", 7001, 20_000_000))
                #expect(client.output == "peer got 20000000 bytes, intact\n")
                let report = try element.ask("port/print 2")
                guard make == .ours else { return }
                let counts = report.split(separator: "\n").filter { $0.contains("IN:") }.flatMap { line in
                    line.split { !$0.isNumber }.compactMap { Int($0) }
                }
                try #require(counts.count == 2)
                #expect(counts[1] > 20_000_000)
                #expect(counts[1] / counts[0] > 6000, "\(counts[1]) bytes in \(counts[0]) frames")
            }
        }

        @Test("several networks are several interfaces")
        func severalNetworks() throws {
            try require("ping")
            try withHost { host in
                let (one, other) = (try host.startSwitch("one"), try host.startSwitch("other"))
                try host.startGuest("left", ["\(one.directory),ip=10.1.0.1/24"])
                try host.startGuest("right", ["\(other.directory),ip=10.2.0.1/24"])
                try host.startGuest(
                    "both",
                    [one.directory, "\(other.directory),ip=10.2.0.9/24,if=far,mac=02:00:00:00:00:77,mtu=1400"],
                    ["--address", "10.2.1.9/24"]
                )
                let links = try host.join("both", ["ip", "-br", "address"]).output
                #expect(links.contains("vd0 "))
                #expect(links.contains("10.2.0.9/24") && links.contains("10.2.1.9/24"))
                let link = try host.join("both", ["ip", "link", "show", "far"]).output
                #expect(link.contains("02:00:00:00:00:77") && link.contains("mtu 1400"))
                _ = try host.join("both", ["ip", "address", "add", "10.1.0.9/24", "dev", "vd0"])
                #expect(try host.join("both", host.ping("10.1.0.1", count: 1)).end == .exited(0))
                #expect(try host.join("both", host.ping("10.2.0.1", count: 1)).end == .exited(0))
            }
        }

        @Test("a stack without a network has loopback alone, and nothing of the host's")
        func noNetwork() throws {
            try require()
            try withHost { host in
                let program = try host.runInStack(["--", "ip", "-br", "address"])
                let names = program.output.split(separator: "\n").map { $0.prefix { $0 != " " } }
                #expect(names == ["lo"])
                #expect(!program.output.contains("192.168.0.100"))
            }
        }

        @Test("stacks that exist side by side are each entered by name; nobody enters one that is gone")
        func join() throws {
            try require()
            try withHost { host in
                let element = try host.startSwitch()
                let one = try host.startGuest("one", ["\(element.directory),ip=10.1.0.1/24"])
                try host.startGuest("two", ["\(element.directory),ip=10.1.0.2/24"])
                #expect(try host.join("one", ["ip", "-br", "address"]).output.contains("10.1.0.1/24"))
                #expect(try host.join("two", ["ip", "-br", "address"]).output.contains("10.1.0.2/24"))
                #expect(try host.join("two", ["sh", "-c", "exit 9"]).end == .exited(9))
                let again = try host.runInStack(["--name", "one", "--", "true"])
                #expect(again.end == .exited(125))
                #expect(again.errorLines.count == 1)
                one.closeInput()
                try one.waitForEnd()
                let nobody = try host.join("one", ["true"])
                #expect(nobody.end == .exited(125))
                #expect(nobody.errorLines.count == 1)
            }
        }

        @Test(
            "user, directory, environment and standard streams are the caller's",
            arguments: [HostNamespace.User.runner, .ordinary]
        )
        func identity(user: HostNamespace.User) throws {
            try require()
            try withHost { host in
                let commands = "id -u; id -un; id -g; pwd; echo $MARK; cat; echo to stderr >&2"
                let outside = try host.start(["sh", "-c", commands], as: user, input: .pipe, variables: ["MARK=weft"])
                let inside = try host.start(
                    [host.etherloom, "run", "--hostname", "loom", "--", "sh", "-c", commands + "; hostname >&2"],
                    as: user,
                    input: .pipe,
                    variables: ["MARK=weft"]
                )
                for program in [outside, inside] {
                    try program.write("from stdin\n")
                    program.closeInput()
                    #expect(try program.waitForEnd() == .exited(0))
                }
                #expect(inside.output == outside.output)
                #expect(inside.errorOutput == "to stderr\nloom\n")
            }
        }

        @Test(
            "the exit status is the command's; 128 + N for a signal, 127 and 126 as shells have it",
            arguments: [
                (["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -TERM $$"], 143),
                (["sh", "-c", "kill -KILL $$"], 137), (["no-such-command"], 127), (["/etc/passwd"], 126),
            ]
        )
        func exitStatus(command: [String], status: Int) throws {
            try require()
            try withHost { host in
                let program = try host.runInStack(["--"] + command)
                #expect(program.end == .exited(Int32(status)))
                #expect(program.errorLines.count == (status == 127 || status == 126 ? 1 : 0))
            }
        }

        @Test("signals sent to run reach the command", arguments: [SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGQUIT])
        func signals(signal: Int32) throws {
            try require()
            try withHost { host in
                let trap =
                    "trap 'echo got it; exit 42' \(signal); echo waiting; while :; do read line || sleep 0.05; done"
                let program = try host.startRun(["--", "sh", "-c", trap], input: .nothing)
                try program.wait(forOutput: "waiting")
                program.send(signal: signal)
                #expect(try program.waitForEnd() == .exited(42))
                #expect(program.output.contains("got it"))
            }
        }

        @Test("the terminal is the command's: it is one, has its foreground, and ^C interrupts")
        func terminal() throws {
            try require()
            try withHost { host in
                let commands = "tty; trap 'echo interrupted; exit 5' INT; echo waiting; while :; do sleep 0.05; done"
                let (program, terminal) = try host.startOnTerminal([host.etherloom, "run", "--", "sh", "-c", commands])
                try program.wait(forOutput: "waiting")
                #expect(program.output.contains(terminal.path))
                try terminal.type("\u{3}")
                try program.wait(forOutput: "interrupted")
                #expect(try program.waitForEnd() == .exited(5))
            }
        }

        @Test("an interactive shell has job control: ^Z stops a command, fg goes on with it")
        func jobControl() throws {
            try require()
            try withHost { host in
                let (program, terminal) = try host.startOnTerminal([
                    host.etherloom, "run", "--", "bash", "--norc", "-i",
                ])
                try program.wait(forOutput: "bash-")
                #expect(!program.output.contains("no job control"))
                func type(_ command: String) throws {
                    try wait(for: "the shell to read keys") { terminal.isRaw }
                    try terminal.type(command + "\r")
                    try wait(for: "the shell to run \(command)") { !terminal.isRaw }
                }
                func waitForEcho(_ text: String) throws {
                    try terminal.type(text + "\n")
                    try wait(for: "cat's \(text)") { program.output.components(separatedBy: text).count == 3 }
                }
                try type("cat")
                try waitForEcho("warp")
                try terminal.type("\u{1a}")
                try program.wait(forOutput: "Stopped")
                try type("fg")
                try waitForEcho("weft")
                try terminal.type("\u{4}")
                try wait(for: "the shell's prompt") { terminal.isRaw }
                try terminal.type("exit 3\r")
                #expect(try program.waitForEnd() == .exited(3))
            }
        }

        @Test("processes that the command has left behind end with it")
        func orphans() throws {
            try require()
            try withHost { host in
                let program = try host.runInStack(
                    ["--", "sh", "-c", "setsid sleep 1000 & (sleep 1001 &) ; echo done"])
                #expect(program.end == .exited(0))
                try host.expectNothingLeft()
            }
        }

        @Test("a guest may plug further interfaces into its stack")
        func plugInside() throws {
            try require("ping")
            try withHost { host in
                let (one, other) = (try host.startSwitch("one"), try host.startSwitch("other"))
                try host.startGuest("there", ["\(other.directory),ip=10.2.0.1/24"])
                let commands = """
                    \(host.etherloom) plug -d -p \(host.path("pid")) tap://vd1 \(other.directory) || exit 1
                    ip address add 10.2.0.2/24 dev vd1 && ip link set vd1 up || exit 2
                    ping -c 2 -i 0.2 -w 30 10.2.0.1 || exit 3
                    ip -br link
                    """
                let guest = try host.runInStack(["--net", one.directory, "--", "sh", "-c", commands])
                #expect(guest.end == .exited(0), "\(guest.transcript)")
                #expect(guest.output.contains("vd0") && guest.output.contains("vd1"))
                try other.waitForEndpoints(1)
                try host.check(["rm", host.path("pid")])
            }
        }

        @Test("the network may come from the environment")
        func environment() throws {
            try require()
            try withHost { host in
                let element = try host.startSwitch()
                let program = try host.run(
                    [host.etherloom, "run", "--", "ip", "-br", "address"],
                    variables: ["ETHERLOOM_NET=\(element.directory),ip=10.1.0.5/24"]
                )
                #expect(program.output.contains("10.1.0.5/24"))
            }
        }
    }
}
