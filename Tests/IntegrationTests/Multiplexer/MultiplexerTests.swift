// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestSupport
import Testing

extension RunningSwitch {
    /// What a multiplexer's console says of one interface; nil: there is none.
    func interface(_ name: String) throws -> String? {
        try ask("interface/list").split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name) port ") }
            .map(String.init)
    }

    func address(_ name: String) throws -> String? {
        guard let line = try interface(name), let mark = line.range(of: " MAC ") else { return nil }
        return String(line[mark.upperBound...].prefix(17))
    }
}

extension HostNamespace {
    func startMultiplexer(_ name: String = "net", _ arguments: [String] = [], as user: User = .runner) throws
        -> RunningSwitch
    {
        try startSwitch(name, ["--multiplexer"] + arguments, as: user)
    }
}

extension Integration {
    @Suite("Multiplexer")
    struct Multiplexing {
        private func names(_ element: RunningSwitch) throws -> Set<String> {
            Set(try FileSystem.names(in: element.directory)).filter { !["ctl", "attach"].contains($0) }
        }

        @Test("stock clients by number and by a declared name, ours by any name: all hear each other")
        func everyKindOfClient() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startMultiplexer("net", ["--interface", "bob"])
                let numbered = try Plug(host, element.directory + "[5]")
                let named = try Plug(host, element.directory + "[bob]")
                let ours = try Plug(host, element.directory + "[alice]", command: [host.etherloom, "plug", "-"])
                try element.waitForEndpoints(3)
                #expect(try names(element).isSuperset(of: ["5", "bob", "alice"]))
                #expect(try FileStatus(path: element.directory + "/bob").isSocket)
                #expect(try FileStatus(path: element.directory + "/5").isRegularFile)
                let plugs = [numbered, named, ours]
                for (number, plug) in plugs.enumerated() {
                    let sent = frame(to: station(9), from: station(UInt8(number + 1)), seed: UInt8(number))
                    try plug.send(sent)
                    for other in plugs where other !== plug { try other.wait(for: sent) }
                }
                #expect(try element.ask("showinfo").contains("multiplexer: interfaces 3 uplinks 0"))
                for plug in plugs { try plug.program.stop() }
                try wait(for: "the end of the interfaces that nobody declared") { try names(element) == ["bob"] }
            }
        }

        @Test("a file that stands for an interface is its URL, which stock clients follow")
        func fileIsURL() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startMultiplexer()
                let first = try Plug(host, element.directory + "[5]")
                try element.waitForEndpoints(1)
                let second = try Plug(host, element.directory + "/5")
                let ours = try Plug(host, element.directory + "/5", command: [host.etherloom, "plug", "-"])
                try element.waitForEndpoints(3)
                #expect(try element.interface("5")?.contains("clients 3") == true)
                withExtendedLifetime((first, second, ours)) {}
            }
        }

        @Test("a stock client that names no interface is hung up on, and one line says why")
        func unnamed() throws {
            try require("vde_plug")
            try withHost { host in
                let element = try host.startMultiplexer()
                #expect(try Plug(host, element.directory).program.waitForEnd() != .exited(0))
                try element.program.wait(forOutput: "this is a multiplexer: name an interface, as in DIR[NAME]")
                let run = try host.runInStack(["--net", element.directory, "--", "true"])
                #expect(run.end != .exited(0))
                #expect(run.errorLines.count == 1)
                #expect(run.errorOutput.contains("name an interface"))
                #expect(try names(element).isEmpty)
            }
        }

        @Test("stacks by name reach each other, with the addresses that their interfaces have")
        func stacks() throws {
            try require("ping")
            try withHost { host in
                let element = try host.startMultiplexer()
                try host.startGuest("alice", [element.directory + "[alice]"], ["--address", "10.5.0.1/24"])
                try host.startGuest("bob", [element.directory + "[bob]"], ["--address", "10.5.0.2/24"])
                #expect(try host.join("alice", host.ping("10.5.0.2")).end == .exited(0))
                let address = try #require(try element.address("alice"))
                #expect(address.hasPrefix("52:54:"))
                #expect(try host.join("alice", ["cat", "/sys/class/net/vd0/address"]).output.contains(address))
                #expect(try element.address("bob") != address)
                // --mac has the last word.
                let other = try host.runInStack([
                    "--net", element.directory + "[carol]", "--mac", "02:00:00:00:00:77", "--", "cat",
                    "/sys/class/net/vd0/address",
                ])
                #expect(other.output.contains("02:00:00:00:00:77"))
            }
        }

        @Test("ETHERLOOM_NET names the interface for run and plug")
        func environment() throws {
            try withHost { host in
                try require()
                let element = try host.startMultiplexer()
                let variable = "ETHERLOOM_NET=\(element.directory)[dora]"
                let run = try host.start(["env", variable, host.etherloom, "run", "--", "cat"], input: .pipe)
                try wait(for: "the stack's interface") { try element.interface("dora") != nil }
                let plug = try host.start(["env", variable, host.etherloom, "plug", "-"], input: .pipe)
                try wait(for: "both") { try element.interface("dora")?.contains("clients 2") == true }
                for program in [run, plug] { program.closeInput() }
                try wait(for: "the end of the interface") { try element.interface("dora") == nil }
            }
        }

        @Test("an interface is its owner's: another user is refused, by ctl, by attach and by its socket")
        func ownership() throws {
            try require("vde_plug")
            if geteuid() != 0 { try skip("only root can be two users") }
            try withHost { host in
                let weaver = host.userName(.ordinary)
                let element = try host.startMultiplexer(
                    "net",
                    [
                        "-m", "0666", "--interface", "root-only,mode=0600", "--interface",
                        "weavers,owner=54321,mode=0600",
                        "--interface", "open,mode=0666",
                    ]
                )
                // Whose it is shows on the file, and the kernel holds to it.
                let status = try FileStatus(path: element.directory + "/weavers", followLinks: false)
                #expect(status.userID == 54321 && status.mode & 0o777 == 0o600)
                #expect(
                    try Plug(host, element.directory + "[root-only]", as: .ordinary).program.waitForEnd() != .exited(0)
                )
                let mine = try Plug(host, element.directory + "[weavers]", as: .ordinary)
                let open = try Plug(host, element.directory + "[open]", as: .ordinary)
                try element.waitForEndpoints(2)

                // Ours: told why, in one line; and the log says it too.
                let refused = try host.runInStack(
                    ["--net", element.directory + "[root-only]", "--", "true"],
                    as: .ordinary
                )
                #expect(refused.errorLines.count == 1)
                #expect(
                    refused.errorOutput.contains("interface root-only: permission denied: it is root's (mode 0600)")
                )
                try element.program.wait(forOutput: "not \(weaver)'s")

                // A number that root has made is root's.
                let five = try Plug(host, element.directory + "[5]")
                try element.waitForEndpoints(3)
                #expect(try Plug(host, element.directory + "[5]", as: .ordinary).program.waitForEnd() != .exited(0))
                try element.program.wait(forOutput: "interface 5: permission denied")
                let six = try Plug(host, element.directory + "[6]", as: .ordinary)
                try element.waitForEndpoints(4)
                #expect(try element.interface("6")?.contains("owner \(weaver)") == true)
                // What he is let in to he can use.
                let sent = frame(to: everybody, from: station(1))
                try five.send(sent)
                for plug in [mine, open, six] { try plug.wait(for: sent) }
            }
        }

        @Test("killed and started again: names, addresses and permissions are as before")
        func killed() throws {
            try require("vde_plug")
            try withHost { host in
                let arguments = ["--interface", "bob,mode=0640", "--interface", "7,mode=0600"]
                var element = try host.startMultiplexer("net", arguments)
                let stack = try host.startGuest("alice", [element.directory + "[alice]"], ["--address", "10.5.0.1/24"])
                let numbered = try Plug(host, element.directory + "[5]")
                try element.waitForEndpoints(2)
                let before = try ["alice", "bob", "7", "5"].map { try element.address($0) }
                #expect(!before.contains(nil))
                try element.program.stop(SIGKILL)
                try numbered.program.waitForEnd()
                #expect(try names(element).isSuperset(of: ["alice", "bob", "7", "5"]))

                element = try host.startMultiplexer("net", arguments)
                // The stack is back by itself; nobody has called for number 5 yet.
                try wait(for: "the stack's return") { try element.interface("alice") != nil }
                let left = try names(element)
                #expect(left == ["alice", "bob", "7"])
                let plug = try Plug(host, element.directory + "[5]", command: [host.etherloom, "plug", "-"])
                try element.waitForEndpoints(2)
                #expect(try ["alice", "bob", "7", "5"].map { try element.address($0) } == before)
                #expect(try FileStatus(path: element.directory + "/bob").mode & 0o777 == 0o640)

                // A killed client: its interface goes, the others stay.
                plug.program.send(signal: SIGKILL)
                try wait(for: "the end of number 5") { try element.interface("5") == nil }
                #expect(try element.interface("alice") != nil)
                withExtendedLifetime(stack) {}
            }
        }

        @Test("an uplink: another switch, which hears everybody and is heard by everybody")
        func uplink() throws {
            try require("vde_plug")
            try withHost { host in
                let outer = try host.startSwitch("outer")
                let element = try host.startMultiplexer("net", ["--uplink", outer.directory])
                let inside = try Plug(host, element.directory + "[1]")
                let outside = try Plug(host, outer.directory)
                try outer.waitForEndpoints(2)
                try element.waitForEndpoints(2)
                let one = frame(to: everybody, from: station(1), seed: 3)
                try inside.send(one)
                try outside.wait(for: one)
                let two = frame(to: station(1), from: station(2), seed: 4)
                try outside.send(two)
                try inside.wait(for: two)
                #expect(try element.ask("interface/list").contains("uplink port 1024 \(outer.directory)"))
            }
        }

        @Test("the console declares, lists and takes away; mistakes are told")
        func console() throws {
            try withHost { host in
                try require()
                let element = try host.startMultiplexer()
                #expect(try element.ask("interface/add carol mode=0600").contains("1000 Success"))
                #expect(try element.interface("carol")?.hasSuffix("mode 0600 clients 0 declared") == true)
                #expect(try FileStatus(path: element.directory + "/carol").isSocket)
                #expect(try element.ask("interface/add carol").contains("1017"))
                let wrong = try element.ask("interface/add a/b")
                #expect(wrong.contains("1022") && wrong.contains("no blanks"))
                #expect(try element.ask("interface/del dave").contains("1002"))
                #expect(try element.ask("interface/del carol").contains("1000 Success"))
                #expect(try names(element).isEmpty)
                #expect(try element.ask("port/showinfo").contains("MULTIPLEXER=true"))
                #expect(try element.ask("port/sethub 0").contains("1095"))
                #expect(try element.ask("vlan/create 5").contains("1095"))
            }
        }

        @Test(
            "command lines that make no sense are refused in one line",
            arguments: [
                ["--uplink", "/tmp/x"], ["--interface", "a"], ["--multiplexer", "--hub"], ["--multiplexer", "-F"],
                ["--multiplexer", "--interface", "a,mode=9"], ["--multiplexer", "--interface", "ctl"],
                ["--multiplexer", "--interface", "a,owner=nobody-of-this-name"],
            ]
        )
        func mistakes(words: [String]) throws {
            try withHost { host in
                try require()
                let program = try host.run([host.etherloom, "switch", "-s", host.path("net")] + words)
                #expect(program.end == .exited(2))
                #expect(program.errorLines.count == 1)
            }
        }
    }
}
