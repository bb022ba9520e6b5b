// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite("The directory of a switch")
    struct SwitchDirectories {
        @Test("what a killed switch has left is taken over, its clients' sockets too", arguments: [true, false])
        func takeOver(ours: Bool) throws {
            try require("vde_plug", "vde_switch")
            try withHost { host in
                let killed = ours ? try host.startSwitch() : try host.startVDESwitch()
                let clients = try (1...2).map { _ in try Plug(host, killed.directory) }
                try killed.waitForEndpoints(2)
                try killed.program.stop(SIGKILL)
                for client in clients { try client.program.waitForEnd() }
                #expect(try host.check(["ls", killed.directory]).contains("001."))

                let next = try host.startSwitch()
                let (one, other) = (try Plug(host, next.directory), try Plug(host, next.directory))
                try next.waitForEndpoints(2)
                let greeting = frame(to: everybody, from: station(1))
                try one.send(greeting)
                try other.wait(for: greeting)
            }
        }

        @Test("a second switch on a live directory is refused in one line; the first goes on")
        func refusedWhileAlive() throws {
            try require()
            try withHost { host in
                let first = try host.startSwitch()
                for command in [[host.etherloom, "switch", "--no-stdin"], [host.compatible("vde_switch"), "-d"]] {
                    let second = try host.run(command + ["-s", first.directory])
                    #expect(second.end == .exited(1))
                    #expect(second.errorLines.count == 1)
                    #expect(second.errorOutput.contains("\(first.directory): another switch is running there"))
                }
                #expect(try first.ask("showinfo").contains("1000 Success"))
            }
        }

        @Test("a second console on a live one's socket is refused, and the switch with it")
        func consoleInUse() throws {
            try require()
            try withHost { host in
                let first = try host.startSwitch()
                let second = try host.run(
                    [host.etherloom, "switch", "--no-stdin", "-s", host.path("other"), "-M", first.console])
                #expect(second.end == .exited(1))
                #expect(second.errorLines.count == 1)
                #expect(second.errorOutput.contains(first.console))
                #expect(try first.ask("showinfo").contains("1000 Success"))
            }
        }

        @Test("somebody else's directory, or a link of his to one of ours, is refused in one line and stays as it is")
        func foreign() throws {
            try require()
            try withHost { host in
                guard host.isRoot else { try skip("only root can give a directory away") }
                let (his, ours) = (host.data("his"), host.data("ours"))
                try host.check(["mkdir", "-m", "0711", his, ours])
                try host.check(["chown", "12345", his])
                let link = host.data("link")
                try host.check(["ln", "-s", ours, link])
                try host.check(["chown", "-h", "12345", link])
                let mine = host.data("mine")
                try host.check(["mkdir", mine])
                try host.check(["chown", "54321", mine])
                let switches = [
                    ([host.etherloom, "switch", "--no-stdin"], his, HostNamespace.User.runner),
                    ([host.compatible("vde_switch"), "-d"], his, .runner),
                    ([host.etherloom, "switch", "--no-stdin"], his, .ordinary),
                    ([host.etherloom, "switch", "--no-stdin"], link, .runner),
                    ([host.etherloom, "switch", "--no-stdin"], mine, .runner),
                ]
                for (command, path, user) in switches {
                    let program = try host.run(command + ["-s", path], as: user)
                    #expect(program.end == .exited(1))
                    #expect(program.errorLines.count == 1)
                    #expect(program.errorOutput.contains("\(path): belongs to user "), "\(program.errorOutput)")
                }
                #expect(try host.check(["stat", "-c", "%a", his, ours]) == "711\n711\n")
                // His own is his.
                let element = try host.start(
                    [host.etherloom, "switch", "--no-stdin", "-s", mine],
                    as: .ordinary
                )
                try host.waitUntilListening(mine + "/ctl", element)
            }
        }

        @Test("a file in the way and a path that is too long are refused, and nothing is made")
        func wrongPaths() throws {
            try require()
            try withHost { host in
                let file = try host.write("precious", data: "file")
                for path in [file, host.path(String(repeating: "x", count: 90))] {
                    let program = try host.run([host.etherloom, "switch", "--no-stdin", "-s", path])
                    #expect(program.end == .exited(1))
                    #expect(program.errorLines.count == 1)
                    #expect(program.errorOutput.contains(path))
                }
                #expect(try host.check(["cat", file]) == "precious")
            }
        }
    }
}
