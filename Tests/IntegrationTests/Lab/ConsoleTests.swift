// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Consoles of guests on terminals: several who read, one who types.
    @Suite("Consoles of labs")
    struct LabConsoleTests {
        /// What alice runs there: answers lines, and says how large she sees it.
        private static let command =
            "echo first; while read line; do if [ \"$line\" = size ]; then stty size; else echo \"got $line\"; fi; done"

        private func withConsole(_ kind: GuestKind, _ body: (RunningLab) throws -> Void) throws {
            try RunningLab.with(kind, command: Self.command) { lab in
                try wait(for: "alice's first line") { try lab.check("logs", "alice").contains("first") }
                try body(lab)
            }
        }

        @Test("one types, others read; who takes the keys has them; a key leaves", arguments: GuestKind.allCases)
        func sharing(kind: GuestKind) throws {
            try withConsole(kind) { lab in
                let (writer, reader) = (try LabDesk(lab), try LabDesk(lab))
                try writer.type("etherloom console alice --history 1000000; echo status=$?\n")
                try writer.expect("\nfirst")
                try writer.waitUntilTaken()
                try writer.type("hello\r")
                try writer.expect("\ngot hello")

                let refusal = try reader.run("etherloom console alice; echo status=$?")
                #expect(refusal.contains("somebody writes to this console already") && refusal.contains("status=1"))
                try reader.type("etherloom console --read alice --history 0; echo status=$?\n")
                // It reads when it sees what is typed from here on.
                try wait(for: "the reader") {
                    try writer.type("both\r")
                    try writer.expect("\ngot both")
                    return reader.shows("\ngot both")
                }
                try reader.type("mischief\n")
                try writer.type("again\r")
                try writer.expect("\ngot again")
                try reader.expect("\ngot again")
                try reader.type("\u{3}")
                // A shell gives up the rest of a line that is interrupted.
                try reader.waitForPrompt()
                let status = try reader.run("echo status=$?")
                #expect(status.contains("status=130"), "\(status)")

                try reader.type("etherloom console --steal alice --history 0 --detach-key ^A; echo status=$?\n")
                try writer.expect("somebody else types here now")
                try reader.waitUntilTaken()
                try writer.type("late\r")
                // The usual key is one as any other now.
                try reader.type("stolen \u{1d}\r")
                try reader.expect("\ngot stolen")
                try writer.expect("\ngot stolen")
                try reader.type("\u{1}")
                try reader.expect("\nstatus=0")
                try reader.waitUntilFree()
                try writer.type("\u{1d}")
                try writer.expect("\nstatus=0")
                try writer.waitUntilFree()
                let log = try lab.check("logs", "alice")
                #expect(!log.contains("got mischief") && !log.contains("got late"))
                for desk in [writer, reader] { try desk.leave() }
            }
        }

        @Test("the guest's console has the size of the terminal before it", arguments: GuestKind.allCases)
        func size(kind: GuestKind) throws {
            try withConsole(kind) { lab in
                let desk = try LabDesk(lab, columns: 101, rows: 33)
                try desk.type("etherloom console alice; echo status=$?\n")
                try desk.waitUntilTaken()
                /// A size passes by the keeper, and by the agent, beside what is typed.
                func expect(_ size: String) throws {
                    try wait(for: "\(size) in alice") {
                        try desk.type("size\rmark\r")
                        return try desk.expect("\ngot mark").contains("\n\(size)")
                    }
                }
                try expect("33 101")
                try desk.resize(columns: 66, rows: 22)
                try expect("22 66")
                try desk.type("\u{1d}")
                try desk.expect("\nstatus=0")
                try desk.leave()
            }
        }

        @Test("all is logged from the first byte, and outlives guest and lab", arguments: GuestKind.allCases)
        func log(kind: GuestKind) throws {
            try withConsole(kind) { lab in
                let follower = try lab.host.start(
                    [lab.host.etherloom, "logs", "-C", lab.directory, "--follow", "alice"],
                    as: lab.user
                )
                try follower.wait(forOutput: "first")
                // A text from a script, with and without the line's end.
                let script = try lab.host.write(
                    "guest type alice 'by a script'\nguest type alice --raw 'two '\nguest type alice parts\n",
                    data: "typing"
                )
                try lab.host.check([lab.host.etherloom, "prompt", "-C", lab.directory, script], as: lab.user)
                for line in ["got by a script", "got two parts"] { try follower.wait(forOutput: line) }
                let log = try lab.check("logs", "alice")
                #expect(log.hasPrefix(kind == .process ? "first" : "Core dump limits") || log.contains("Linux version"))
                #expect(follower.output == log)
                try lab.check("guest", "kill", "alice")
                #expect(try lab.check("logs", "alice").contains("got two parts"))
                // Who reads goes on with the guest's next life.
                try lab.check("guest", "start", "alice")
                try wait(for: "alice's second first line") {
                    follower.output.components(separatedBy: "first\r\n").count == 3
                }
                try follower.stop(SIGINT)
                try lab.check("down", "--grace", "1")
                #expect(try lab.check("logs", "alice").contains("got two parts"))
                // It is there for the end of the test.
                try lab.check("up")
            }
        }
    }
}
