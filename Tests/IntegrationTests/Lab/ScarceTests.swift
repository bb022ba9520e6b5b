// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Hosts that have too little of something.
    @Suite("Labs on scarce hosts")
    struct ScarceHosts {
        private func withLab(_ body: (RunningLab) throws -> Void) throws {
            try RunningLab.withLab(
                RunningLab.two,
                needs: ["ping", "busybox", "prlimit", "ps"],
                master: true,
                seconds: 600,
                body
            )
        }

        private func expectOneError(_ program: Program, _ what: String, mentions: String? = nil) {
            #expect(program.end == .exited(1) || program.end == .exited(4), "\(what): \(program.transcript)")
            // What hinders both guests is said of each.
            let lines = program.errorLines
            let isOne =
                lines.count == 1 || lines.count == 2 && Set(lines.map { $0.split(separator: " ").last }).count == 1
            #expect(isOne, "\(what): \(program.transcript)")
            if let mentions { #expect(program.errorOutput.contains(mentions), "\(what): \(program.transcript)") }
        }

        @Test("a full disk: one line, nothing is lost, and with room it goes on")
        func fullDisk() throws {
            try withLab { lab in
                let place = lab.host.data("small")
                try lab.host.check(["mkdir", place])
                try lab.host.check(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=400,mode=777", "none", place])
                let small = RunningLab(lab.host, as: lab.user, at: place)
                try small.write("name: small\ndefaults: {master: \(lab.directory)/master}\n" + RunningLab.two)
                func fill() throws {
                    try small.shell(
                        "mkdir -p \(place)/f; cd \(place)/f; cat /dev/zero >zero 2>/dev/null || true; "
                            + "i=0; while true >$i; do i=$((i+1)); done 2>/dev/null || true"
                    )
                }
                func free() throws { try small.shell("rm -rf \(place)/f") }

                // Before there is anything.
                try fill()
                expectOneError(try small.run(["up"]), "first up", mentions: "No space left")
                try free()
                try small.check("up")
                try small.ping("alice", "10.1.0.2")
                try small.check("exec", "alice", "--", "sh", "-c", "head -c 65536 /dev/zero >/srv/kept")
                func size() throws -> String { try small.check("exec", "alice", "stat", "-c", "%s", "/srv/kept") }

                // While it runs: guests are told, and go on.
                try fill()
                #expect(
                    try small.run(["exec", "alice", "--", "sh", "-c", "echo more >/srv/more && cat /srv/more"]).end
                        == .exited(1)
                )
                expectOneError(try small.run(["snapshot", "save", "one"]), "snapshot", mentions: "the disk is full")
                #expect(try small.json("snapshot", "ls", "--format", "json").list?.isEmpty == true)
                try small.ping("bob", "10.1.0.1")
                #expect(try size() == "65536\n")

                // A restore needs room for what was there.
                try free()
                try small.check("snapshot", "save", "one")
                try small.check("exec", "alice", "--", "sh", "-c", "head -c 70000 /dev/zero >/srv/kept")
                try fill()
                expectOneError(try small.run(["snapshot", "restore", "one"]), "restore", mentions: "the disk is full")
                #expect(try size() == "70000\n")

                // A life with a full disk, and the next with room.
                try small.check("down", "--grace", "1")
                let full = try small.run(["up"])
                if full.end != .exited(0) { expectOneError(full, "up with changes") }
                try free()
                try small.check("up")
                #expect(try size() == "70000\n")
                #expect(try small.check("exec", "alice", "ls", "/srv") == "kept\nold\n")
                try small.check("down", "--grace", "1")
                #expect(
                    try small.shell("ls -A \(place)/host/.restore \(place)/snapshots/.new-one 2>/dev/null || true")
                        == ""
                )
            }
        }

        /// Runs `up` with less and less scarcity, until it succeeds; each failure is one line, and without the limit all is
        /// there again.
        private func upWithLimits(_ lab: RunningLab, _ limits: [Int], _ option: (Int) throws -> String) throws -> Int {
            try lab.check("up")
            try lab.check("exec", "alice", "--", "sh", "-c", "echo kept >/srv/kept")
            try lab.check("down", "--grace", "0")
            var failures = 0
            for limit in limits {
                try lab.endDaemon()
                let program = try lab.start(["up"], prefix: ["prlimit", try option(limit)])
                try program.waitForEnd(seconds: 60)
                let isFine = program.end == .exited(0)
                if !isFine {
                    failures += 1
                    expectOneError(program, "limit \(limit)")
                }
                // The daemon has the limit too, and so have the keeper and all of its children.
                try lab.endDaemon(SIGKILL)
                // One that could not even write its number is about to end by itself.
                try wait(for: "the end of the lab with limit \(limit)") {
                    try lab.run(["down", "--grace", "1"]).end == .exited(0)
                }
                try lab.check("up")
                try lab.ping("bob", "10.1.0.1")
                #expect(try lab.check("exec", "alice", "cat", "/srv/kept") == "kept\n", "limit \(limit)")
                try lab.check("down", "--grace", "0")
                if isFine { return failures }
            }
            Issue.record("no limit was high enough")
            return failures
        }

        @Test("no more processes")
        func processes() throws {
            try withLab { lab in
                guard lab.host.isRoot else { return }
                let user = String(HostNamespace.ordinaryUserID)
                let failures = try upWithLimits(lab, [1, 2, 4, 6, 8, 10, 12, 14, 17, 20, 24, 28, 35, 50, 100, 200]) {
                    more in
                    // Those of other tests count, too.
                    let now = try lab.host.run(["ps", "-L", "-U", user, "-o", "lwp="]).output.split(separator: "\n")
                        .count
                    return "--nproc=\(now + more)"
                }
                #expect(failures > 0)
            }
        }

        @Test("no more descriptors")
        func descriptors() throws {
            try withLab { lab in
                let failures = try upWithLimits(lab, [4, 6, 8, 10, 12, 14, 16, 18, 20, 23, 26, 30, 40, 64, 256]) {
                    "--nofile=\($0):\($0)"
                }
                #expect(failures > 2)
            }
        }
    }
}
