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

                // A new beginning: what was in memory is gone, what is in its root and its interface are there.
                try MachineLab.run(lab, "dave", "echo x >/run/memory; echo y >/kept; sync")
                try lab.check("guest", "reset", "dave")
                try lab.check("guest", "wait", "dave", "--timeout", "60")
                // QEMU has answered before its processors begin anew: the old life may still take a command.
                try wait(for: "dave's new life", seconds: 60) {
                    (try? MachineLab.run(lab, "dave", "test ! -e /run/memory && echo new")) == "new\n"
                }
                let left = try MachineLab.run(lab, "dave", "cat /run/memory 2>/dev/null; cat /kept")
                #expect(left == "y\n")
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
