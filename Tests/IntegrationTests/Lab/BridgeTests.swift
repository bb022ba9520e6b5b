// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import Model
import TestSupport
import Testing

extension Integration {
    /// Segments that are bridges of the kernel.
    @Suite("Bridge segments")
    struct BridgeTests {
        private static let files = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent(".build/guests").path

        /// What is wanted of a guest of a kind, in the words of a lab file.
        private static func guest(_ kind: String) throws -> String {
            switch kind {
            case "uml":
                let kernel = files + "/uml/linux"
                if !FileManager.default.isReadableFile(atPath: kernel) {
                    try skip("no UML kernel: Scripts/guests fetches one")
                }
                return "kind: uml, kernel: \(kernel), memory: 64M"
            case "qemu":
                let kernel = files + "/cloud/vmlinuz"
                if !FileManager.default.isReadableFile(atPath: kernel) {
                    try skip("no kernel for QEMU: Scripts/guests fetches one")
                }
                try require("qemu-system-x86_64")
                return "kind: qemu, kernel: \(kernel), memory: 192M"
            default: return "kind: process"
            }
        }

        private func withLab(_ file: String, _ user: HostNamespace.User, _ body: (RunningLab) throws -> Void) throws {
            try require("ping", "busybox", "tcpdump")
            try withHost { host in
                let lab = try RunningLab(host, as: user, file)
                if file.contains("kernel:") {
                    try host.check(
                        [host.etherloom, "master", "create", "--busybox", lab.directory + "/master"],
                        as: user
                    )
                }
                try body(lab)
                try lab.end()
            }
        }

        /// Devices on a bridge of the lab's own network namespace.
        private func devices(_ lab: RunningLab, _ bridge: String) throws -> String {
            let holder = try lab.keeper().request(["hello"]).value("holder") ?? ""
            return try lab.host.run([
                "nsenter", "--user=/proc/\(holder)/ns/user", "--preserve-credentials", "--net=/proc/\(holder)/ns/net",
                "ip", "-d", "link", "show", "master", bridge,
            ]).output
        }

        private func losses(_ lab: RunningLab, _ guest: String) throws -> Int {
            let text = try lab.check("exec", guest, "cat", "/sys/class/net/eth0/carrier_down_count")
            return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
        }

        /// Until the guest has seen what happened to its cable.
        private func ping(_ lab: RunningLab, _ guest: String, _ address: String) throws {
            try wait(for: "\(guest) to reach \(address)", seconds: 20) {
                try lab.run(["exec", guest, "ping", "-c", "1", "-W", "1", address]).end == .exited(0)
            }
        }

        /// A request and its answer, as they pass a device on the bridge, or the bridge.
        private func expectCapture(_ lab: RunningLab, _ place: String) throws {
            let file = lab.directory + "/capture.pcapng"
            let words = "capture \(place) --filter icmp --count 2 -w \(file) --duration 20"
            let capture = try lab.host.start(
                ["sh", "-c", "cd \(lab.directory) && exec \(lab.host.etherloom) \(words)"],
                as: lab.user
            )
            try wait(for: "a capture of \(place)", seconds: 20) {
                _ = try lab.run(["exec", "carol", "ping", "-c", "1", "-W", "1", "10.1.0.1"])
                return capture.poll() != nil
            }
            #expect(capture.errorOutput.contains("2 frames captured"), "\(capture.transcript)")
            let packets = try lab.host.run(["tcpdump", "-n", "-r", file], as: lab.user).output
            #expect(packets.contains("10.1.0.3 > 10.1.0.1: ICMP echo request"), "\(packets)")
            #expect(packets.contains("10.1.0.1 > 10.1.0.3: ICMP echo reply"), "\(packets)")
            try lab.host.check(["rm", file], as: lab.user)
        }

        @Test(
            "guests of each kind on a bridge, moved to a switch and back while they run",
            arguments: ["process", "uml", "qemu"]
        )
        func moves(kind: String) throws {
            let file = """
                guests:
                  alice: {\(try Self.guest(kind)), interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}}
                  bartholomew: {\(try Self.guest(kind)), interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}}}
                  carol: {interfaces: {eth0: {segment: lan, address: 10.1.0.3/24}}}
                segments: {lan: {kind: bridge}, dmz: {kind: bridge}, wan: {}}
                """
            try withLab(file, .ordinary) { lab in
                try lab.check("up")
                try ping(lab, "carol", "10.1.0.1")
                try ping(lab, "carol", "10.1.0.2")
                let there = try devices(lab, "lan")
                #expect(there.contains(" alice-eth0") && there.contains("altname bartholomew-eth0"), "\(there)")
                #expect(try lab.json("segment", "ls", "--format", "json").list?[0]["members"]?.texts?.count == 3)
                for place in ["alice:eth0", "carol:eth0", "@lan"] { try expectCapture(lab, place) }
                let before = try losses(lab, "alice")
                // To another bridge, to a switch, and back; each time the guest sees its cable pulled.
                for segment in ["dmz", "wan", "lan"] {
                    try lab.check("link", "move", "alice:eth0", segment, "--down-for", "0")
                    if segment != "lan" {
                        #expect(
                            try lab.run(["exec", "carol", "ping", "-c", "1", "-W", "1", "10.1.0.1"]).end == .exited(1)
                        )
                        #expect(try !devices(lab, "lan").contains("alice-eth0"))
                        try lab.check("link", "move", "carol:eth0", segment, "--down-for", "0")
                    } else {
                        try lab.check("link", "move", "carol:eth0", segment, "--down-for", "0")
                        #expect(try devices(lab, "lan").contains("alice-eth0"))
                    }
                    try ping(lab, "carol", "10.1.0.1")
                }
                // A pair that is moved to a switch is another device; that of a machine is the same all the time.
                if kind != "process" { #expect(try losses(lab, "alice") >= before + 3) }
                try lab.check("link", "down", "alice:eth0")
                try wait(for: "no carrier", seconds: 10) {
                    try lab.check("exec", "alice", "cat", "/sys/class/net/eth0/carrier") == "0\n"
                }
                try lab.check("link", "up", "alice:eth0")
                try ping(lab, "alice", "10.1.0.2")
                // What the fabric can do, it does on the way to a bridge, too.
                try lab.check("link", "impair", "alice:eth0", "loss=100")
                #expect(try lab.run(["exec", "carol", "ping", "-c", "2", "-W", "1", "10.1.0.1"]).end == .exited(1))
                try lab.check("link", "impair", "alice:eth0", "clear")
                try ping(lab, "carol", "10.1.0.1")
                let again = try lab.json("up", "--format", "json")
                #expect(again["changes"]?.list?.isEmpty == true, "\(again)")
                try lab.check("guest", "stop", "alice")
                try wait(for: "its device to go", seconds: 10) { try !devices(lab, "lan").contains("alice-eth0") }
                try lab.check("guest", "start", "alice")
                try ping(lab, "carol", "10.1.0.1")
            }
        }

        @Test(
            "machines on a bridge when the fabric dies, when the bridge is made anew, when it becomes a switch",
            arguments: ["uml", "qemu"]
        )
        func changes(kind: String) throws {
            func file(_ segment: String) throws -> String {
                """
                guests:
                  alice: {\(try Self.guest(kind)), interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}}
                  carol: {interfaces: {eth0: {segment: lan, address: 10.1.0.3/24}}}
                segments: {lan: {\(segment)}}
                """
            }
            try withLab(try file("kind: bridge"), .ordinary) { lab in
                try lab.check("up")
                let process = try lab.json("inspect", "alice")["pid"]
                try ping(lab, "carol", "10.1.0.1")
                for segment in ["kind: bridge, mtu: 1400", "mtu: 1400", "kind: bridge"] {
                    try lab.write(try file(segment))
                    try lab.check("up")
                    try ping(lab, "carol", "10.1.0.1")
                    let again = try lab.json("up", "--format", "json")
                    #expect(again["changes"]?.list?.isEmpty == true, "\(again)")
                }
                #expect(try lab.json("inspect", "alice:eth0")["showsCarrier"]?.flag == true)
                let hello = try lab.keeper().request(["hello"])
                kill(try #require(hello.value("fabric").flatMap { Int32($0) }), SIGKILL)
                try ping(lab, "carol", "10.1.0.1")
                #expect(try devices(lab, "lan").contains(" alice-eth0"))
                #expect(try lab.json("inspect", "alice:eth0")["showsCarrier"]?.flag == true)
                // A UML kernel that runs takes no interface but one that shows it a carrier always.
                try lab.check("interface", "add", "alice:eth1", "segment=lan", "address=10.1.1.1/24")
                #expect(try lab.json("inspect", "alice:eth1")["showsCarrier"]?.flag == (kind != "uml"))
                #expect(try lab.check("interface", "ls").contains("up (not shown)") == (kind == "uml"))
                try lab.check("network", "carol", "addr", "add", "10.1.1.3/24", "dev", "eth0")
                try ping(lab, "carol", "10.1.1.1")
                #expect(try devices(lab, "lan").contains(" alice-eth1"))
                #expect(try lab.json("inspect", "alice")["pid"] == process)
            }
        }

        @Test("addresses and routes of a process guest are as they were after a move to a switch")
        func routes() throws {
            let file = """
                guests:
                  alice:
                    interfaces:
                      eth0: {segment: lan, address: 10.1.0.1/24, via: 10.1.0.9}
                      eth1: {segment: wan, address: 10.2.0.1/24, via: 10.2.0.9}
                    routes: ["10.7.0.0/16 via 10.1.0.7"]
                segments: {lan: {kind: bridge}, wan: {}}
                """
            try withLab(file, .ordinary) { lab in
                // The kernel's own of IPv6 come a moment later.
                func routes() throws -> [String] {
                    try lab.check("network", "alice", "route").split(separator: "\n").map(String.init).sorted()
                        .filter { !$0.hasPrefix("fe80") }
                }
                try lab.check("up")
                let before = try routes()
                #expect(before.contains("10.7.0.0/16 via 10.1.0.7 dev eth0"))
                for segment in ["wan", "lan"] {
                    try lab.check("link", "move", "alice:eth0", segment, "--down-for", "0")
                    let after = try routes()
                    #expect(after == before)
                    #expect(try lab.check("exec", "alice", "cat", "/sys/class/net/eth0/carrier") == "1\n")
                }
            }
        }

        @Test("a bridge of the host: one that is there is joined and stays, another one is made and removed")
        func hosts() throws {
            let file = """
                guests:
                  alice: {\(try Self.guest("uml")), interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}}
                  bob: {interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}}}
                  carol: {interfaces: {eth0: {segment: own, address: 10.1.0.3/24}}}
                segments:
                  lan: {kind: bridge, host: el-there}
                  wan: {kind: bridge, host: el-made}
                  own: {kind: bridge}
                """
            try withLab(file, .runner) { lab in
                if !lab.host.isRoot { try skip("only root may change a host's network") }
                func links() throws -> String { try lab.host.check(["ip", "link"], as: .runner) }
                let script = """
                    ip link add el-there type bridge && ip address add 10.1.0.9/24 dev el-there && ip link set el-there up
                    """
                try lab.host.check(["sh", "-c", script], as: .runner)
                try lab.check("up")
                for address in ["10.1.0.1", "10.1.0.2"] {
                    try lab.host.check(["ping", "-c", "1", "-w", "10", address], as: .runner)
                }
                try ping(lab, "bob", "10.1.0.1")
                let up = try links()
                for name in ["alice-eth0", "bob-eth0", "el-made"] { #expect(up.contains(" \(name)"), "\(up)") }
                try lab.check("link", "move", "bob:eth0", "wan", "--down-for", "0")
                try lab.check("link", "move", "alice:eth0", "wan", "--down-for", "0")
                try ping(lab, "bob", "10.1.0.1")
                // Between the host's and the lab's own a pair is made anew; a cable joins the two.
                try lab.check("link", "move", "bob:eth0", "own", "--down-for", "0")
                try ping(lab, "bob", "10.1.0.3")
                #expect(try !links().contains("bob-eth0"))
                #expect(try lab.run(["exec", "bob", "ping", "-c", "1", "-W", "1", "10.1.0.1"]).end == .exited(1))
                try lab.check("link", "add", "wan", "own")
                try ping(lab, "bob", "10.1.0.1")
                #expect(try links().contains(" wan-fabric"))
                try lab.check("link", "move", "bob:eth0", "wan", "--down-for", "0")
                try ping(lab, "carol", "10.1.0.2")
                // A keeper that is killed leaves a bridge of its own, and whoever is next removes it.
                let hello = try lab.keeper().request(["hello"])
                kill(try #require(hello.value("pid").flatMap { Int32($0) }), SIGKILL)
                try wait(for: "the end of what the keeper had", seconds: 10) {
                    try !links().contains("-eth0") && !links().contains("wan-fabric")
                }
                try lab.endDaemon()
                #expect(try links().contains(" el-made"))
                try lab.check("doctor", "--fix")
                #expect(try !links().contains(" el-made"))
                try lab.check("up")
                try ping(lab, "bob", "10.1.0.1")
                try lab.check("down", "--grace", "3")
                let after = try links()
                for name in ["alice-eth0", "bob-eth0", "el-made", "wan-fabric"] {
                    #expect(!after.contains(" \(name)"), "\(after)")
                }
                #expect(after.contains(" el-there"))
                try lab.host.check(["ip", "link", "delete", "el-there"], as: .runner)
            }
        }

        @Test("a bridge of the host is not for everybody, and that is said")
        func refused() throws {
            try withLab("segments: {lan: {kind: bridge, host: br0}}", .ordinary) { lab in
                let up = try lab.run(["up"])
                #expect(up.end == .exited(4), "\(up.transcript)")
                #expect(up.errorOutput.contains("bridge lan: this user may not change the host's network"))
                #expect(up.errorLines.count == 1)
            }
        }
    }
}

extension RunningLab {
    /// The keeper of the one lab that runs.
    func keeper() throws -> KeeperClient {
        let names = try FileManager.default.contentsOfDirectory(atPath: runtime)
        guard let name = names.first(where: { FileManager.default.fileExists(atPath: "\(runtime)/\($0)/keeper") })
        else {
            throw IntegrationFailure("no keeper in \(runtime): \(names)")
        }
        return try KeeperClient(runtimeDirectory: "\(runtime)/\(name)")
    }
}
