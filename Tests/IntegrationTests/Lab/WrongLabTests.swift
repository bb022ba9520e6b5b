// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Labs that cannot be: one line each, the right status, and nothing begun that the next `up` does not put right.
    @Suite("Labs that cannot be")
    struct WrongLabs {
        private func withLab(_ file: String = RunningLab.two, _ body: (RunningLab) throws -> Void) throws {
            try RunningLab.withLab(file, needs: ["ping", "busybox"], body)
        }

        @Test("names that are none, in a file and by a verb")
        func names() throws {
            try withLab { lab in
                let long = String(repeating: "n", count: 64)
                for (file, mention) in [
                    ("guests: {a/b: {}}", "lab.yaml:1:10: guest \"a/b\": a name has letters"),
                    ("guests: {\(long): {}}", "a name has at most 63 bytes, this one 64"),
                    ("guests: {a: {interfaces: {e/0: {}}}}", "interface \"a:e/0\""),
                    ("guests: {a: {interfaces: {sixteen-letters0: {}}}}", "1 to 15 bytes, this one 16"),
                    ("name: a/b\nguests: {a: {}}", "lab.yaml:1:7: "),
                    ("guests: {a: {}}\nsegments: {../lan: {}}", "lab.yaml:2:12: segment \"../lan\""),
                ] {
                    try lab.write(file)
                    expectError(try lab.run(["up"]), 2, mention)
                }
                try lab.write(RunningLab.two)
                try lab.check("up")
                for (words, mention) in [
                    (["guest", "create", "a/b"], "a/b"), (["guest", "create", ""], ""),
                    (["guest", "create", long], "63 bytes"),
                    (["interface", "add", "alice:e/0"], "e/0"),
                    (["interface", "add", "alice:sixteen-letters0"], "sixteen-letters0"),
                    (["segment", "add", "../lan"], "../lan"), (["link", "move", "alice:eth0", "a/b"], "a/b"),
                    (["guest", "start", "a/b"], "a/b"), (["guest", "start", ""], "a name is empty"),
                    (["exec", "a/b", "true"], "a/b"), (["logs", "a/b"], "a/b"),
                ] {
                    let program = try lab.run(words)
                    #expect(program.end == .exited(2), "\(words): \(program.transcript)")
                    #expect(program.errorLines.count == 1, "\(words): \(program.transcript)")
                    #expect(mention.isEmpty || program.errorOutput.contains(mention), "\(words): \(program.transcript)")
                }
                #expect(try lab.check("up", "--dry-run") == "nothing to do\n")
                // The longest names that there are, on a kernel bridge, whose interfaces need names of their own there.
                let guest = String(repeating: "g", count: 63)
                try lab.write(
                    """
                    guests:
                      \(guest): {interfaces: {fifteen-letters: {segment: \(guest)s, address: 10.1.0.1/24}}}
                      bob: {interfaces: {fifteen-letters: {segment: \(guest)s, address: 10.1.0.2/24}}}
                    segments: {\(guest)s: {kind: bridge}}
                    """.replacing("\(guest)s", with: "br0")
                )
                try lab.check("up")
                try lab.ping("bob", "10.1.0.1")
            }
        }

        @Test("kernels that are missing, of another machine, or none at all")
        func kernels() throws {
            try withLab { lab in
                try lab.makeMaster()
                try lab.shell(
                    """
                    cd \(lab.directory); echo text >text; cp master/bin/busybox program; mkdir directory
                    cp program other; printf '\\267\\000' | dd of=other bs=1 seek=18 conv=notrunc 2>/dev/null
                    head -c 100 program >short; cp program closed; chmod 0 closed
                    """
                )
                for (kernel, status, mention) in [
                    ("missing", 2, "does not exist"), ("text", 2, "text"), ("program", 2, "program"),
                    ("directory", 2, "directory"), ("other", 4, "aarch64"), ("short", 2, "short"),
                    ("closed", 2, "closed"),
                ] as [(String, Int32, String)] {
                    try lab.write("guests: {alice: {kind: uml, kernel: \(kernel)}, bob: {}}")
                    let up = try lab.run(["up"])
                    let said = "\(kernel): \(up.transcript)"
                    #expect(up.end == .exited(status), "\(said)")
                    let errors = up.errorLines.filter { $0.hasPrefix("etherloom: ") }
                    #expect(errors.count == 1 && errors[0].contains(mention), "\(said)")
                }
                // What was begun is there, and goes on when the file is right.
                try lab.write("guests: {alice: {}, bob: {}}")
                try lab.check("up")
                #expect(try lab.check("exec", "alice", "cat", "/srv/old") == "old\n")
                for file in [
                    "{kind: qemu, kernel: missing}", "{kind: qemu, image: missing}", "{kind: uml}", "{master: missing}",
                ] {
                    try lab.write("guests: {alice: \(file)}")
                    expectError(try lab.run(["up"]), 2, "missing")
                }
                #expect(try lab.check("exec", "alice", "cat", "/srv/old") == "old\n")
            }
        }

        @Test("a root that does not boot is said so, at once")
        func unbootable() throws {
            try withLab { lab in
                try lab.shell("mkdir -p \(lab.directory)/master/etc; echo nothing >\(lab.directory)/master/etc/issue")
                let up = try lab.run(["up"])
                #expect(up.end == .exited(0) || up.end == .exited(1), "\(up.transcript)")
                try lab.check("down", "--grace", "1")
                guard RunningLab.hasKernel else { return }
                try lab.shell("ln -s \(RunningLab.kernel) \(lab.directory)/linux")
                try lab.write("guests: {alice: {kind: uml, memory: 4M}}")
                let start = Date()
                let failed = try lab.run(["up"])
                #expect(failed.end == .exited(1), "\(failed.transcript)")
                let errors = failed.errorLines.filter { $0.hasPrefix("etherloom: ") }
                #expect(errors.count == 1 && errors[0].contains("alice"), "\(failed.transcript)")
                #expect(Date().timeIntervalSince(start) < 20)
                // Nobody waits for one who will not come.
                let waits = try lab.run(["guest", "wait", "alice", "--timeout", "30"], seconds: 10)
                #expect(waits.end == .exited(1) && waits.errorLines.count == 1, "\(waits.transcript)")
                try lab.check("guest", "stop", "alice")
            }
        }

        @Test("a guest that failed or was stopped is not waited for")
        func waiting() throws {
            let file = """
                guests:
                  alice: {command: "sleep 0.2; exit 3", ready: {command: "test -e /never", interval: 50ms}}
                  bob: {}
                  carol: {after: alice}
                """
            try withLab(file) { lab in
                let up = try lab.run(["up", "--timeout", "60"], seconds: 20)
                #expect(up.end == .exited(1), "\(up.transcript)")
                #expect(
                    up.errorLines.filter { $0.hasPrefix("etherloom: ") }
                        == ["etherloom: guest \"alice\" ended with status 3"],
                    "\(up.transcript)"
                )
                for state in ["running", "paused"] {
                    let wait = try lab.run(
                        ["guest", "wait", "alice", "--state", state, "--timeout", "30"],
                        seconds: 10
                    )
                    expectError(wait, 1, "alice has stopped")
                }
                try lab.check("guest", "wait", "alice", "--state", "stopped", "--timeout", "5")
                let carol = try lab.run(["guest", "wait", "carol", "--timeout", "1"])
                #expect(carol.end == .exited(3) && carol.errorLines.count == 1, "\(carol.transcript)")
                for words in [["stop"], ["stop", "--grace", "30"], ["kill"]] {
                    let program = try lab.run(["guest"] + words + ["alice", "--timeout", "20"], seconds: 5)
                    #expect(program.end == .exited(0), "\(words): \(program.transcript)")
                }
                for words in [["pause"], ["resume"], ["reset"]] {
                    expectError(try lab.run(["guest"] + words + ["alice"], seconds: 5), 1, "alice is stopped")
                }
                try lab.check("guest", "start", "bob")
                try lab.check("guest", "stop", "bob")
                try lab.check("guest", "stop", "bob")
                let started = try lab.run(["guest", "start", "alice", "--timeout", "30"], seconds: 10)
                expectError(started, 1, "alice")
            }
        }

        @Test("a running lab is not renamed, and no two labs share a directory")
        func sharedDirectory() throws {
            try withLab { lab in
                try lab.check("up")
                try lab.write("name: other\n" + RunningLab.two)
                expectError(try lab.run(["up"]), 2, "a lab runs in \(lab.directory) already, \"mesh\"")
                // By a daemon that does not know of the first one.
                let elsewhere = lab.host.data("xdg")
                try lab.shell("mkdir -m 700 \(elsewhere)")
                let second = try lab.run(["up"], environment: ["XDG_RUNTIME_DIR=\(elsewhere)"])
                expectError(second, 2, "a lab runs in \(lab.directory) already, \"mesh\"; take it down first")
                try lab.host.stopDaemon(pidFile: elsewhere + "/etherloom/daemon.pid")
                #expect(try lab.shell("ls -A \(elsewhere)/etherloom 2>/dev/null || true") == "")
                try lab.ping("alice", "10.1.0.2")
                try lab.check("down", "--grace", "1")
                try lab.check("up")
                #expect(try lab.json("inspect")["name"]?.text == "other")
            }
        }

        @Test("what a lab cannot have is not set in a running guest either")
        func clashes() throws {
            let file = RunningLab.two + "\ngateways: {gate: {segment: lan, address: 10.1.0.254/24}}"
            try withLab(file) { lab in
                try lab.check("up")
                for address in ["10.1.0.2", "10.1.0.3", "10.1.0.254"] {
                    let program = try lab.run(["network", "alice", "addr", "add", address + "/24", "dev", "eth0"])
                    expectError(program, 2, address)
                }
                #expect(try lab.check("network", "alice", "addr").components(separatedBy: "inet 10.1.0.").count == 2)
                try lab.check("network", "alice", "addr", "add", "10.1.0.4/24", "dev", "eth0")
                try lab.check("forward", "add", "127.0.0.1:8081:alice:80")
                expectError(try lab.run(["forward", "add", "127.0.0.1:8082:10.1.0.3:80"]), 2, "10.1.0.3")
                #expect(try lab.check("save").contains("10.1.0.4/24"))
            }
        }

        @Test("two labs of one name, also while the first one comes up; a lab that was moved")
        func twins() throws {
            try withLab("name: mesh\n" + RunningLab.two) { lab in
                try lab.makeMaster()
                let other = try RunningLab(lab.host, as: lab.user, "name: mesh\n" + RunningLab.two, name: "other")
                try other.makeMaster()
                let first = try lab.start(["up"])
                let second = try other.run(["up"])
                try first.waitForEnd()
                // One of them was first.
                let (up, refused) = first.end == .exited(0) ? (lab, second) : (other, first)
                expectError(refused, 2, "a lab \"mesh\" runs already, from \(up.directory)")
                #expect(try up.check("up", "--dry-run") == "nothing to do\n")
                let none = try (up.directory == lab.directory ? other : lab).run(["down"])
                #expect(none.end == .exited(0))
                try up.ping("alice", "10.1.0.2")
                #expect(
                    try lab.shell("readlink \(up.directory)/run/runtime")
                        == (try up.json("inspect")["runtime"]?.text ?? "") + "\n"
                )
                try up.check("exec", "alice", "--", "sh", "-c", "echo moved >/etc/moved")
                try up.check("down", "--grace", "1")
                #expect(try lab.shell("ls \(up.directory)/run") == "alice\nbob\n")
                let place = lab.host.data("elsewhere")
                try lab.shell("mv \(up.directory) \(place)")
                let moved = RunningLab(lab.host, as: lab.user, at: place)
                try moved.check("up")
                try moved.check("down", "--grace", "1")
                try lab.shell("mv \(place) \(up.directory)")
            }
        }
    }
}
