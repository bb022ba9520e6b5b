// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// What a virtual machine has on its disk is kept, saved and deleted as other guests' files are.
    @Suite("Disks of a lab's machines")
    struct MachineFiles {
        @Test("a machine's disk and memory are in snapshots and forks, and go with the guest")
        func disk() throws {
            try Guest.require()
            try require("qemu-system-x86_64", "qemu-img", "busybox", "mkfs.ext4")
            guard FileManager.default.fileExists(atPath: Guest.files + "/cloud/modules") else {
                try skip("no modules for the kernel: call Scripts/guests")
            }
            var options = HostNamespace.Options()
            options.lifetimeSeconds = 600
            try withHost(options) { host in
                let file = """
                    guests:
                      dave: {kind: qemu, kernel: \(Guest.files)/cloud/vmlinuz, image: disk.img, memory: 192M}
                      carol: {}
                    """
                let lab = try RunningLab(host, as: .ordinary, file)
                try lab.makeMaster()
                try lab.shell("cd \(lab.directory); mkfs.ext4 -q -d master disk.img 16M")
                func check(_ lab: RunningLab, _ words: [String]) throws -> String {
                    let program = try lab.run(words, seconds: 150)
                    guard program.end == .exited(0) else { throw IntegrationFailure("\(words): \(program.transcript)") }
                    return program.output
                }
                _ = try check(lab, ["up"])
                func run(_ lab: RunningLab, _ line: String) throws -> String {
                    try check(lab, ["exec", "dave", "--", "sh", "-c", line])
                }
                _ = try run(
                    lab,
                    "mkdir -p /tmp; mount -t tmpfs none /tmp; echo memory >/tmp/memory; echo one >/srv/text; sync"
                )
                try lab.check("exec", "carol", "--", "sh", "-c", "echo one >/srv/text")
                _ = try check(lab, ["snapshot", "save", "first"])
                let snapshots = try lab.json("snapshot", "ls", "--format", "json").list ?? []
                #expect(snapshots.first?["name"]?.text == "first")
                _ = try run(lab, "echo two >/srv/text; rm /tmp/memory; sync")
                _ = try check(lab, ["snapshot", "restore", "first"])
                #expect(try run(lab, "cat /srv/text /tmp/memory") == "one\nmemory\n")

                // A fork has both, and the disk is its own.
                _ = try check(lab, ["fork", "copy", host.data("copy")])
                let copy = RunningLab(host, as: .ordinary, at: host.data("copy"))
                #expect(try run(copy, "cat /srv/text /tmp/memory; echo forked >/srv/text; sync") == "one\nmemory\n")
                #expect(try run(lab, "cat /srv/text") == "one\n")
                _ = try check(copy, ["down", "--grace", "5"])

                // One that is stopped is saved and brought back by its disk.
                _ = try check(lab, ["guest", "stop", "dave"])
                _ = try check(lab, ["snapshot", "save", "second"])
                _ = try check(lab, ["guest", "start", "dave"])
                _ = try run(lab, "echo three >/srv/text; sync")
                _ = try check(lab, ["guest", "kill", "dave"])
                _ = try check(lab, ["snapshot", "restore", "second"])
                _ = try check(lab, ["guest", "start", "dave"])
                #expect(try run(lab, "cat /srv/text") == "one\n")

                try lab.check("guest", "delete", "--files", "dave")
                #expect(!FileManager.default.fileExists(atPath: lab.directory + "/host/dave"))
                #expect(FileManager.default.fileExists(atPath: lab.directory + "/disk.img"))
                try lab.end()
                try host.expectNothingLeft()
            }
        }
    }
}
