// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Roots of guests as their users have them: layers over a shared master, edited from both sides.
    @Suite("Roots of a lab's guests")
    struct LabRoots {
        static let kinds = ["process", "uml"]

        /// A lab of two guests on a master of a few files.
        private func withLab(_ kind: String, _ body: (RunningLab) throws -> Void) throws {
            try require("busybox", "du")
            if kind == "uml", !RunningLab.hasKernel { try skip("no UML kernel: Scripts/guests fetches one") }
            let file = """
                defaults: {kind: \(kind)}
                guests:
                  alice: {interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}}
                  bob: {interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}}}
                segments: {lan: {}}
                """
            try RunningLab.withLab(file, master: true, kernel: kind == "uml", body)
        }

        @Test("what either side does the other one sees, while a guest runs and while it is stopped", arguments: kinds)
        func bothSides(kind: String) throws {
            try withLab(kind) { lab in
                try lab.check("up")
                let mount = lab.directory + "/mount/alice"
                // From outside, while it runs.
                try lab.shell("echo outside >\(mount)/srv/from-outside")
                #expect(try lab.check("exec", "alice", "cat", "/srv/from-outside") == "outside\n")
                // From inside: in this guest's layer only.
                try lab.check("exec", "alice", "--", "sh", "-c", "echo inside >/srv/from-inside; rm /srv/old")
                #expect(try lab.shell("cat \(mount)/srv/from-inside") == "inside\n")
                #expect(try lab.shell("ls \(mount)/srv") == "from-inside\nfrom-outside\n")
                #expect(try lab.shell("ls \(lab.directory)/master/srv") == "old\n")
                #expect(try lab.check("exec", "bob", "ls", "/srv") == "old\n")
                // While it is stopped.
                try lab.check("guest", "stop", "alice")
                try lab.shell(
                    "echo stopped >\(mount)/srv/while-stopped; rm \(mount)/srv/from-outside \(mount)/etc/issue"
                )
                try lab.check("guest", "start", "alice")
                #expect(try lab.check("exec", "alice", "ls", "/srv") == "from-inside\nwhile-stopped\n")
                #expect(try lab.run(["exec", "alice", "test", "-e", "/etc/issue"]).end == .exited(1))
                // The next life of the lab has it all, and so has a copy of the lab that was made while nothing ran.
                try lab.check("down", "--grace", "3")
                #expect(try lab.shell("ls -A \(lab.directory)/mount") == "")
                let copy = lab.host.data("copied")
                try lab.shell("cp -a \(lab.directory) \(copy)")
                for directory in [lab.directory, copy] {
                    let lab = RunningLab(lab.host, as: lab.user, at: directory)
                    try lab.check("up")
                    #expect(try lab.check("exec", "alice", "ls", "/srv") == "from-inside\nwhile-stopped\n")
                    #expect(try lab.check("exec", "bob", "ls", "/srv") == "old\n")
                    #expect(try lab.shell("ls \(directory)/mount/alice/srv") == "from-inside\nwhile-stopped\n")
                    try lab.check("down", "--grace", "3")
                }
            }
        }

        @Test("a guest that changes nothing has less than 40 KB on the disk", arguments: kinds)
        func size(kind: String) throws {
            try withLab(kind) { lab in
                try lab.check("up")
                try lab.check("exec", "bob", "true")
                for time in ["running", "stopped"] {
                    let directory = lab.directory
                    let places = "\(directory)/host/bob \(directory)/host/.work/bob \(directory)/run/bob"
                    let sizes = try lab.host.check(["sh", "-c", "du -s -B1 \(places)"]).split(separator: "\n")
                    let total = sizes.compactMap { Int($0.prefix { $0.isNumber }) }.reduce(0, +)
                    #expect(sizes.count == 3 && total > 0 && total < 40_000, "\(time): \(sizes)")
                    try lab.check("guest", "stop", "bob")
                }
            }
        }

        @Test("overlays are pushed and popped, the last one on top; a guest's own changes stay above", arguments: kinds)
        func overlays(kind: String) throws {
            try withLab(kind) { lab in
                for name in ["red", "blue"] {
                    try lab.shell(
                        "mkdir -p \(lab.directory)/layers/\(name)/srv; cd \(lab.directory)/layers/\(name)/srv; "
                            + "echo \(name) >colour; echo \(name) >only-\(name)"
                    )
                }
                try lab.check("up")
                try lab.check("exec", "alice", "--", "sh", "-c", "echo mine >/srv/own")
                func colour() throws -> String { try lab.check("exec", "alice", "cat", "/srv/colour") }
                let bob = try lab.json("inspect", "bob")["pid"]
                try lab.check("overlay", "push", "alice", "layers/red")
                #expect(try colour() == "red\n")
                try lab.check("overlay", "push", "alice", "layers/blue")
                #expect(try colour() == "blue\n")
                #expect(try lab.check("exec", "alice", "ls", "/srv") == "colour\nold\nonly-blue\nonly-red\nown\n")
                #expect(
                    try lab.json("overlay", "ls", "--format", "json")["alice"]?.texts == ["layers/blue", "layers/red"]
                )
                // A deletion belongs to the guest: it hides what any layer brings.
                try lab.check("exec", "alice", "rm", "/srv/only-red")
                try lab.check("overlay", "pop", "alice")
                #expect(try colour() == "red\n")
                #expect(try lab.check("exec", "alice", "ls", "/srv") == "colour\nold\nown\n")
                // A guest that is stopped gets it too, and its tree can be seen.
                try lab.check("guest", "stop", "alice")
                try lab.check("overlay", "pop", "alice")
                #expect(try lab.shell("ls \(lab.directory)/mount/alice/srv") == "old\nown\n")
                try lab.check("overlay", "push", "alice", "layers/blue")
                #expect(try lab.json("inspect", "alice")["state"]?.text == "stopped")
                #expect(try lab.shell("cat \(lab.directory)/mount/alice/srv/colour") == "blue\n")
                #expect(try lab.json("inspect", "bob")["pid"] == bob)
                let missing = try lab.run(["overlay", "push", "alice", "layers/green"])
                #expect(missing.end == .exited(2) && missing.errorLines.count == 1, "\(missing.transcript)")
                #expect(missing.errorOutput.contains("layers/green does not exist"))
                let none = try lab.run(["overlay", "pop", "bob"])
                #expect(none.end == .exited(2) && none.errorLines.count == 1, "\(none.transcript)")
            }
        }

        @Test("a template is another set of layers for all guests at once", arguments: kinds)
        func templates(kind: String) throws {
            try withLab(kind) { lab in
                for name in ["first", "second"] {
                    try lab.check("template", "create", name)
                    for guest in ["alice", "bob"] {
                        try lab.shell(
                            "mkdir \(lab.directory)/templates/\(name)/\(guest)/srv && "
                                + "echo \(name) \(guest) >\(lab.directory)/templates/\(name)/\(guest)/srv/text"
                        )
                    }
                }
                try lab.check("up")
                for name in ["first", "second"] {
                    try lab.check("template", "load", name)
                    let all = try lab.check("exec", "--all", "cat", "/srv/text").split(separator: "\n").sorted()
                    #expect(all == ["alice: \(name) alice", "bob: \(name) bob"])
                }
                #expect(try lab.check("template", "ls") == "  first\n* second\n")
                try lab.check("template", "none")
                #expect(try lab.check("exec", "alice", "ls", "/srv") == "old\n")
                for words in [["load", "third"], ["create", "first"], ["create", "a/b"]] {
                    let wrong = try lab.run(["template"] + words)
                    #expect(wrong.end == .exited(2) && wrong.errorLines.count == 1, "\(words): \(wrong.transcript)")
                }
            }
        }

        @Test("files of guests' other users are theirs, and go with the guest")
        func otherUsers() throws {
            try require("newuidmap")
            try withLab("process") { lab in
                guard lab.host.isRoot else { return }
                let ranges = try lab.host.write("\(lab.host.userName(.ordinary)):300000:65536\n", data: "ranges")
                for file in ["/etc/subuid", "/etc/subgid"] { try lab.host.check(["mount", "--bind", ranges, file]) }
                try lab.check("up")
                for guest in ["alice", "bob"] {
                    try lab.check(
                        "exec",
                        guest,
                        "--",
                        "sh",
                        "-c",
                        "mkdir -p /srv/deep/er && echo secret >/srv/deep/er/file && chown -R 5:6 /srv/deep && chmod 700 /srv/deep"
                    )
                }
                let upper = lab.directory + "/host/alice"
                #expect(try lab.host.check(["stat", "-c", "%u:%g", upper + "/srv/deep"]) == "300004:300005\n")
                // The user himself may neither look into it nor remove it.
                #expect(try lab.host.run(["rm", "-rf", upper + "/srv/deep"], as: lab.user).end == .exited(1))
                try lab.check("snapshot", "save", "one")
                try lab.check("guest", "delete", "--files", "alice")
                for place in ["host/alice", "host/.work/alice", "mount/alice", "run/alice"] {
                    #expect(!FileManager.default.fileExists(atPath: "\(lab.directory)/\(place)"), "\(place)")
                }
                // Without --files its changes stay.
                try lab.check("guest", "delete", "bob")
                #expect(try lab.host.check(["cat", lab.directory + "/host/bob/srv/deep/er/file"]) == "secret\n")
                #expect(try lab.json("ps", "--format", "json").list?.isEmpty == true)
                // The file still has both: bob as he was, alice new, or as in the snapshot.
                try lab.check("up")
                #expect(try lab.check("exec", "bob", "stat", "-c", "%u", "/srv/deep") == "5\n")
                #expect(try lab.check("exec", "alice", "ls", "/srv") == "old\n")
                try lab.check("snapshot", "restore", "one")
                #expect(try lab.check("exec", "alice", "cat", "/srv/deep/er/file") == "secret\n")
                // Nothing of it is left for root to remove.
                try lab.check("snapshot", "remove", "one")
                try lab.check("snapshot", "remove", "before-restore")
                for guest in ["alice", "bob"] { try lab.check("guest", "delete", "--files", guest) }
                try lab.shell(
                    "chmod -R u+rwx \(lab.directory) && rm -rf \(lab.directory)/host \(lab.directory)/snapshots"
                )
            }
        }
    }
}
