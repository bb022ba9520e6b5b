// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import TestSupport
import Testing

extension Integration {
    /// Whole labs by the command line.
    @Suite("Labs")
    struct LabTests {
        private func withLab(
            _ file: String = RunningLab.two,
            _ user: HostNamespace.User = .ordinary,
            _ body: (RunningLab) throws -> Void
        ) throws {
            try RunningLab.withLab(file, as: user, needs: ["ping"], body)
        }

        @Test(
            "up, ping, exec, up again without effect, down without remains",
            arguments: [HostNamespace.User.ordinary, .runner]
        )
        func upAndDown(user: HostNamespace.User) throws {
            try withLab(RunningLab.two, user) { lab in
                let plan = try lab.check("up", "--dry-run")
                #expect(plan.contains("+ guest alice process"))
                #expect(plan.contains("start bob"))
                try lab.check("up")
                try lab.ping("alice", "10.1.0.2")
                #expect(try lab.check("exec", "bob", "hostname") == "bob\n")
                #expect(try lab.run(["exec", "bob", "--", "sh", "-c", "exit 7"]).end == .exited(7))
                let all = try lab.check("exec", "--all", "hostname").split(separator: "\n").sorted()
                #expect(all == ["alice: alice", "bob: bob"])
                let again = try lab.json("up", "--format", "json")
                #expect(again["changes"]?.list?.isEmpty == true, "\(again)")
                let guests = try lab.json("ps", "--format", "json")
                #expect(guests.list?.map { $0["state"]?.text } == ["running", "running"])
                #expect(guests.list?.allSatisfy { ($0["pid"]?.integer ?? 0) > 0 } == true)
                // Twice is no error.
                try lab.check("down")
            }
        }

        @Test("a moved link is another network; a cut one is none; the lab file brings all back")
        func links() throws {
            try withLab { lab in
                try lab.check("up")
                try lab.check("link", "move", "bob:eth0", "wan", "--down-for", "0")
                #expect(try lab.run(["exec", "alice", "ping", "-c", "1", "-W", "1", "10.1.0.2"]).end == .exited(1))
                try lab.check("link", "move", "alice:eth0", "wan", "--down-for", "0")
                try lab.ping("alice", "10.1.0.2")
                try lab.check("link", "down", "bob:eth0")
                #expect(try lab.check("exec", "bob", "cat", "/sys/class/net/eth0/carrier") == "0\n")
                try lab.check("link", "up", "bob:eth0")
                try lab.ping("alice", "10.1.0.2")
                let saved = try lab.check("save")
                #expect(saved.contains("segment: wan"))
                let plan = try lab.check("up", "--dry-run")
                #expect(plan.split(separator: "\n").count == 2, "\(plan)")
                try lab.check("up")
                #expect(try lab.json("segment", "ls", "--format", "json").list?[0]["members"]?.texts?.count == 2)
                try lab.ping("bob", "10.1.0.1")
            }
        }

        @Test("interfaces, segments, addresses and guests come and go while others run")
        func topology() throws {
            try withLab { lab in
                try lab.check("up")
                let before = try lab.json("inspect", "alice")["pid"]
                try lab.check("segment", "add", "dmz", "kind=hub")
                try lab.check("interface", "add", "alice:eth1", "segment=dmz", "address=10.3.0.1/24")
                try lab.check("guest", "create", "carol")
                try lab.check("interface", "add", "carol:eth0", "segment=dmz", "address=10.3.0.3/24")
                try lab.check("guest", "start", "carol")
                try lab.ping("alice", "10.3.0.3")
                try lab.check("network", "carol", "addr", "add", "10.3.0.33/24", "dev", "eth0")
                try lab.ping("alice", "10.3.0.33")
                #expect(try lab.check("save").contains("10.3.0.33/24"))
                #expect(try lab.json("inspect", "alice")["pid"] == before)
                try lab.check("guest", "delete", "carol")
                try lab.check("interface", "remove", "alice:eth1")
                try lab.check("segment", "remove", "dmz")
                let again = try lab.json("up", "--format", "json")
                #expect(again["changes"]?.list?.isEmpty == true, "\(again)")
                let wrong = try lab.run(["link", "move", "alice:eth0", "nowhere"])
                #expect(wrong.end == .exited(2))
                #expect(wrong.errorOutput.contains("there is no segment \"nowhere\""))
            }
        }

        @Test("a daemon that is killed disturbs nobody; the next one has all labs", arguments: [SIGTERM, SIGKILL])
        func adoption(signal: Int32) throws {
            try withLab { lab in
                try lab.check("up")
                let before = try lab.json("inspect", "alice")["pid"]
                try lab.endDaemon(signal)
                // No daemon is needed for this.
                try lab.ping("alice", "10.1.0.2")
                let after = try lab.json("inspect", "alice")
                #expect(after["pid"] == before)
                #expect(after["ready"]?.flag == true)
                let again = try lab.json("up", "--format", "json")
                #expect(again["changes"]?.list?.isEmpty == true, "\(again)")
                try lab.check("link", "move", "bob:eth0", "wan", "--down-for", "0")
            }
        }

        @Test("guests start in their order, are ready by their checks, and are started again by their policies")
        func supervision() throws {
            let file = """
                guests:
                  db:
                    command: "sleep 0.5; touch /tmp/up; sleep 1000"
                    ready: {command: "test -e /tmp/up", interval: 50ms}
                    environment: {A: "1"}
                  web: {after: db, restart: always}
                """
            try withLab(file) { lab in
                try lab.check("up")
                let guests = try lab.json("ps", "--format", "json").list ?? []
                #expect(guests.allSatisfy { $0["ready"]?.flag == true })
                #expect((guests[1]["since"]?.integer ?? 0) >= (guests[0]["since"]?.integer ?? .max))
                let process = try lab.json("inspect", "web")["pid"]?.integer ?? 0
                #expect(process > 0)
                kill(Int32(process), SIGKILL)
                try wait(for: "web to run again") {
                    let web = try lab.json("inspect", "web")
                    return web["state"]?.text == "running" && web["pid"]?.integer != process
                }
                #expect(try lab.json("inspect", "web")["restarts"]?.integer == 1)
                try lab.check("guest", "stop", "web")
                #expect(try lab.json("inspect", "web")["state"]?.text == "stopped")
            }
        }

        @Test("what is wrong is said in one line, with the status for it")
        func errors() throws {
            try withLab { lab in
                let early = try lab.run(["exec", "alice", "true"])
                #expect(early.end == .exited(1))
                #expect(early.errorOutput.contains("does not run; start it with: etherloom up"))
                try lab.write("guests: {alice: {kind: uml}}")
                let missing = try lab.run(["up"])
                #expect(missing.end == .exited(2))
                #expect(missing.errorOutput.contains("linux is missing"), "\(missing.errorOutput)")
                try lab.write("guests: {alice: {kid: uml}}")
                #expect(try lab.run(["up"]).errorOutput.contains("lab.yaml:1:18: unknown key \"kid\""))
                try lab.write(RunningLab.two)
                try lab.check("up")
                let other = try RunningLab(lab.host, as: lab.user, "name: mesh\n" + RunningLab.two, name: "other")
                let taken = try other.run(["up"])
                #expect(taken.end == .exited(2))
                #expect(taken.errorOutput.contains("runs already, from \(lab.directory)"), "\(taken.errorOutput)")
            }
        }

        @Test("files are copied in and out, trees too; the console's log is there")
        func copies() throws {
            try require("tar")
            try withLab { lab in
                try lab.check("up")
                let file = try lab.host.write("hello\n", data: "greeting")
                try lab.check("cp", file, "alice:/tmp/renamed")
                #expect(try lab.check("exec", "alice", "cat", "/tmp/renamed") == "hello\n")
                try lab.check("exec", "alice", "mkdir", "-p", "/tmp/tree/deep")
                try lab.check("exec", "alice", "cp", "/tmp/renamed", "/tmp/tree/deep/file")
                try lab.check("cp", "alice:/tmp/tree", lab.directory)
                let copied = try String(contentsOfFile: lab.directory + "/tree/deep/file", encoding: .utf8)
                #expect(copied == "hello\n")
            }
        }

        @Test("what a guest sends beside what was asked for goes nowhere, whatever tar it has")
        func hostileCopies() throws {
            try require("tar", "busybox")
            try withLab { lab in
                try lab.makeMaster()
                // A name that nobody asked for, and a program that sets its user.
                try lab.shell(
                    """
                    mkdir -p \(lab.directory)/evil \(lab.directory)/home/safe; cd \(lab.directory)/evil
                    echo good >wanted; echo evil >.profile; ln -s safe door; chmod 4755 wanted
                    tar -cf ../evil.tar wanted .profile door
                    cd ../master/bin; rm tar; printf '#!/bin/sh\\ncat /evil.tar\\n' >tar; chmod 755 tar
                    cp ../../evil.tar ../evil.tar
                    """
                )
                try lab.check("up")
                let home = lab.directory + "/home"
                try lab.check("cp", "alice:/tmp/wanted", home)
                #expect(try lab.shell("ls -A \(home)") == "safe\nwanted\n")
                #expect(try lab.shell("ls -A \(home)/safe; stat -c %a \(home)/wanted") == "755\n")
                // A link comes as one.
                try lab.check("cp", "alice:/tmp/door", home)
                #expect(try lab.shell("ls -A \(home)/safe; readlink \(home)/door") == "safe\n")
            }
        }
    }
}
