// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// A lab's shape and its guests' files, written down and brought back.
    @Suite("Saved labs")
    struct SavedLabs {
        /// A bit of everything.
        private static let file = """
            name: mesh
            guests:
              alice:
                environment: {COLOUR: 'a "red" $$one'}
                labels: {role: client}
                dns: 10.1.0.53
                interfaces:
                  eth0: {segment: lan, address: [10.1.0.1/24, "fd00::1/64"], via: 10.1.0.254, mac: "02:00:00:00:00:01"}
                  eth1: {address: 10.3.0.1/30}
              bob:
                after: alice
                restart: on-failure
                ready: {command: "true", interval: 50ms}
                routes: [10.9.0.0/16 via 10.1.0.1]
                interfaces:
                  eth0: {segment: lan, address: 10.1.0.2/24, mtu: 1400, allow: [10.1.0.2], impair: {delay: 1ms}}
                  eth1: {address: 10.3.0.2/30}
              carol:
                command: "echo first words; sleep 1000"
                interfaces: {eth0: {segment: wan, address: 10.2.0.3/24}}
            segments:
              lan: {spanning-tree: true}
              wan: {kind: hub, mtu: 1400}
              plain: {kind: multiplexer}
            links:
              - ends: ["alice:eth1", "bob:eth1"]
                forth: {delay: 2ms}
                back: {loss: 0.5%}
              - lan -- wan
            gateways:
              gate: {segment: lan, address: 10.1.0.254/24, dhcp: false, forward: "127.0.0.1:8080:bob:80"}
            """

        private func withLab(_ file: String, _ body: (RunningLab) throws -> Void) throws {
            try RunningLab.withLab(file, needs: ["busybox", "ping"], body)
        }

        @Test("what save writes is what runs: up finds nothing to do, and makes the same elsewhere")
        func saved() throws {
            try withLab(Self.file) { lab in
                try lab.check("up")
                // Changes by hand belong to it.
                try lab.check("segment", "add", "dmz", "kind=hub")
                try lab.check("link", "move", "carol:eth0", "dmz", "--down-for", "0")
                try lab.check("interface", "add", "carol:eth1", "segment=wan", "address=10.2.0.33/24")
                try lab.check("network", "alice", "addr", "add", "10.1.0.11/24", "dev", "eth0")
                try lab.check("network", "alice", "route", "add", "10.8.0.0/16", "via", "10.1.0.2")
                try lab.check("link", "impair", "alice:eth0", "both", "delay=3ms")
                try lab.check("forward", "add", "8081:10.1.0.1:80")
                try lab.check("save", lab.directory + "/saved.yaml")
                let saved = try String(contentsOfFile: lab.directory + "/saved.yaml", encoding: .utf8)
                for text in ["10.1.0.11/24", "dmz", "10.2.0.33/24", "10.8.0.0/16", "8081:10.1.0.1:80", "3"] {
                    #expect(saved.contains(text), "\(text) in \(saved)")
                }
                let dry = try lab.check("up", "--dry-run", "--file", lab.directory + "/saved.yaml")
                #expect(dry == "nothing to do\n")
                let again = try lab.check("save")
                #expect(again == saved)
                try lab.host.check([lab.host.etherloom, "validate", lab.directory + "/saved.yaml"])
                // The old file differs: it can be gone back to.
                #expect(try lab.check("up", "--dry-run").split(separator: "\n").count > 5)
                try lab.check("down", "--grace", "1")

                let other = try RunningLab(lab.host, as: lab.user, saved, name: "elsewhere")
                try other.check("up")
                #expect(try other.check("save") == saved)
                #expect(try other.check("up", "--dry-run") == "nothing to do\n")
                try other.ping("alice", "10.1.0.2")
                try other.ping("carol", "10.2.0.33")
                #expect(try other.check("network", "alice", "addr").contains("10.1.0.11/24"))
                #expect(try other.check("exec", "alice", "--", "sh", "-c", "echo $COLOUR") == "a \"red\" $one\n")
                try other.check("down", "--grace", "1")
            }
        }

        @Test("a file that cannot be written stays as it is, and nothing is left beside it")
        func saveRefused() throws {
            try withLab(RunningLab.two) { lab in
                try lab.check("up")
                let place = lab.host.data("full")
                try lab.host.check(["mkdir", place])
                try lab.host.check(["mount", "-t", "tmpfs", "-o", "size=4k,mode=777", "none", place])
                try lab.shell("head -c 4096 /dev/zero >\(place)/lab.yaml || true")
                let full = try lab.run(["save", place + "/lab.yaml"])
                #expect(full.end == .exited(1) && full.errorLines.count == 1, "\(full.transcript)")
                #expect(full.errorOutput.contains("No space left"), "\(full.transcript)")
                #expect(try lab.shell("ls \(place)") == "lab.yaml\n")
            }
        }

        @Test("snapshots keep what guests have changed, together; a restore can be undone")
        func snapshots() throws {
            try withLab(RunningLab.two) { lab in
                try lab.makeMaster()
                try lab.check("up")
                func write(_ text: String) throws {
                    for guest in ["alice", "bob"] {
                        try lab.check("exec", guest, "--", "sh", "-c", "echo \(text) >/srv/text; rm -f /srv/old")
                    }
                }
                func texts() throws -> [Substring] {
                    try lab.check("exec", "--all", "cat", "/srv/text").split(separator: "\n").sorted()
                }
                try write("one")
                try lab.check("snapshot", "save", "first")
                try write("two")
                try lab.check("snapshot", "save", "second")
                let names = try lab.json("snapshot", "ls", "--format", "json").list ?? []
                #expect(names.map { $0["name"]?.text } == ["first", "second"])
                #expect(names.allSatisfy { $0["guests"]?.texts == ["alice", "bob"] })
                let taken = try lab.run(["snapshot", "save", "first"])
                #expect(taken.end == .exited(1) && taken.errorLines.count == 1, "\(taken.transcript)")
                // Guests that run are started anew with it.
                try lab.check("snapshot", "restore", "first")
                #expect(try texts() == ["alice: one", "bob: one"])
                #expect(try lab.check("exec", "alice", "ls", "/srv") == "text\n")
                try lab.check("guest", "stop", "alice")
                try lab.check("snapshot", "restore", "second")
                // Who was stopped stays so.
                #expect(try lab.json("inspect", "alice")["state"]?.text == "stopped")
                #expect(try lab.shell("cat \(lab.directory)/mount/alice/srv/text") == "two\n")
                try lab.check("guest", "start", "alice")
                #expect(try texts() == ["alice: two", "bob: two"])
                try lab.check("snapshot", "restore", "before-restore")
                #expect(try texts() == ["alice: one", "bob: one"])
                try lab.check("snapshot", "remove", "first")
                let gone = try lab.run(["snapshot", "restore", "first"])
                #expect(gone.end == .exited(1) && gone.errorLines.count == 1, "\(gone.transcript)")
                #expect(gone.errorOutput.contains("no snapshot first; there are: before-restore, second"))
                // Nobody was stopped for that.
                #expect(try texts() == ["alice: one", "bob: one"])
                for name in ["a/b", ".hidden", ""] {
                    let wrong = try lab.run(["snapshot", "save", name])
                    #expect(wrong.end == .exited(2) && wrong.errorLines.count == 1, "\(name): \(wrong.transcript)")
                }
            }
        }

        @Test(
            "a fork is a second lab with what the first one's guests had",
            arguments: ["absolute", "relative", "below"]
        )
        func fork(path: String) throws {
            try withLab(RunningLab.two) { lab in
                try lab.makeMaster()
                try lab.check("up")
                try lab.check("exec", "alice", "--", "sh", "-c", "echo forked >/srv/text; rm /srv/old")
                // Relative to where the command is called: the tests' data directory.
                let directory = path == "below" ? lab.directory + "/inner" : lab.host.data("copy")
                try lab.check("fork", "copy", path == "relative" ? "copy" : directory)
                let copy = RunningLab(lab.host, as: lab.user, at: directory)
                #expect(try copy.check("exec", "alice", "ls", "/srv") == "text\n")
                try copy.ping("alice", "10.1.0.2")
                // They are two.
                try copy.check("exec", "alice", "--", "sh", "-c", "echo other >/srv/text")
                #expect(try lab.check("exec", "alice", "cat", "/srv/text") == "forked\n")
                let labs = try lab.json("ps", "--all", "--format", "json").list ?? []
                #expect(labs.map { $0["name"]?.text } == ["copy", "mesh"])
                #expect(try lab.json("snapshot", "ls", "--format", "json").list?.isEmpty == true)
                let again = try lab.run(["fork", "copy", lab.host.data("third")])
                #expect(again.end == .exited(2) && again.errorLines.count == 1, "\(again.transcript)")
                let there = try lab.run(["fork", "third", directory])
                #expect(there.end == .exited(2) && there.errorLines.count == 1, "\(there.transcript)")
                #expect(!FileManager.default.fileExists(atPath: lab.host.data("third")))
                try copy.check("down", "--grace", "1")
                try copy.check("up")
                #expect(try copy.check("exec", "alice", "cat", "/srv/text") == "other\n")
                try copy.check("down", "--grace", "1")
            }
        }

        @Test("a fork that fails leaves nothing")
        func failedFork() throws {
            try withLab(RunningLab.two) { lab in
                try lab.makeMaster()
                try lab.check("up")
                try lab.check("exec", "alice", "--", "sh", "-c", "head -c 300000 /dev/zero >/srv/big")
                let place = lab.host.data("full")
                try lab.host.check(["mkdir", place])
                try lab.host.check(["mount", "-t", "tmpfs", "-o", "size=128k,mode=777", "none", place])
                let failed = try lab.run(["fork", "copy", place + "/copy"])
                #expect(failed.end == .exited(1) && failed.errorLines.count == 1, "\(failed.transcript)")
                #expect(failed.errorOutput.contains("disk is full"), "\(failed.transcript)")
                #expect(try lab.shell("ls -A \(place)") == "")
                #expect(try lab.json("snapshot", "ls", "--format", "json").list?.isEmpty == true)
                #expect(try lab.json("ps", "--all", "--format", "json").list?.count == 1)
                // With room it works there, too: on another file system.
                try lab.host.check(["mount", "-o", "remount,size=16m", place])
                try lab.check("fork", "copy", place + "/copy")
                let copy = RunningLab(lab.host, as: lab.user, at: place + "/copy")
                #expect(try copy.check("exec", "alice", "ls", "/srv") == "big\nold\n")
                try copy.check("down", "--grace", "1")
            }
        }
    }
}
