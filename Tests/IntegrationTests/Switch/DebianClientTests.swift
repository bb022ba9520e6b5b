// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension Integration {
    @Suite("Debian's clients on our switch")
    struct DebianClients {
        @Test("what one vde_plug sends arrives at another, whatever its size", arguments: [60, 1514, 9000])
        func vdePlug(size: Int) throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startSwitch()
                let one = try Plug(host, element.directory)
                let other = try Plug(host, "vde://" + element.directory)
                try element.waitForEndpoints(2)
                let question = frame(to: everybody, from: station(1), size: size)
                let answer = frame(to: station(1), from: station(2), size: size, seed: 9)
                try one.send(question)
                try other.wait(for: question)
                try other.send(answer)
                try one.wait(for: answer)
                #expect(one.frames == [answer])
                #expect(other.frames == [question])
            }
        }

        @Test("two vdens ping each other", arguments: [HostNamespace.User.runner, .ordinary])
        func vdens(user: HostNamespace.User) throws {
            try require("vdens", "ping")
            try withHost { host in
                let element = try host.startSwitch(as: user)
                let guest = try host.startVDENS(element, "10.9.0.1/24", "true", as: user)
                try guest.wait(forOutput: "guest has done it")
                let other = try host.startVDENS(
                    element,
                    "10.9.0.2/24",
                    "ping -c 3 -i 0.2 -w 30 10.9.0.1",
                    as: user
                )
                try other.wait(forOutput: "guest has done it")
                #expect(other.output.contains("3 received"))
                #expect(try element.endpoints().count == 2)
            }
        }

        @Test("slirpvde serves a vdens guest: its address answers, and TCP reaches the host")
        func slirpvde() throws {
            try require("slirpvde", "vdens", "ping", "python3")
            try withHost { host in
                let element = try host.startSwitch()
                try host.start(["slirpvde", "-s", element.directory, "-n", "10.0.5.0"])
                let server = try host.start(["python3", "-u", try script("tcp.py", host), "serve", "127.0.0.1", "7001"])
                try server.wait(forOutput: "listening")
                try element.waitForEndpoints(1)
                let line = try element.endpoints().first ?? ""
                #expect(line.hasPrefix("1: slirpvde: user=root pid="))
                let guest = try host.startVDENS(
                    element,
                    "10.0.5.15/24",
                    "ping -c 2 -i 0.2 -w 30 10.0.5.2; python3 \(try script("tcp.py", host)) send 10.0.5.2 7001 300000"
                )
                try guest.wait(forOutput: "guest has done it")
                #expect(guest.output.contains("2 received"))
                #expect(guest.output.contains("peer got 300000 bytes, intact"))
            }
        }

        @Test("Debian's unixterm talks to our console")
        func unixterm() throws {
            try require("unixterm")
            try withHost { host in
                let element = try host.startSwitch()
                let terminal = try host.start(["unixterm", element.console], input: .pipe)
                try terminal.wait(forOutput: "vde$ ")
                try terminal.write("port/showinfo\r")
                try terminal.wait(forOutput: "1000 Success")
                #expect(terminal.output.contains("0000 DATA END WITH '.'"))
                // It looks whether the console has closed before it reads what came: ours leaves it the time.
                try terminal.write("logout\n")
                try terminal.wait(forOutput: "9999 END OF SESSION")
                #expect(try terminal.waitForEnd() == .exited(0))
            }
        }

        @Test("Debian's vdeterm works on a terminal: prompt, command, end of the session")
        func vdeterm() throws {
            try require("vdeterm")
            try withHost { host in
                let element = try host.startSwitch()
                let (program, terminal) = try host.startOnTerminal(["vdeterm", element.console])
                try program.wait(forOutput: "vde[\(element.console)]: ")
                try wait(for: "vdeterm to read keys") { terminal.isRaw }
                try terminal.type("showinfo\r")
                try program.wait(forOutput: "Success")
                #expect(program.output.contains("mgmt \(element.console) perm 0600"))
                try terminal.type("logout\r")
                #expect(try program.waitForEnd() == .exited(0))
            }
        }

        /// The exit status that Debian's configuration of unixcmd makes of an answer, whatever it is.
        @Test(
            "unixcmd gets from our console what it gets from Debian's: lines and exit status",
            arguments: [
                "showinfo", "port/sethub 1", "port/showinfo", "port/print", "port/print 99", "vlan/print",
                "hash/showinfo", "vlan/allprint", "nonsense",
            ]
        )
        func unixcmd(command: String) throws {
            try require("unixcmd", "vde_switch")
            try withHost { host in
                let ours = try host.startVDESwitch(ours: true)
                let theirs = try host.startVDESwitch("debian")
                func answer(_ element: RunningSwitch) throws -> Program {
                    try host.run(["unixcmd", "-f", "/etc/vde2/vdecmd", "-s", element.console, command])
                }
                let (mine, reference) = (try answer(ours), try answer(theirs))
                #expect(mine.end == reference.end)
                if command == "showinfo" {
                    // Names of the product and of paths.
                    #expect(mine.output.contains("mgmt \(ours.console) perm 0600"))
                } else {
                    #expect(mine.output == reference.output)
                    #expect(mine.errorOutput == reference.errorOutput)
                }
            }
        }
    }
}

extension HostNamespace {
    /// Starts commands in a `vdens` with one configured interface; says when they have been done.
    ///
    /// The guest then stays until its input ends. vdens waits for ever for a command that ends while vdens itself is busy
    /// with a frame, as a ping does that has its answer, so that its end would prove nothing.
    func startVDENS(
        _ element: RunningSwitch,
        _ address: String,
        _ commands: String,
        as user: User = .runner
    ) throws -> Program {
        let script = """
            ip address add \(address) dev vde0
            ip link set vde0 up
            \(commands)
            echo guest has done it
            exec cat
            """
        return try start(["vdens", element.directory, "sh", "-c", script], as: user, input: .pipe)
    }
}
