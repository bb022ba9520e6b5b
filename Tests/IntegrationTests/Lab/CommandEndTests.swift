// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// When a guest has come up, and when not.
    @Suite("Ends of commands")
    struct CommandEnds {
        private func withLab(_ file: String, _ body: (RunningLab) throws -> Void) throws {
            try RunningLab.withLab(file, needs: ["busybox"], master: true, body)
        }

        @Test(
            "what up says of a guest's command does not depend on who is faster",
            arguments: [
                ("[/bin/false]", "ended with status 1"), ("[/bin/true]", ""),
                (#""sleep 0.05; exit 3""#, "ended with status 3"),
                ("[/nonexistent]", "/nonexistent: command not found"),
                ("[/etc/issue]", "/etc/issue: "),
            ]
        )
        func shortLived(command: String, reason: String) throws {
            let names = (0..<10).map { "g\($0)" }
            let isNoProgram = reason.hasPrefix("/")
            try withLab(
                "defaults: {command: \(command)}\nguests: {\(names.map { "\($0): {}" }.joined(separator: ", "))}"
            ) { lab in
                for _ in 0..<5 {
                    let up = try lab.run(["up", "-q"])
                    #expect(up.end == .exited(isNoProgram ? 1 : 0), "\(up.transcript)")
                    #expect(up.errorLines.allSatisfy { $0.contains(reason) }, "\(up.transcript)")
                    if isNoProgram { #expect(up.errorLines.first?.hasPrefix("etherloom: g") == true) }
                    try wait(for: "what became of them") {
                        try lab.json("ps", "--format", "json").list?.allSatisfy { guest in
                            let error = guest["error"]?.text ?? ""
                            return guest["state"]?.text == "stopped"
                                && (reason.isEmpty ? error.isEmpty : error.contains(reason))
                        } == true
                    }
                    let start = try lab.run(["guest", "start", names[0]])
                    #expect(start.end == .exited(isNoProgram ? 1 : 0), "\(start.transcript)")
                    try lab.check("guest", "wait", names[0], "--state", "stopped", "--timeout", "10")
                }
            }
        }

        @Test("a guest is waited for that has yet to do its work, and no other")
        func deeds() throws {
            let file = """
                guests:
                  setup: {command: "true"}
                  slow: {ready: {command: "test -e /srv/up", interval: 50ms}, command: "sleep 0.4; touch /srv/up; sleep 1000"}
                  last: {after: [setup, slow]}
                  hung: {ready: {command: "sleep 1000", timeout: 500ms}}
                  lost: {ready: {console: up}, command: "sleep 0.2"}
                  never: {after: none}
                  none: {command: [/nonexistent], restart: always}
                """
            try withLab(file) { lab in
                try lab.check("up", "last")
                for (guest, reason) in [
                    ("hung", "guest \"hung\" is not ready after 500ms"),
                    ("lost", "guest \"lost\" ended before it was ready"),
                    ("never", "none: /nonexistent: command not found"),
                ] {
                    let up = try lab.run(["up", "-q", guest, "--timeout", "60"], seconds: 20)
                    expectError(up, 1, reason)
                }
                // One that was not ready in time is looked at again.
                expectError(try lab.run(["up", "-q", "hung"], seconds: 20), 1, "is not ready after 500ms")
                // What it wrote in an earlier life says nothing of this one.
                try lab.write(
                    file.replacing(
                        "lost: {ready: {console: up}, command: \"sleep 0.2\"}",
                        with: """
                            lost: {ready: {console: up, interval: 50ms}, command: "test -e /srv/was || { touch /srv/was; echo up; }; sleep 0.5"}
                            """
                    )
                )
                try lab.check("up", "-q", "lost")
                try lab.check("guest", "wait", "lost", "--state", "stopped", "--timeout", "10")
                expectError(try lab.run(["up", "-q", "lost"]), 1, "ended before it was ready")
                // With those before it, and while it still stops.
                try lab.check("guest", "stop", "slow")
                try lab.check("guest", "stop", "last")
                try lab.check("guest", "start", "last", "--timeout", "20")
                try lab.check("guest", "stop", "last", "--no-wait")
                try lab.check("guest", "start", "last", "--timeout", "20")
                #expect(try lab.json("inspect", "last")["state"]?.text == "running")
                #expect(try lab.json("inspect", "slow")["state"]?.text == "running")
                try lab.check("down", "--grace", "1")
                #expect(try lab.check("up", "-n", "last").contains("start setup\nstart slow\nstart last\n"))
            }
        }
    }
}
