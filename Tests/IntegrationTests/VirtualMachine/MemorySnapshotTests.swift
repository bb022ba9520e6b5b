// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Snapshots of labs whose guests have a memory to save, and disks.
    @Suite("Snapshots of machines")
    struct MemorySnapshotTests {
        private static let file = """
            guests:
              dave:
                kind: qemu
                kernel: \(MachineLab.kernel)
                image: disk.img
                memory: 128M
                interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}
              carol:
                interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}}
            segments: {lan: {}}
            """

        /// Counts in the memory of a process, and nowhere else: it tells when it is asked by a signal.
        private static let counter = """
            n=0; trap 'echo $n >/tmp/count' USR1; echo $$ >/tmp/counter
            while :; do n=$((n+1)); sleep 0.05; done
            """

        private func count(_ lab: RunningLab) throws -> Int {
            let line = """
                rm -f /tmp/count; kill -USR1 $(cat /tmp/counter)
                while [ ! -s /tmp/count ]; do sleep 0.02; done; cat /tmp/count
                """
            let text = try MachineLab.run(lab, "dave", line)
            return try #require(Int(text.split(separator: "\n").last ?? ""))
        }

        @Test("a running machine's counter goes on where it was saved; its disk is as it was; its connections last")
        func memory() throws {
            try MachineLab.require()
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, Self.file)
                try MachineLab.makeImage(lab)
                try MachineLab.makeMaster(lab)
                try lab.check("up")
                let script = try host.write(Self.counter, data: "counter.sh")
                try lab.check("cp", script, "dave:/tmp/counter.sh")
                try MachineLab.run(lab, "dave", "sh /tmp/counter.sh </dev/null >/dev/null 2>&1 & true")
                try wait(for: "a count") { try count(lab) > 20 }
                try MachineLab.run(lab, "dave", "echo before >/disk; sync")
                try MachineLab.run(lab, "carol", "echo before >/etc/word")
                try lab.check("snapshot", "save", "first")
                let saved = try count(lab)
                // It has gone on, and its interface is there again.
                try wait(for: "it to count on") { try count(lab) > saved + 20 }
                try wait(for: "its interface", seconds: 20) {
                    try lab.run(["exec", "carol", "ping", "-c", "1", "-W", "1", "10.1.0.1"]).end == .exited(0)
                }
                try MachineLab.run(lab, "dave", "echo after >/disk; sync")
                try MachineLab.run(lab, "carol", "echo after >/etc/word")
                let last = try count(lab)
                // Twice under a name is refused, and changes nothing.
                let twice = try lab.run(["snapshot", "save", "first"])
                #expect(twice.end == .exited(1))
                #expect(twice.errorOutput.contains("snapshot first exists"), "\(twice.errorOutput)")

                // All are stopped for it, and started again.
                try lab.check("snapshot", "restore", "first")
                #expect(
                    try lab.json("ps", "--format", "json").list?.map { $0["state"]?.text } == ["running", "running"]
                )
                let restored = try count(lab)
                #expect(restored < last, "it counts \(restored), after \(last)")
                #expect(restored + 200 > saved, "it was at \(saved), and is at \(restored)")
                try wait(for: "it to count on") { try count(lab) > restored + 20 }
                #expect(try MachineLab.run(lab, "dave", "cat /disk") == "before\n")
                #expect(try MachineLab.run(lab, "carol", "cat /etc/word") == "before\n")
                try wait(for: "its interface", seconds: 20) {
                    try lab.run(["exec", "carol", "ping", "-c", "1", "-W", "1", "10.1.0.1"]).end == .exited(0)
                }
                // The next start is a boot: nobody counts there.
                try lab.check("guest", "stop", "dave")
                try lab.check("guest", "start", "dave")
                #expect(try MachineLab.run(lab, "dave", "ls /tmp; cat /disk") == "before\n")
                try lab.check("snapshot", "rm", "first")
                #expect(try lab.check("snapshot", "ls", "--format", "json").contains("first") == false)
                try lab.end()
                let disk = lab.directory + "/host/dave/disk.qcow2"
                #expect(try !host.check(["qemu-img", "snapshot", "-l", disk], as: .ordinary).contains("first"))
                try host.expectNothingLeft()
            }
        }

        @Test("the disk of a machine that is stopped, or cannot save its memory, is saved with the lab")
        func disks() throws {
            try MachineLab.require()
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, Self.file)
                try MachineLab.makeImage(lab)
                try lab.check("up")
                try MachineLab.run(lab, "dave", "echo one >/disk; sync")
                try lab.check("guest", "pause", "dave")
                try lab.check("snapshot", "save", "paused")
                #expect(try lab.json("inspect", "dave")["state"]?.text == "paused")
                try lab.check("guest", "resume", "dave")
                try MachineLab.run(lab, "dave", "echo two >/disk; sync")
                try lab.check("guest", "stop", "dave", "carol")
                try lab.check("snapshot", "save", "stopped")
                try lab.check("guest", "start", "dave")
                try MachineLab.run(lab, "dave", "echo three >/disk; sync")
                try lab.check("guest", "stop", "dave")
                for (name, text) in [("stopped", "two"), ("paused", "one"), ("before-restore", "two")] {
                    try lab.check("snapshot", "restore", name)
                    try lab.check("guest", "start", "dave")
                    #expect(try MachineLab.run(lab, "dave", "cat /disk") == text + "\n", "\(name)")
                    try lab.check("guest", "stop", "dave")
                }
                try lab.check("snapshot", "rm", "stopped")
                let disk = lab.directory + "/host/dave/disk.qcow2"
                #expect(try !host.check(["qemu-img", "snapshot", "-l", disk], as: .ordinary).contains("stopped"))
                try lab.end()
            }
        }
    }
}
