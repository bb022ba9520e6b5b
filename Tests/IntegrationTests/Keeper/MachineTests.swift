// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import LinuxSystem
import Model
import TestSupport
import Testing

extension Integration {
    /// User Mode Linux as a lab's guest: kernels that Scripts/guests fetched, on a root of busybox.
    @Suite("UML guests of a keeper")
    struct MachineTests {
        private static let kernel: String? = {
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
            let path = root.appendingPathComponent(".build/guests/uml/linux").path
            return FileManager.default.isReadableFile(atPath: path) ? path : nil
        }()

        private func makeMaster(_ lab: KeptLab) throws -> String {
            let master = lab.directory + "/master"
            let script = """
                mkdir -p "$1/bin" "$1/etc" "$1/root" "$1/srv" && cp "$(command -v busybox)" "$1/bin/" && cd "$1" &&
                for name in sh ip cat echo id ping ls chown rm touch hostname sleep; do ln -s busybox "bin/$name"; done
                echo 'root:x:0:0:root:/root:/bin/sh' >etc/passwd; echo old >srv/file
                """
            try lab.host.check(["sh", "-c", script, "sh", master], as: lab.user)
            return master
        }

        private func define(_ lab: KeptLab, _ name: String, _ number: Int, master: String) throws {
            var plan = try lab.plan(name, number)
            plan.kind = .uml
            plan.kernel = Self.kernel
            plan.memory = ByteCount(bytes: 64 << 20)
            plan.root = RootPlan(
                master: master,
                upper: "\(lab.directory)/host/\(name)",
                mountPoint: "\(lab.directory)/mount/\(name)"
            )
            try lab.define(plan)
            try lab.ask("plug", "\(name):eth0", "lan")
        }

        @Test("two UML guests and one of namespaces on one segment", arguments: KeeperTests.users)
        func mixed(user: HostNamespace.User) throws {
            guard Self.kernel != nil else { try skip("no UML kernel: Scripts/guests fetches one") }
            try require("busybox", "ping")
            try withHost { host in
                let size = try host.check(["stat", "-c", "%s", host.etherloom + "-agent"], as: user)
                guard size != "0\n" else { try skip("no agent: Scripts/agent .build/debug/etherloom-agent") }
                let lab = try KeptLab(host, as: user)
                try lab.ask("fabric", "segment-add", "lan", "kind=switch")
                let master = try makeMaster(lab)
                for (number, name) in ["alice", "bob"].enumerated() {
                    try define(lab, name, number, master: master)
                }
                try lab.define(try lab.plan("carol", 2))
                try lab.ask("plug", "carol:eth0", "lan")
                for name in ["alice", "bob", "carol"] { try lab.ask("start", name) }
                for name in ["alice", "bob", "carol"] { try lab.client.wait(name, for: .running, milliseconds: 30_000) }
                // busybox's ping has no -n.
                for (from, to) in [("alice", "10.0.0.2"), ("bob", "10.0.0.3")] {
                    #expect(try lab.run(from, "ping", "-c", "3", "-w", "10", to).status == 0, "\(from) to \(to)")
                }
                try lab.ping("carol", "10.0.0.1")
                #expect(try lab.run("alice", GuestCommand(["cat"]), input: "words\n").output == "words\n")
                // What is done inside is seen outside, and the reverse; the master stays as it was.
                #expect(try lab.run("alice", "sh", "-c", "rm /srv/file && echo new >/srv/other").status == 0)
                #expect(try lab.host.check(["ls", "\(lab.directory)/mount/alice/srv"], as: user) == "other\n")
                try lab.host.check(["sh", "-c", "echo outside >\(lab.directory)/mount/alice/srv/third"], as: user)
                #expect(try lab.run("alice", "cat", "/srv/third").output == "outside\n")
                #expect(try lab.run("bob", "cat", "/srv/file").output == "old\n")
                // A link that is moved; the guest sees the carrier go.
                try lab.ask("fabric", "segment-add", "wan", "kind=switch")
                try lab.ask("unplug", "bob:eth0")
                let carrier = "/sys/class/net/eth0/carrier"
                try wait(for: "no carrier", seconds: 5) { try lab.run("bob", "cat", carrier).output == "0\n" }
                try lab.ask("plug", "bob:eth0", "wan")
                try wait(for: "a carrier", seconds: 5) { try lab.run("bob", "cat", carrier).output == "1\n" }
                // One more interface while it runs.
                let words = ["interface=eth1", "mac=02:00:00:00:09:01", "address=10.9.0.1/24"]
                try lab.client.request(["interface-add", "alice"] + words, patience: 20_000_000_000)
                #expect(try lab.ask("network", "alice", "addr").contains("eth1 inet 10.9.0.1/24 scope global"))
                let interfaces = try lab.client.state().guest("alice")?.interfaces ?? []
                #expect(interfaces.map(\.showsCarrier) == [true, false])
                // Another fabric goes on with the same devices, whose carriers still come and go.
                try lab.ask("interface-remove", "alice", "eth1")
                try lab.ask("plug", "bob:eth0", "lan")
                let fabric = try lab.processID("fabric")
                kill(fabric, SIGKILL)
                try wait(for: "another fabric", seconds: 10) { (try? lab.processID("fabric")) ?? fabric != fabric }
                try wait(for: "alice to reach bob", seconds: 20) {
                    try lab.run("alice", "ping", "-c", "1", "-w", "1", "10.0.0.2").status == 0
                }
                try lab.ping("carol", "10.0.0.1")
                let kept = try lab.client.state().guest("alice")?.interfaces ?? []
                #expect(kept.map(\.showsCarrier) == [true])
                try lab.ask("carrier", "bob:eth0", "down")
                try wait(for: "no carrier", seconds: 5) { try lab.run("bob", "cat", carrier).output == "0\n" }
                try lab.ask("carrier", "bob:eth0", "up")
                try wait(for: "a carrier", seconds: 5) { try lab.run("bob", "cat", carrier).output == "1\n" }
                try lab.ask("stop", "alice")
                try lab.client.wait("alice", for: .stopped, milliseconds: 15_000)
                #expect(try lab.client.state().guest("alice")?.status?.exitCode == 0)
                // Its deletions are kept.
                try lab.start("alice")
                #expect(try lab.run("alice", "ls", "/srv").output == "other\nthird\n")
                try lab.down()
                #expect(!FileManager.default.fileExists(atPath: lab.runtime))
            }
        }
    }
}
