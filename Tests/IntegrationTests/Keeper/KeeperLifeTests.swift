// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import LinuxSystem
import TestSupport
import Testing

extension Integration {
    /// Requests that cross one another, come at the wrong time, or wait.
    @Suite("Lives of kept guests")
    struct KeeperLifeTests {
        /// A guest that minds no signal that it may mind.
        private func defineStubborn(_ lab: KeptLab, _ name: String) throws {
            var plan = try lab.plan(name, 0, interfaces: 0)
            plan.command = ["sh", "-c", "trap '' TERM HUP; echo deaf; while :; do sleep 0.1; done"]
            try lab.define(plan)
            try lab.start(name)
            try wait(for: "\(name)'s deafness", seconds: 10) {
                (try? String(contentsOfFile: plan.runDirectory + "/console.log", encoding: .utf8))?.contains("deaf")
                    == true
            }
        }

        @Test("a guest that is reset and ended at once has ended", arguments: ["kill", "stop"])
        func resetAndEnded(verb: String) throws {
            try KeptLab.with(.ordinary) { lab in
                try lab.define(try lab.plan("alice", 0, interfaces: 0))
                try lab.start("alice")
                let connection = try lab.another()
                try connection.send(["reset", "alice"])
                try connection.send([verb, "alice"])
                for _ in 0..<2 { #expect(try connection.receive(deadline: nil).words == ["ok"]) }
                try lab.client.wait("alice", for: .stopped, milliseconds: 10_000)
                try lab.start("alice")
                #expect(try lab.run("alice", "echo", "again").output == "again\n")
            }
        }

        @Test("who asks again with less patience, or takes the lab down, hastens a stop")
        func hastened() throws {
            try KeptLab.with(.ordinary) { lab in
                for name in ["alice", "bob"] { try defineStubborn(lab, name) }
                try lab.ask("stop", "alice", "grace=600000")
                // More patience changes nothing.
                try lab.ask("stop", "alice", "grace=900000")
                #expect(throws: GuestError.self) {
                    try lab.client.wait("alice", for: .stopped, milliseconds: 300)
                }
                try lab.ask("stop", "alice", "grace=50")
                try lab.client.wait("alice", for: .stopped, milliseconds: 10_000)
                try lab.ask("stop", "bob", "grace=600000")
                try lab.ask("down", "grace=50")
                try lab.program.waitForEnd(seconds: 15)
            }
        }

        @Test("a second signal ends a lab that is going down at once")
        func secondSignal() throws {
            try KeptLab.with(.ordinary) { lab in
                try defineStubborn(lab, "alice")
                let connection = try lab.another()
                try connection.send(["down", "grace=600000"])
                try lab.client.wait("alice", for: .stopping, milliseconds: 10_000)
                lab.program.send(signal: SIGTERM)
                try lab.program.waitForEnd(seconds: 15)
            }
        }

        @Test("a guest whose root takes its time can be ended, and so can its lab")
        func slowRoot() throws {
            try require("flock")
            try KeptLab.with(.ordinary) { lab in
                // A restore that was interrupted is finished first; somebody else works on snapshots, and is waited for.
                try lab.host.check(
                    [
                        "mkdir", "-p", "\(lab.directory)/master/etc", "\(lab.directory)/host/.restore",
                        "\(lab.directory)/snapshots",
                    ],
                    as: lab.user
                )
                let other = try lab.host.start(
                    ["flock", "\(lab.directory)/snapshots", "sh", "-c", "echo locked; exec cat"],
                    as: lab.user,
                    input: .pipe
                )
                try other.wait(forOutput: "locked")
                var plan = try lab.plan("alice", 0, interfaces: 0)
                plan.root = RootPlan(
                    master: lab.directory + "/master",
                    upper: lab.directory + "/host/alice",
                    mountPoint: lab.directory + "/mount/alice"
                )
                let definer = try lab.another()
                try definer.send(["define", "alice"] + plan.words)
                for verb in ["kill", "stop"] {
                    try wait(for: "the definition", seconds: 10) { try lab.client.state().guest("alice") != nil }
                    try lab.ask("start", "alice")
                    try lab.client.wait("alice", for: .starting, milliseconds: 5000)
                    try lab.ask(verb, "alice")
                    try lab.client.wait("alice", for: .stopped, milliseconds: 10_000)
                }
                #expect(throws: GuestError.self) { try lab.ask("delete", "alice") }
                try lab.ask("start", "alice")
                try lab.ask("down", "grace=1000")
                try lab.program.waitForEnd(seconds: 15)
                other.closeInput()
                try other.waitForEnd()
            }
        }

        @Test("who waits for a guest that is deleted is told")
        func deleted() throws {
            try KeptLab.with(.ordinary) { lab in
                try lab.define(try lab.plan("alice", 0, interfaces: 0))
                let connection = try lab.another()
                try connection.request(["hello"])
                try connection.send(["wait", "alice", "running"])
                try connection.send(["hello"])
                // A connection that the keeper has taken is read before one that has something to say later.
                try lab.ask("hello")
                try lab.ask("delete", "alice")
                let deadline = MonotonicClock.nanoseconds + 10_000_000_000
                #expect(try connection.receive(deadline: deadline).words == ["error", "2", "alice was deleted"])
                #expect(try connection.receive(deadline: deadline).words.first == "ok")
            }
        }

        @Test("answers come in the order of their requests, however late the first one is")
        func lateAnswers() throws {
            try KeptLab.with(.ordinary) { lab in
                try lab.define(try lab.plan("alice", 0, interfaces: 0))
                let connection = try lab.another()
                for words in [["wait", "alice", "running"], ["hello"], ["wait", "alice", "paused", "timeout=200"]] {
                    try connection.send(words)
                }
                let soon = MonotonicClock.nanoseconds + 300_000_000
                #expect(throws: GuestError.self) { try connection.receive(deadline: soon) }
                try lab.start("alice")
                let deadline = MonotonicClock.nanoseconds + 10_000_000_000
                #expect(try connection.receive(deadline: deadline).words == ["ok"])
                #expect(try connection.receive(deadline: deadline).words.contains("lab=test"))
                let late = try connection.receive(deadline: deadline).words
                #expect(late.prefix(2) == ["error", "3"], "\(late)")
            }
        }

        @Test("an answer that is larger than a message comes in pieces, to both sorts of clients")
        func longAnswer() throws {
            try KeptLab.with(.ordinary) { lab in
                let names = (0..<300).map { "guest-with-a-long-name-\($0)" }
                for (index, name) in names.enumerated() {
                    try lab.define(try lab.plan(name, index, interfaces: 3))
                }
                #expect(try lab.client.state().guests.map(\.name) == names)
                let raw = try lab.another()
                try raw.send(["state"])
                let first = try raw.receive(deadline: nil).words
                #expect(first.prefix(2) == ["ok", "more"])
                var last = first
                while last.dropFirst().first == "more" { last = try raw.receive(deadline: nil).words }
                #expect(last.prefix(2) == ["ok", "end"])
                let loop = try ControlLoop()
                let connection = try KeeperConnection.keeper(runtimeDirectory: lab.runtime, loop: loop)
                var state: KeeperState?
                connection.request(["state"]) { [loop] answer in
                    state = (try? answer.get()).map { KeeperState(words: $0.words) }
                    loop.stop()
                }
                try loop.run()
                #expect(state?.guests.map(\.name) == names)
                #expect(state?.guests.last?.interfaces.count == 3)
                connection.close()
            }
        }

        @Test("what does not go with a guest's state is refused, and changes nothing")
        func wrongStates() throws {
            try KeptLab.with(.ordinary) { lab in
                let plan = try lab.plan("alice", 0, interfaces: 0)
                try lab.define(plan)
                func refused(_ words: String..., mentions text: String) throws {
                    let before = try lab.client.state().guest("alice")
                    let error = #expect(throws: GuestError.self, "\(words)") { try lab.client.request(words) }
                    #expect(
                        error?.status == 1 && error?.message.contains(text) == true,
                        "\(words): \(error?.message ?? "")"
                    )
                    #expect(try lab.client.state().guest("alice") == before, "\(words)")
                }
                for verb in ["stop", "kill", "pause", "resume", "reset"] {
                    try refused(verb, "alice", mentions: "alice is stopped: cannot \(verb) it")
                }
                try lab.start("alice")
                try refused("start", "alice", mentions: "alice is running: cannot start it")
                try refused("resume", "alice", mentions: "alice is running: cannot resume it")
                try refused("delete", "alice", mentions: "alice is running: stop it first")
                try refused("layers", "alice", mentions: "its layers can be changed when it is stopped")
                var other = plan
                other.kind = .uml
                try refused("define", "alice", other.words[0], other.words[1], mentions: "its kind can be changed")
                try lab.ask("pause", "alice")
                try refused("start", "alice", mentions: "alice is paused: cannot start it")
                try refused("pause", "alice", mentions: "alice is paused: cannot pause it")
                try refused("delete", "alice", mentions: "alice is paused: stop it first")
                try refused("network", "alice", "addr", mentions: "alice is paused: cannot configure it")
                try lab.ask("kill", "alice")
                try lab.client.wait("alice", for: .stopped, milliseconds: 10_000)
                try lab.ask("delete", "alice")
            }
        }
    }
}
