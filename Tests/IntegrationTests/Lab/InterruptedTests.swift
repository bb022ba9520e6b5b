// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Commands and keepers that are killed while they work; daemons are `KillPoints`'.
    @Suite("Commands that are interrupted")
    struct InterruptedCommands {
        private static let file = """
            guests:
              alice:
                interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}
              bob:
                after: alice
                interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}}
            segments: {lan: {}, wan: {}}
            """

        private func withLab(_ body: (RunningLab) throws -> Void) throws {
            try RunningLab.withLab(Self.file, needs: ["ping", "busybox"], master: true, seconds: 600, body)
        }

        /// After so many milliseconds the command is killed; nil: it was done before.
        private func interrupt(_ lab: RunningLab, _ words: [String], after milliseconds: UInt32, _ signal: Int32) throws
            -> Bool
        {
            let program = try lab.start(words)
            usleep(milliseconds * 1000)
            program.send(signal: signal)
            let end = try program.waitForEnd()
            if end == .exited(0) { return false }
            // Before it waits for an answer the kernel's default ends it.
            #expect(end == .killed(signal: signal) || end == .exited(130), "\(program.transcript)")
            if end == .exited(130) { #expect(program.errorLines.count == 1, "\(program.transcript)") }
            return true
        }

        /// Milliseconds, close to each other at first, until the command is done before its interruption; with their number.
        private func forEachDelay(_ body: (UInt32, Int) throws -> Bool) throws -> Int {
            var (count, delay) = (0, UInt32(0))
            while delay < 3000, try body(delay, count) {
                count += 1
                delay += max(5, delay / 4)
            }
            return count
        }

        @Test("up: the next one goes on, and nothing that guests have changed is lost", arguments: [SIGINT, SIGKILL])
        func up(signal: Int32) throws {
            try withLab { lab in
                try lab.check("up")
                try lab.check("exec", "alice", "--", "sh", "-c", "echo kept >/srv/kept")
                let count = try forEachDelay { delay, number in
                    try lab.check("down", "--grace", "0")
                    // Every third time there is no daemon either.
                    if number % 3 == 0 { try lab.endDaemon() }
                    guard try interrupt(lab, ["up"], after: delay, signal) else { return false }
                    let up = try lab.run(["up"])
                    #expect(up.end == .exited(0), "after \(delay) ms: \(up.transcript)")
                    try lab.ping("bob", "10.1.0.1")
                    #expect(try lab.check("exec", "alice", "cat", "/srv/kept") == "kept\n")
                    #expect(try lab.check("up", "--dry-run") == "nothing to do\n")
                    return true
                }
                #expect(count > 3)
            }
        }

        @Test("up, and then down: nothing is left")
        func upAndDown() throws {
            try withLab { lab in
                try lab.check("ps", "--all")
                let count = try forEachDelay { delay, _ in
                    guard try interrupt(lab, ["up"], after: delay, SIGKILL) else { return false }
                    let down = try lab.run(["down", "--grace", "0"])
                    #expect(down.end == .exited(0), "after \(delay) ms: \(down.transcript)")
                    let labs = try lab.json("ps", "--all", "--format", "json")
                    #expect(labs.list?.isEmpty == true, "after \(delay) ms: \(labs)")
                    let links = try lab.shell("ls -A \(lab.directory)/mount \(lab.directory)/run/runtime 2>&1 || true")
                    #expect(!links.contains("alice") && links.contains("run/runtime': No such file"), "\(links)")
                    return true
                }
                #expect(count > 3)
            }
        }

        @Test("down: it goes on, and the next one waits for it; up after it begins anew")
        func down() throws {
            try withLab { lab in
                let count = try forEachDelay { delay, number in
                    try lab.check("up")
                    guard try interrupt(lab, ["down"], after: delay, SIGKILL) else { return false }
                    if number % 2 == 0 {
                        try lab.check("down", "--grace", "0")
                        #expect(try lab.json("ps", "--all", "--format", "json").list?.isEmpty == true)
                    }
                    let up = try lab.run(["up"])
                    #expect(up.end == .exited(0), "after \(delay) ms: \(up.transcript)")
                    try lab.ping("bob", "10.1.0.1")
                    return true
                }
                #expect(count > 1)
            }
        }

        @Test("link move: it is done or not; the next one does it, and up brings all back")
        func move() throws {
            try withLab { lab in
                try lab.check("up")
                let count = try forEachDelay { delay, _ in
                    let words = ["link", "move", "bob:eth0", "wan", "--down-for", "0"]
                    guard try interrupt(lab, words, after: delay, SIGKILL) else { return false }
                    let move = try lab.run(words)
                    #expect(move.end == .exited(0), "after \(delay) ms: \(move.transcript)")
                    #expect(try lab.json("inspect", "bob")["interfaces"]?.list?[0]["segment"]?.text == "wan")
                    try lab.check("up")
                    try lab.ping("bob", "10.1.0.1")
                    return true
                }
                #expect(count > 1)
            }
        }

        @Test("the keeper: up says so in a line; the next one sweeps and begins anew")
        func keeper() throws {
            try withLab { lab in
                var count = 0
                for delay in stride(from: UInt32(0), to: 600, by: 40) {
                    let program = try lab.start(["up"])
                    let keeper = try wait(lab, program)
                    usleep(delay * 1000)
                    guard let keeper, program.poll() == nil else { break }
                    kill(keeper, SIGKILL)
                    let end = try program.waitForEnd()
                    if end != .exited(0) {
                        count += 1
                        #expect(
                            end == .exited(1) && program.errorLines.count == 1,
                            "\(delay) ms: \(program.transcript)"
                        )
                    }
                    try lab.check("up")
                    try lab.ping("bob", "10.1.0.1")
                    try lab.check("down", "--grace", "0")
                }
                #expect(count > 0)
            }
        }

        @Test("a reader who leaves in the middle of an output disturbs nobody", arguments: LabRoots.kinds)
        func readers(kind: String) throws {
            if kind == "uml", !RunningLab.hasKernel { try skip("no UML kernel: Scripts/guests fetches one") }
            try withLab { lab in
                if kind == "uml" { try lab.shell("ln -s \(RunningLab.kernel) \(lab.directory)/linux") }
                try lab.write("defaults: {kind: \(kind)}\n" + Self.file)
                try lab.check("up")
                let before = try lab.json("inspect")["keeper"]
                for words in ["exec -C \(lab.directory) alice -- yes", "logs -C \(lab.directory) --follow alice"] {
                    try lab.shell("timeout 5 \(lab.host.etherloom) \(words) | head -n 1 || true")
                }
                // One who reads a console, and is killed while it is written to.
                let reader = try lab.start(["console", "alice", "--read"])
                try lab.check("guest", "type", "alice", "yes")
                try reader.wait(forOutput: "yes")
                reader.send(signal: SIGKILL)
                try reader.waitForEnd()
                try lab.ping("bob", "10.1.0.1")
                #expect(try lab.json("inspect")["keeper"] == before)
                #expect(
                    try lab.json("ps", "--format", "json").list?.map { $0["state"]?.text } == ["running", "running"]
                )
            }
        }

        /// The keeper's process, as soon as there is one; nil when the command has ended before.
        private func wait(_ lab: RunningLab, _ program: Program) throws -> pid_t? {
            let files = FileManager.default
            var found: pid_t?
            try TestSupport.wait(for: "a keeper") {
                if program.poll() != nil { return true }
                for name in (try? files.contentsOfDirectory(atPath: lab.runtime)) ?? [] {
                    let path = "\(lab.runtime)/\(name)/keeper.pid"
                    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { continue }
                    found = pid_t(text.prefix { $0.isNumber })
                }
                return found != nil
            }
            return program.poll() == nil ? found : nil
        }
    }
}
