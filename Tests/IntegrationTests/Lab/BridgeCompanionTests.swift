// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import Model
import TestSupport
import Testing

extension Integration {
    /// What a bridge of the kernel has from the fabric: gateways, cables, delegations.
    @Suite("Bridge segments with a gateway")
    struct BridgeCompanionTests {
        static let users: [HostNamespace.User] = [.runner, .ordinary]

        private static func file(gateway: Bool, _ more: String = "") -> String {
            """
            guests:
              alice: {interfaces: {eth0: {segment: lan, address: 10.1.0.1/24, via: 10.1.0.254}}}
              bob: {interfaces: {eth0: {segment: lan, address: 10.1.0.2/24, via: 10.1.0.254}}}
            segments: {lan: {kind: bridge}\(more)}
            """ + (gateway ? "\n" + gate : "")
        }

        private static let gate = """
            gateways:
              gate: {segment: lan, address: 10.1.0.254/24, dhcp: false, forward: "127.0.0.1:8080:bob:80"}
            """

        private func withLab(
            _ user: HostNamespace.User,
            _ file: String,
            _ body: (RunningLab) throws -> Void
        ) throws {
            try RunningLab.withLab(file, as: user, needs: ["ping", "python3"], body)
        }

        /// What `up` has done.
        private func changes(_ lab: RunningLab) throws -> [String] {
            try #require(lab.json("up", "--format", "json")["changes"]?.texts)
        }

        private func expectNoChange(_ lab: RunningLab) throws {
            let changes = try changes(lab)
            #expect(changes == [])
        }

        private static func fetch(_ address: String) -> [String] {
            let program = "import urllib.request as u; u.urlopen('http://\(address)/', timeout=2).read()"
            return ["python3", "-c", program]
        }

        private static func server(_ address: String, _ port: Int) -> [String] {
            ["python3", "-m", "http.server", "--bind", address, "--directory", "/etc/skel", "\(port)"]
        }

        /// From a guest to a server of the host, by the gateway.
        private func expectWayOut(_ lab: RunningLab, _ guest: String) throws {
            try wait(for: "a way from \(guest) to the host's server", seconds: 20) {
                try lab.run(["exec", guest] + Self.fetch("192.168.0.100:9000")).end == .exited(0)
            }
        }

        /// From the host to a guest's server, by the forward.
        private func expectWayIn(_ lab: RunningLab, _ port: Int) throws {
            try wait(for: "a way in by port \(port)", seconds: 20) {
                try lab.host.run(Self.fetch("127.0.0.1:\(port)"), as: lab.user).end == .exited(0)
            }
        }

        private func device(_ lab: RunningLab) throws -> Bool {
            let holder = try lab.keeper().request(["hello"]).value("holder") ?? ""
            return try lab.host.run([
                "nsenter", "--user=/proc/\(holder)/ns/user", "--preserve-credentials", "--net=/proc/\(holder)/ns/net",
                "ip", "link", "show", "lan-fabric",
            ]).end == .exited(0)
        }

        @Test("guests reach an address outside, a forward reaches a guest, come what may", arguments: users)
        func gateway(user: HostNamespace.User) throws {
            try withLab(user, Self.file(gateway: false)) { lab in
                let server = try lab.host.start(Self.server("192.168.0.100", 9000))
                try lab.check("up")
                #expect(try !device(lab))
                let inside = try lab.start(["exec", "bob"] + Self.server("0.0.0.0", 80))
                try lab.ping("alice", "10.1.0.2")
                let ping = try lab.start(["exec", "alice", "ping", "-q", "-i", "0.01", "-w", "600", "10.1.0.2"])
                try lab.write(Self.file(gateway: true))
                let up = try changes(lab)
                for line in ["+ companion lan tap to the fabric", "+ gateway gate on lan"] {
                    #expect(up.contains(line), "\(up)")
                }
                for guest in ["alice", "bob"] { try expectWayOut(lab, guest) }
                try expectWayIn(lab, 8080)
                #expect(try device(lab))
                try expectNoChange(lab)
                // It is nothing that its users have made, and shows as what they have.
                let segments = try lab.json("segment", "ls", "--format", "json")
                #expect(segments.list?.compactMap { $0["name"]?.text } == ["lan"])
                #expect(segments.list?[0]["members"]?.texts?.count == 2)
                #expect(try lab.json("inspect", "gate")["segment"]?.text == "lan")
                for verb in ["graph", "save"] { #expect(try !lab.check(verb).contains("::"), "\(verb)") }
                try lab.check("forward", "add", "127.0.0.1:8081:bob:80")
                try expectWayIn(lab, 8081)
                try lab.check("forward", "remove", "127.0.0.1:8081:bob:80")
                let gone = try lab.host.run(Self.fetch("127.0.0.1:8081"), as: lab.user)
                #expect(gone.end == .exited(1), "\(gone.transcript)")
                // The fabric dies: its tap is on the bridge all the while.
                kill(try #require(lab.keeper().request(["hello"]).value("fabric").flatMap { Int32($0) }), SIGKILL)
                for guest in ["alice", "bob"] { try expectWayOut(lab, guest) }
                try expectWayIn(lab, 8080)
                try lab.endDaemon(SIGKILL)
                try expectNoChange(lab)
                try lab.write(Self.file(gateway: false))
                let down = try changes(lab)
                #expect(down.suffix(2) == ["- gateway gate on lan", "- companion lan tap to the fabric"])
                #expect(try !device(lab))
                #expect(try lab.run(["exec", "alice"] + Self.fetch("192.168.0.100:9000")).end == .exited(1))
                try expectNoChange(lab)
                // All the while the guests have not lost a frame.
                try lab.check("exec", "alice", "pkill", "-INT", "ping")
                try ping.waitForEnd()
                #expect(ping.output.contains(" 0% packet loss"), "\(ping.transcript)")
                // With the keeper everything goes; what is begun then is as before.
                try lab.write(Self.file(gateway: true))
                try lab.check("up")
                kill(try #require(lab.keeper().request(["hello"]).value("pid").flatMap { Int32($0) }), SIGKILL)
                try inside.waitForEnd()
                try wait(for: "the lab to come up", seconds: 30) { try lab.run(["up"]).end == .exited(0) }
                try expectWayOut(lab, "alice")
                try lab.check("down", "--grace", "3")
                try server.stop()
            }
        }

        @Test("the bridge is made anew below a gateway, becomes a switch and a bridge again")
        func renewed() throws {
            try withLab(.ordinary, Self.file(gateway: true)) { lab in
                let server = try lab.host.start(Self.server("192.168.0.100", 9000))
                try lab.check("up")
                for kind in ["kind: bridge, mtu: 1400", "mtu: 1400", "kind: hub", "kind: bridge"] {
                    try lab.write(Self.file(gateway: true).replacing("kind: bridge", with: kind))
                    try lab.check("up")
                    try expectWayOut(lab, "alice")
                    try lab.ping("alice", "10.1.0.2")
                    try expectNoChange(lab)
                }
                try server.stop()
            }
        }

        @Test("a cable joins a bridge with a switch, and with another bridge; a bridge with a cable can be joined")
        func cables() throws {
            func file(_ links: String) -> String {
                """
                guests:
                  alice: {interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}}
                  bob: {interfaces: {eth0: {segment: wan, address: 10.1.0.2/24}}}
                  carol: {interfaces: {eth0: {segment: dmz, address: 10.1.0.3/24}}}
                segments: {lan: {kind: bridge}, dmz: {kind: bridge}, wan: {}}
                links: [\(links)]
                """
            }
            func directory(_ lab: RunningLab) throws -> String? {
                let segments = try lab.json("segment", "ls", "--format", "json").list
                return segments?.first { $0["name"]?.text == "lan" }?["directory"]?.text
            }
            try withLab(.ordinary, file("lan -- wan")) { lab in
                try lab.check("up")
                try lab.ping("alice", "10.1.0.2")
                let place = try #require(try directory(lab))
                #expect(FileManager.default.fileExists(atPath: place + "/ctl"))
                #expect(try lab.run(["exec", "alice", "ping", "-c", "1", "-W", "1", "10.1.0.3"]).end == .exited(1))
                try lab.check("link", "add", "lan", "dmz")
                try lab.ping("bob", "10.1.0.3")
                try lab.write(file("{ends: [lan, wan], impair: {loss: 100%}}, lan -- dmz"))
                try lab.check("up")
                #expect(try lab.run(["exec", "alice", "ping", "-c", "1", "-W", "1", "10.1.0.2"]).end == .exited(1))
                try lab.ping("alice", "10.1.0.3")
                try lab.write(file(""))
                try lab.check("up")
                #expect(try lab.run(["exec", "alice", "ping", "-c", "1", "-W", "1", "10.1.0.3"]).end == .exited(1))
                #expect(try directory(lab) == nil)
                #expect(!FileManager.default.fileExists(atPath: place))
                try expectNoChange(lab)
            }
        }

        @Test("what a bridge cannot have is refused, in one line that says what can")
        func refused() throws {
            let cases = [
                ("segments: {lan: {kind: bridge, spanning-tree: true}}", "no spanning tree; say kind: switch"),
                ("segments: {lan: {kind: bridge, send: ip}}", "no rules for all; say kind: switch"),
                (
                    "segments: {lan: {kind: bridge, host: br0}}\ngateways: {gate: {segment: lan}}",
                    "the bridge br0 of the host: it would serve all who are there"
                ),
            ]
            for (file, hint) in cases {
                try withHost { host in
                    let lab = try RunningLab(host, as: .ordinary, file)
                    let up = try lab.run(["up"])
                    #expect(up.end == .exited(2), "\(up.transcript)")
                    #expect(up.errorOutput.contains(hint), "\(up.transcript)")
                    #expect(up.errorLines.count == 1)
                    try lab.endDaemon()
                }
            }
        }
    }
}
