// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import LinuxSystem
import Model
import TestSupport
import Testing

extension Integration {
    /// QEMU as a lab's guest, by translation where need be, with a directory as its root.
    @Suite("Virtual machines of a keeper")
    struct VirtualMachineTests {
        @Test(
            "a machine and a guest of namespaces on one segment; cables and interfaces change while it runs",
            arguments: KeeperTests.users
        )
        func machine(user: HostNamespace.User) throws {
            try Guest.require()
            try require("qemu-system-x86_64", "busybox")
            guard FileManager.default.fileExists(atPath: Guest.files + "/cloud/modules") else {
                try skip("no modules for the kernel: call Scripts/guests")
            }
            try withHost { host in
                let size = try host.check(["stat", "-c", "%s", host.etherloom + "-agent"], as: user)
                guard size != "0\n" else { try skip("no agent: Scripts/agent .build/debug/etherloom-agent") }
                let lab = try KeptLab(host, as: user)
                try lab.ask("fabric", "segment-add", "lan", "kind=switch")
                let script = """
                    mkdir -p "$1/bin" "$1/etc" "$1/root" && cp "$(command -v busybox)" "$1/bin/" && cd "$1" &&
                    for name in sh ip cat echo ping ls; do ln -s busybox "bin/$name"; done; echo old >file
                    """
                let master = lab.directory + "/master"
                try host.check(["sh", "-c", script, "sh", master], as: user)
                var plan = try lab.plan("dave", 0)
                plan.kind = .qemu
                plan.kernel = Guest.files + "/cloud/vmlinuz"
                plan.memory = ByteCount(bytes: 192 << 20)
                plan.root = RootPlan(
                    master: master,
                    upper: "\(lab.directory)/host/dave",
                    mountPoint: "\(lab.directory)/mount/dave"
                )
                try lab.define(plan)
                try lab.define(try lab.plan("carol", 1))
                for name in ["dave", "carol"] {
                    try lab.ask("plug", "\(name):eth0", "lan")
                    try lab.ask("start", name)
                }
                try lab.client.wait("dave", for: .running, milliseconds: 60_000)
                #expect(try lab.run("dave", "ping", "-c", "2", "-w", "20", "10.0.0.2").status == 0)
                // The root is the merged tree.
                #expect(try lab.run("dave", "sh", "-c", "cat /file; echo new >/file").output == "old\n")
                #expect(try host.check(["cat", "\(lab.directory)/mount/dave/file"], as: user) == "new\n")
                #expect(try host.check(["cat", master + "/file"], as: user) == "old\n")
                // Its guest sees the cable.
                let carrier = "/sys/class/net/eth0/carrier"
                try lab.ask("unplug", "dave:eth0")
                try wait(for: "no carrier", seconds: 10) { try lab.run("dave", "cat", carrier).output == "0\n" }
                try lab.ask("plug", "dave:eth0", "lan")
                try wait(for: "a carrier", seconds: 10) { try lab.run("dave", "cat", carrier).output == "1\n" }
                // It does not notice that its fabric is another one.
                let losses = carrier + "_down_count"
                let before = try lab.run("dave", "cat", losses).output
                let fabric = try lab.processID("fabric")
                kill(fabric, SIGKILL)
                try wait(for: "another fabric", seconds: 10) { (try? lab.processID("fabric")) ?? fabric != fabric }
                #expect(try lab.run("dave", "ping", "-c", "1", "-w", "20", "10.0.0.2").status == 0)
                #expect(try lab.run("dave", "cat", losses).output == before)
                // An interface that nothing is plugged into yet keeps nobody waiting.
                let words = ["interface=eth1", "mac=02:00:00:00:09:01", "address=10.9.0.1/24"]
                try lab.client.request(["interface-add", "dave"] + words, patience: 20_000_000_000)
                #expect(try lab.run("dave", "cat", "/sys/class/net/eth1/carrier").output == "0\n")
                try lab.client.request(["interface-remove", "dave", "eth1"], patience: 20_000_000_000)
                #expect(try lab.run("dave", "ls", "/sys/class/net").output == "eth0\nlo\n")
                try lab.ask("stop", "dave")
                try lab.client.wait("dave", for: .stopped, milliseconds: 20_000)
                #expect(try lab.client.state().guest("dave")?.status?.exitCode == 0)
                try lab.down()
                #expect(!FileManager.default.fileExists(atPath: lab.runtime))
            }
        }
    }
}
