// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TestSupport
import Testing

extension Integration {
    @Suite("Delegation")
    struct Delegating {
        private struct Given {
            let host: HostNamespace
            let filter: RunningFilter

            init(_ host: HostNamespace) throws {
                self.host = host
                let (directory, console) = (host.path("given"), host.path("given-mgmt"))
                filter = try host.startFilter(
                    ["delegate", "u0", directory, "--uid", "7002", "--allow", "10.99.0.7", "-M", console],
                    directory,
                    console
                )
                try wait(for: "bob's directory") {
                    (try? FileStatus(path: directory))?.userID == UInt32(NetworkUser.bob.userID)
                }
            }

            /// The process that serves, the child of the one that was started.
            func worker() throws -> Int32 {
                let text = try host.check(["pgrep", "-P", "\(filter.program.processID)"])
                return try #require(Int32(text.split(separator: "\n").first ?? ""))
            }

            func ping(_ user: NetworkUser, from address: String) throws -> Program {
                let stack = try host.startStack(
                    of: user,
                    filter.directory,
                    ["ping", "-c", "1", "-w", "3", FarHost.farAddress],
                    address: address
                )
                try stack.waitForEnd()
                return stack
            }
        }

        @Test("a device is a user's alone, as far as it was given; who serves it can do nothing else")
        func given() throws {
            try require("ping", "pgrep")
            if geteuid() != 0 { try skip("several users need root") }
            try withFarHost { host, _ in
                let given = try Given(host)
                let own = try given.ping(.bob, from: "10.99.0.7")
                #expect(own.end == .exited(0), "\(own.transcript)")
                #expect(try given.ping(.bob, from: "10.99.0.8").end != .exited(0))
                #expect(try given.filter.denied()["send arp-address"] ?? 0 > 0)
                let other = try given.ping(.mallory, from: "10.99.0.7")
                #expect(
                    other.end != .exited(0) && other.errorOutput.contains("ermission denied"),
                    "\(other.transcript)"
                )
                // Rules are root's to change, not his to whom they apply.
                let widening = try host.run(
                    NetworkUser.bob.entry + [host.etherloom, "term", given.filter.element.console, "filter/set allow"]
                )
                #expect(widening.end != .exited(0) && widening.errorOutput.contains("ermission denied"))
                // Its descriptors stay its own, and it has no privilege left.
                let worker = try given.worker()
                let look = try host.run(NetworkUser.bob.entry + ["ls", "/proc/\(worker)/fd"])
                #expect(look.end != .exited(0) && look.errorOutput.contains("ermission denied"), "\(look.transcript)")
                let status = try host.check(["cat", "/proc/\(worker)/status"])
                #expect(status.contains("Uid:\t7002\t7002\t7002\t7002") && status.contains("CapEff:\t0000000000000000"))
                #expect(status.contains("NoNewPrivs:\t1"))
            }
        }

        @Test("it ends with either process, however that ends, and can be given again")
        func ends() throws {
            try require("ping", "pgrep")
            if geteuid() != 0 { try skip("several users need root") }
            try withFarHost { host, _ in
                let first = try Given(host)
                kill(try first.worker(), SIGKILL)
                try first.filter.program.waitForEnd()
                #expect(access(first.filter.directory, F_OK) != 0)

                let second = try Given(host)
                let worker = try second.worker()
                kill(second.filter.program.processID, SIGKILL)
                try wait(for: "the end of who served") { kill(worker, 0) != 0 }

                let third = try Given(host)
                let own = try third.ping(.bob, from: "10.99.0.7")
                #expect(own.end == .exited(0), "\(own.transcript)")
                try third.filter.program.stop()
                #expect(access(third.filter.directory, F_OK) != 0)
            }
        }

        @Test("a group's members get at it, others do not", arguments: ["tap", "macvtap"])
        func group(kind: String) throws {
            if geteuid() != 0 { try skip("several users need root") }
            try withHost { host in
                let (directory, console) = (host.path("given"), host.path("given-mgmt"))
                var device = "d0"
                if kind == "tap" {
                    try host.check(["ip", "tuntap", "add", "dev", "d0", "mode", "tap"])
                } else {
                    try host.check(["ip", "link", "add", "u0", "type", "veth", "peer", "name", "u1"])
                    try host.check(["ip", "link", "set", "u0", "up"])
                    device = "macvtap://d0/link=u0"
                }
                let given = try host.startFilter(
                    ["delegate", device, directory, "--group", "7100", "--allow", "10.99.0.7", "-M", console],
                    directory,
                    console
                )
                try wait(for: "the group's directory") {
                    (try? FileStatus(path: directory))?.groupID == 7100
                }
                func plug(user: Int, group: Int, as interface: String) throws -> Program {
                    try host.start([
                        "setpriv", "--reuid=\(user)", "--regid=\(group)", "--clear-groups", host.etherloom, "plug",
                        "null://",
                        "\(directory)[\(interface)]",
                    ])
                }
                let member = try plug(user: 7005, group: 7100, as: "one")
                try wait(for: "the member's interface") { try given.ask("interface/list").contains("one") }
                let stranger = try plug(user: 7006, group: 7006, as: "two")
                #expect(try stranger.waitForEnd() == .exited(1))
                #expect(stranger.errorOutput.contains("ermission denied"), "\(stranger.transcript)")
                try member.stop()
                try given.program.stop()
                #expect(access(directory, F_OK) != 0)
                // What it made goes with it; what was there stays.
                #expect(try host.links().contains("d0") == (kind == "tap"))
                if kind == "tap" { try host.check(["ip", "link", "delete", "d0"]) }
                if kind == "macvtap" { try host.check(["ip", "link", "delete", "u0"]) }
            }
        }

        @Test("what serves whoever comes is not given away, in one line that says what to do")
        func senseless() throws {
            if geteuid() != 0 { try skip("several users need root") }
            try withHost { host in
                for url in ["stream://:5000[listen]", "null://|\(host.path("lan"))", "cmd://cat"] {
                    let words = ["delegate", url, host.path("given"), "--uid", "7002"]
                    let attempt = try host.run([host.etherloom] + words)
                    #expect(attempt.end == .exited(2) && attempt.errorLines.count == 1, "\(attempt.transcript)")
                    #expect(attempt.errorOutput.contains("delegate: "))
                    #expect(access(host.path("given"), F_OK) != 0)
                }
            }
        }

        @Test("root makes nothing where somebody else could put a link in its place")
        func unsafePlaces() throws {
            try require("chown")
            if geteuid() != 0 { try skip("several users need root") }
            try withFarHost { host, _ in
                let (own, link) = (host.data("bobs"), host.data("link"))
                try host.check(["mkdir", own])
                try host.check(["chown", "7002", own])
                try host.check(["ln", "-s", "/etc", link])
                for (directory, reason) in [(own + "/net", "somebody else than root"), (link, "Not a directory")] {
                    let attempt = try host.run([host.etherloom, "delegate", "u0", directory, "--uid", "7002"])
                    #expect(attempt.end != .exited(0) && attempt.errorOutput.contains(reason), "\(attempt.transcript)")
                }
                #expect(try FileStatus(path: "/etc").userID == 0)
                for words in [["--uid", "root"], ["--uid", "7002", "--group", "7002"], []] {
                    let attempt = try host.run([host.etherloom, "delegate", "u0", host.path("x")] + words)
                    #expect(attempt.end == .exited(2) && attempt.errorLines.count == 1, "\(attempt.transcript)")
                }
            }
        }
    }
}
