// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension Integration {
    @Suite("A daemon that is killed at every step")
    struct KillPoints {
        /// On a bridge alice has a veth pair, bob a tap that the fabric joins with another one, because it is to impair it.
        private static func file(_ kind: String) -> String {
            """
            guests:
              alice:
                interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}
              bob:
                interfaces: {eth0: {segment: lan, address: 10.1.0.2/24, impair: {delay: 1ms}}, eth1: {address: 10.2.0.2/30}}
              carol:
                interfaces: {eth0: {address: 10.2.0.1/30}}
            segments: {lan: {kind: \(kind)}, wan: {kind: hub}}
            links: ["bob:eth1 -- carol:eth0"]
            """
        }

        /// Runs a verb with a daemon that is killed at its first step, then at its second, and so on, until it comes to its
        /// end alive; after each kill `repair` must put things right. Returns how many kills there were.
        private func killAtEachStep(
            _ lab: RunningLab,
            _ words: [String],
            prepare: () throws -> Void,
            repair: () throws -> Void
        ) throws -> Int {
            for step in 1... {
                try prepare()
                // A daemon of its own, which is told when to die.
                try lab.endDaemon()
                let killed = try lab.run(words, environment: ["ETHERLOOM_KILL_AT=\(step)"])
                if killed.end == .exited(0) {
                    try lab.endDaemon()
                    return step - 1
                }
                #expect(killed.end == .exited(1), "step \(step) of \(words): \(killed.transcript)")
                try repair()
            }
            return 0
        }

        private func expectWhole(_ lab: RunningLab) throws {
            // A cable that was pulled out and put in again carries packets when the guests' kernels have noticed both, which
            // takes them up to a second.
            for (guest, address) in [("alice", "10.1.0.2"), ("carol", "10.2.0.2")] {
                try wait(for: "\(guest)'s way to \(address)") {
                    try lab.run(["exec", guest, "ping", "-c", "1", "-W", "1", address]).end == .exited(0)
                }
            }
            // All of it is there: there is nothing to do any more.
            #expect(try lab.check("up", "--dry-run") == "nothing to do\n")
        }

        @Test("overlays, templates, snapshots and deletions: no guest's changes are lost")
        func changesOfRoots() throws {
            try require("busybox")
            var options = HostNamespace.Options()
            options.lifetimeSeconds = 600
            try withHost(options) { host in
                let lab = try RunningLab(host, as: .ordinary, "guests: {alice: {}, bob: {}}")
                try lab.makeMaster()
                try lab.shell("mkdir -p \(lab.directory)/layer/srv; echo layer >\(lab.directory)/layer/srv/layer")
                try lab.check("template", "create", "one")
                try lab.check("up")
                func change(_ text: String) throws {
                    for guest in ["alice", "bob"] {
                        try lab.check("exec", guest, "--", "sh", "-c", "echo \(text) >/srv/text; rm -f /srv/old")
                    }
                }
                func repair(_ allowed: [String]) throws {
                    try lab.check("up")
                    #expect(try lab.check("up", "--dry-run") == "nothing to do\n")
                    let texts = try lab.check("exec", "--all", "cat", "/srv/text").split(separator: "\n").sorted()
                    let isWhole = allowed.contains { texts == ["alice: \($0)", "bob: \($0)"] }
                    #expect(isWhole, "\(texts), not \(allowed)")
                    #expect(try lab.run(["exec", "alice", "test", "-e", "/srv/old"]).end == .exited(1))
                }
                try change("mine")
                for words in [
                    ["overlay", "push", "alice", "layer"], ["template", "load", "one"], ["guest", "delete", "bob"],
                ] {
                    let count = try killAtEachStep(lab, words) {
                        // As in the file again.
                        try lab.check("up")
                    } repair: {
                        try repair(["mine"])
                    }
                    #expect(count >= 2, "\(words)")
                }
                try lab.check("up")
                let saves = try killAtEachStep(lab, ["snapshot", "save", "first"]) {
                    _ = try lab.run(["snapshot", "remove", "first"])
                } repair: {
                    try repair(["mine"])
                }
                #expect(saves >= 1)
                let restores = try killAtEachStep(lab, ["snapshot", "restore", "first"]) {
                    try lab.check("up")
                    try change("later")
                } repair: {
                    // All guests have the one or all have the other.
                    try repair(["mine", "later"])
                }
                #expect(restores >= 2)
                try repair(["mine"])
                // What it has replaced is there, too.
                try lab.check("snapshot", "restore", "before-restore")
                try repair(["later"])
                try lab.end()
                try host.expectNothingLeft()
            }
        }

        @Test(
            "up, link move and down: what was begun is finished by the next, and nothing is left",
            arguments: ["switch", "bridge"]
        )
        func everyStep(kind: String) throws {
            try require("ping")
            try withHost { host in
                let lab = try RunningLab(host, as: .ordinary, Self.file(kind))
                let ups = try killAtEachStep(lab, ["up"]) {
                    try lab.check("down", "--grace", "1")
                } repair: {
                    try lab.check("up")
                    try expectWhole(lab)
                }
                // Two segments, a cable, three guests and their interfaces: less would mean that nobody was killed.
                #expect(ups > 20)

                try lab.check("up")
                let moves = try killAtEachStep(lab, ["link", "move", "alice:eth0", "wan"]) {
                    try lab.check("link", "move", "alice:eth0", "lan")
                } repair: {
                    try lab.check("link", "move", "alice:eth0", "lan")
                    try lab.check("up")
                    try expectWhole(lab)
                }
                #expect(moves >= 2)

                let downs = try killAtEachStep(lab, ["down", "--grace", "1"]) {
                    try lab.check("up")
                } repair: {
                    try lab.check("down", "--grace", "1")
                }
                #expect(downs >= 2)
                try host.expectNothingLeft()
            }
        }
    }
}
