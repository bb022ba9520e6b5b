// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Pause, resume, reset and the monitor, by the command line, of both kinds that have a kernel of their own.
    @Suite("Lives of machines")
    struct GuestLifeTests {
        enum Kind: String, CaseIterable { case uml, qemu }

        private static func file(_ kind: Kind) -> String {
            let kernel = kind == .qemu ? MachineLab.kernel : Guest.files + "/uml/linux"
            return """
                guests:
                  dave:
                    kind: \(kind)
                    kernel: \(kernel)
                    memory: 128M
                    interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}
                  carol:
                    interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}}
                segments: {lan: {}}
                """
        }

        private func reaches(_ lab: RunningLab) throws -> Bool {
            try lab.run(["exec", "carol", "ping", "-c", "1", "-W", "1", "10.1.0.1"]).end == .exited(0)
        }

        private func state(_ lab: RunningLab) throws -> String { try lab.json("inspect", "dave")["state"]?.text ?? "" }

        @Test(
            "a guest stands still, goes on, begins anew, and answers for its kernel or machine",
            arguments: Kind.allCases
        )
        func life(kind: Kind) throws {
            try MachineLab.require()
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, Self.file(kind))
                try MachineLab.makeMaster(lab)
                try lab.check("up")
                try wait(for: "dave's interface", seconds: 20) { try reaches(lab) }
                // Paused, it hears nothing, runs nothing, and is asked for nothing.
                try lab.check("guest", "pause", "dave")
                #expect(try state(lab) == "paused")
                #expect(try !reaches(lab))
                let exec = try lab.run(["exec", "dave", "true"])
                #expect(exec.end == .exited(1))
                #expect(exec.errorOutput.contains("dave is paused"), "\(exec.errorOutput)")
                let twice = try lab.run(["guest", "pause", "dave"])
                #expect(twice.end == .exited(1))
                #expect(twice.errorLines.count == 1 && twice.errorOutput.contains("paused"), "\(twice.errorOutput)")
                try lab.check("guest", "resume", "dave")
                #expect(try state(lab) == "running")
                try wait(for: "dave to go on", seconds: 20) { try reaches(lab) }
                #expect(try lab.check("exec", "dave", "hostname") == "dave\n")

                try monitor(lab, kind)

                try beginsAnew(lab)
                try wait(for: "dave's interface after a reset", seconds: 20) { try reaches(lab) }

                // Paused, it can be stopped all the same, cleanly.
                try lab.check("guest", "pause", "dave")
                try lab.check("guest", "stop", "dave")
                #expect(try state(lab) == "stopped")
                #expect(try lab.json("inspect", "dave")["status"]?.integer == 0)
                try lab.end()
                try host.expectNothingLeft()
            }
        }

        /// A new beginning: what was in memory is gone and what ran has ended, what is in its root and its interface are there.
        /// The first command after it is in the new life, which the kernel's own number for it says.
        private func beginsAnew(_ lab: RunningLab) throws {
            let life = "cat /proc/sys/kernel/random/boot_id"
            // In /dev, which is in memory from the start: a root's own init mounts /run when it gets round to it.
            let old = try MachineLab.run(lab, "dave", "echo x >/dev/memory; echo y >/kept; sync; \(life)")
            let running = try lab.start(["exec", "dave", "--", "sh", "-c", "echo begun; exec sleep 1000"])
            try running.wait(forOutput: "begun")
            try lab.check("guest", "reset", "dave", "--no-wait")
            try running.waitForEnd(seconds: 20)
            #expect(running.end == .exited(1))
            #expect(running.errorLines.count == 1 && running.errorOutput.contains("was reset"), "\(running.transcript)")
            try lab.check("guest", "wait", "dave", "--timeout", "60")
            let new = try MachineLab.run(lab, "dave", "cat /dev/memory 2>/dev/null; cat /kept; \(life)")
            #expect(new.hasPrefix("y\n"))
            #expect(new != "y\n" + old)
        }

        private func monitor(_ lab: RunningLab, _ kind: Kind) throws {
            func ask(_ words: String...) throws -> String {
                try lab.check("guest", "monitor", "dave", words.joined(separator: " "))
            }
            func refusal(_ words: String) throws -> (Program.End?, [String]) {
                let program = try lab.run(["guest", "monitor", "dave", words])
                return (program.end, program.errorLines)
            }
            let unknown: String
            switch kind {
            case .uml:
                #expect(try ask("version").contains("Linux"))
                #expect(try ask("proc version").contains("Linux version"))
                unknown = "nonsense"
            case .qemu:
                #expect(try ask("query-status").contains(#""running""#))
                #expect(try ask("hmp", "info", "network").contains("vhost-user"))
                #expect(try ask(#"{"execute": "query-name"}"#).contains(#""dave""#))
                #expect(try ask("set_link", "name=nic0", "up=on") == "")
                unknown = "no-such-command"
                let (end, lines) = try refusal("info network")
                #expect(end == .exited(2) && lines.count == 1 && lines[0].contains("hmp info network"), "\(lines)")
            }
            let (end, lines) = try refusal(unknown)
            #expect(end == .exited(1) && lines.count == 1, "\(lines)")
            let process = try lab.run(["guest", "monitor", "carol", "version"])
            #expect(process.end != .exited(0) && process.errorLines.count == 1, "\(process.transcript)")
        }
    }
}
