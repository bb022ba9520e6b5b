// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestSupport
import Testing

@testable import Guests

@Suite("Files of guests", .serialized)
struct RootFilesTests {
    private func worker(_ lab: RootsFixture) -> RootWorker {
        RootWorker(.lab(lab.namespaces), program: EtherloomBinary.path)
    }

    /// Every type of file that a guest may leave, made in its root.
    private static let zoo = #"""
        cd "$1"
        mkdir -p dir/deep closed old && echo text > dir/file && ln dir/file dir/deep/twin
        ln -s /etc/passwd link && mkfifo pipe && python3 -c 'import socket; socket.socket(1).bind("socket")'
        truncate -s 50M sparse && printf end | dd of=sparse bs=1 seek=30000000 conv=notrunc status=none
        printf 'x' > "$(printf 'latin\351name')" && printf 'y' > 'with
        newline'
        chown 8:12 link dir/file 2>/dev/null
        touch -d '2001-02-03 04:05:06.789' old dir/file && chmod 4755 dir/file && chmod 1777 dir/deep
        python3 -c 'import os; os.setxattr("dir/file", "user.note", b"of the guest"); os.setxattr("dir", "user.d", b"1")'
        echo secret > closed/f && chmod 000 closed/f closed
        """#

    /// All that can be said of a tree.
    private static let describe = #"""
        cd "$1" && find . ! -type d ! -type c -printf '%P|%y|%m|%U:%G|%n|%T@|%l|%s|\n' | LC_ALL=C sort
        find . -type c -printf '%P|%m|%U:%G|%T@\n' | LC_ALL=C sort
        find . -type d -printf '%P|%m|%U:%G|%T@\n' | LC_ALL=C sort
        find . -type f -exec sha256sum {} + | LC_ALL=C sort
        stat -c '%t:%T %F' $(find . -type c) ; du -k sparse 2>/dev/null
        python3 - <<'P'
        import os
        for root, names, files in os.walk(b"."):
            for n in sorted(names + files) + [b"."]:
                p = os.path.join(root, n)
                if os.path.islink(p): continue
                for a in sorted(os.listxattr(p)):
                    if "origin" not in a: print(p, a, os.getxattr(p, a))
        P
        """#

    private func shell(_ lab: RootsFixture, _ script: String, _ path: String) throws -> String {
        try lab.inside("set -- '\(path)'; \(script)")
    }

    @Test("a tree is copied as it is, and removed", arguments: [false, true])
    func copyAndRemove(single: Bool) throws {
        let lab = try RootsFixture(single: single)
        try lab.write("from the master\n", "master/etc/motd")
        try lab.write("x\n", "master/gone/x")
        let mounts = try lab.mounts()
        let error: GuestError? = try lab.wait { mounts.mount(lab.plan("alice"), guest: "alice", then: $0) }
        #expect(error == nil)
        let inside = mounts.places("alice").inside
        #expect(try shell(lab, Self.zoo, inside) == "")
        // A whiteout and an opaque directory.
        try lab.inside("rm \(inside)/etc/motd; rm -r \(inside)/gone; mkdir \(inside)/gone; touch \(inside)/gone/new")
        let copied = try worker(lab).run(["copy", lab.path("host/alice"), lab.path("host/copy")])
        #expect(copied == [])
        let before = try shell(lab, Self.describe, lab.path("host/alice"))
        #expect(before.contains("0:0 character special file") && before.contains("user.overlay.opaque"))
        #expect(before.contains("user.note") && before.contains("latin"))
        #expect(before.contains("dir/file|f|4755|"))
        #expect(try shell(lab, Self.describe, lab.path("host/copy")) == before)

        let gone: GuestError? = try lab.wait { mounts.unmount(guest: "alice", then: $0) }
        #expect(gone == nil)
        try lab.write("run\n", "run/alice/pid")
        let words = RootWorker.removal(upper: lab.path("host/alice"), others: [lab.path("run/alice")])
        let done: Result<[String], GuestError> = try lab.wait { then in
            _ = worker(lab).run(words, loop: lab.loop, then: then)
        }
        #expect(try done.get() == [])
        try worker(lab).run(["remove", lab.path("host/copy"), lab.path("host/never-was")])
        #expect(try lab.inside("cd \"$0\" && ls -A host host/.work run") == "host:\n.work\n\nhost/.work:\n\nrun:\n")
        #expect(FileManager.default.fileExists(atPath: "/etc/passwd"))
    }

    @Test("removal follows no link, enters no mount, and minds no depth")
    func removal() throws {
        let lab = try RootsFixture()
        try lab.write("outside\n", "outside/file")
        try lab.inside("mkdir -p \"$0\"/host/bob && ln -s \"$0\"/outside \"$0\"/host/bob/link")
        try lab.inside(
            "cd \"$0\"/host/bob; for i in $(seq 700); do mkdir dddddddddd && cd dddddddddd; done; echo x > y"
        )
        try worker(lab).run(["remove", lab.path("host/bob")])
        #expect(lab.read("outside/file") == "outside\n")
        #expect(try lab.inside("ls -A \"$0\"/host") == "")

        try lab.inside("mkdir -p \"$0\"/host/bob/m \"$0\"/host/bob/n && mount --bind \"$0\"/outside \"$0\"/host/bob/m")
        #expect(throws: GuestError("\(lab.path("host/bob/m")): cannot be removed: something is mounted here")) {
            try worker(lab).run(["remove", lab.path("host/bob")])
        }
        #expect(lab.read("outside/file") == "outside\n")
        try lab.inside("umount \"$0\"/host/bob/m")
        try worker(lab).run(["remove", lab.path("host/bob")])
        #expect(try lab.inside("ls -A \"$0\"/host") == "")
    }

    @Test("snapshots are saved, restored and removed")
    func snapshots() throws {
        let lab = try RootsFixture()
        let snapshots = RootSnapshots(directory: lab.path("snapshots"))
        let roots = ["alice", "bob"].map { RootSnapshots.Root(guest: $0, upper: lab.path("host/\($0)")) }
        func run(_ verb: String, _ name: String?) throws {
            try worker(lab).run(RootWorker.snapshot(verb, name, in: snapshots, roots: verb == "remove" ? [] : roots))
        }
        try lab.write("1\n", "host/alice/state")
        try run("save", "first")
        #expect(snapshots.list().map(\.name) == ["first"])
        #expect(snapshots.list().first?.guests == ["alice", "bob"])
        #expect(throws: GuestError("snapshot first exists; remove it first, or take another name")) {
            try run("save", "first")
        }
        try lab.write("2\n", "host/alice/state")
        try lab.write("2\n", "host/bob/state")
        try run("restore", "first")
        #expect(lab.read("host/alice/state") == "1\n")
        #expect(lab.read("host/bob/state") == nil)
        #expect(snapshots.list().map(\.name) == ["before-restore", "first"])
        // Back again: what was replaced is kept in its turn.
        try run("restore", "before-restore")
        #expect(lab.read("host/alice/state") == "2\n")
        #expect(lab.read("host/bob/state") == "2\n")
        #expect(lab.read("snapshots/before-restore/roots/alice/state") == "1\n")
        #expect(throws: GuestError("no snapshot second; there are: before-restore, first")) {
            try run("restore", "second")
        }
        #expect(throws: GuestError.self) { try run("save", "../evil") }
        try run("remove", "first")
        #expect(snapshots.list().map(\.name) == ["before-restore"])
        #expect(try lab.inside("ls -A \"$0\"/host \"$0\"/snapshots | grep -v work").contains(".restore") == false)
    }

    @Test("a restore that was interrupted is forgotten, or finished")
    func interrupted() throws {
        let lab = try RootsFixture()
        let snapshots = RootSnapshots(directory: lab.path("snapshots"))
        let roots = ["alice", "bob"].map { RootSnapshots.Root(guest: $0, upper: lab.path("host/\($0)")) }
        func recover() throws {
            try worker(lab).run(RootWorker.snapshot("recover", nil, in: snapshots, roots: roots))
        }
        for guest in ["alice", "bob"] {
            try lab.write("old\n", "host/\(guest)/state")
            try lab.write("new\n", "host/.restore/\(guest)/state")
        }
        try recover()
        #expect(lab.read("host/alice/state") == "old\n")
        #expect(!FileManager.default.fileExists(atPath: lab.path("host/.restore")))
        // Half way: alice is done, bob's old one is away already.
        try lab.write("new\n", "host/alice/state")
        try lab.write("old\n", "host/.replaced/alice/state")
        try lab.write("old\n", "host/.replaced/bob/state")
        try FileManager.default.removeItem(atPath: lab.path("host/bob"))
        try lab.write("new\n", "host/.restore/bob/state")
        try lab.write("", "host/.restore/.ready/mark")
        try recover()
        #expect(lab.read("host/alice/state") == "new\n")
        #expect(lab.read("host/bob/state") == "new\n")
        #expect(lab.read("snapshots/before-restore/roots/alice/state") == "old\n")
        #expect(lab.read("snapshots/before-restore/roots/bob/state") == "old\n")
    }

    @Test("a full disk is said so, and nothing is lost")
    func fullDisk() throws {
        let lab = try RootsFixture()
        let snapshots = RootSnapshots(directory: lab.path("snapshots"))
        let roots = [RootSnapshots.Root(guest: "alice", upper: lab.path("host/alice"))]
        try lab.write(String(repeating: "x", count: 300_000), "host/alice/big")
        try lab.inside("mkdir \"$0\"/snapshots; mount -t tmpfs -o size=128k none \"$0\"/snapshots")
        do {
            try worker(lab).run(RootWorker.snapshot("save", "s", in: snapshots, roots: roots))
            Issue.record("it found room")
        } catch {
            #expect(error.message.contains("alice/big") && error.message.hasSuffix("the disk is full"))
        }
        #expect(try lab.inside("ls -A \"$0\"/snapshots; umount \"$0\"/snapshots") == "")
        #expect(lab.read("host/alice/big")?.count == 300_000)
        // A guest whose own disk is full cannot be mounted, and says why.
        try lab.write("m\n", "master/m")
        try lab.inside(
            "mount -t tmpfs -o size=16k,nr_inodes=4 none \"$0\"/host; mkdir -p \"$0\"/host/alice \"$0\"/host/.work"
        )
        let mounts = try lab.mounts()
        let error: GuestError? = try lab.wait { mounts.mount(lab.plan("alice"), guest: "alice", then: $0) }
        #expect(error != nil)
    }
}
