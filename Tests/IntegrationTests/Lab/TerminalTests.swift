// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// Commands in guests, from a user's terminal.
    @Suite("Commands of labs on a terminal")
    struct LabTerminalTests {
        @Test("a command has the terminal's size and keys, and its status is the verb's", arguments: GuestKind.allCases)
        func command(kind: GuestKind) throws {
            try RunningLab.with(kind) { lab in
                let desk = try LabDesk(lab, columns: 90, rows: 30)
                try desk.type(
                    "etherloom exec -t alice -- sh -c 'stty size; while [ \"$(stty size)\" = \"30 90\" ]; do sleep 0.1; "
                        + "done; "
                        + "stty size; tty; read word; echo got $word; exit 5'; echo status=$?\n"
                )
                try desk.expect("\n30 90")
                try desk.waitUntilTaken()
                try desk.resize(columns: 70, rows: 20)
                try desk.expect("\n20 70")
                try desk.expect("\n/dev/pts/")
                try desk.type("word\r")
                try desk.expect("\ngot word")
                try desk.expect("status=5")
                try desk.waitUntilFree()

                // The keys for signals are the guest's.
                try desk.type("etherloom exec -t alice -- sh -c 'echo waits; exec sleep 1000'; echo status=$?\n")
                try desk.expect("\nwaits")
                try desk.waitUntilTaken()
                try desk.type("\u{3}")
                try desk.expect("status=130")
                try desk.waitUntilFree()

                // What cannot be started leaves the terminal as it was.
                #expect(try desk.run("etherloom exec -t alice -- /no/such; echo status=$?").contains("status=127"))
                try desk.waitUntilFree()
                try desk.leave()
            }
        }

        @Test("a login shell is a shell, with the guest's name and its own jobs", arguments: GuestKind.allCases)
        func shell(kind: GuestKind) throws {
            try RunningLab.with(kind) { lab in
                let desk = try LabDesk(lab)
                try desk.type("etherloom shell alice; echo status=$?\n")
                try desk.waitUntilTaken()
                try desk.type("echo $((20 + 22)) on $(hostname) by $TERM\r")
                try desk.expect("\n42 on alice by dumb")
                // A job that is interrupted leaves the shell as it is.
                try desk.type("sh -c 'echo sleeps; exec sleep 1000'\r")
                try desk.expect("\nsleeps")
                try desk.type("\u{3}")
                try desk.type("echo after $?\r")
                try desk.expect("\nafter 130")
                try desk.type("exit 9\r")
                try desk.expect("status=9")
                try desk.waitUntilFree()
                try desk.leave()
            }
        }

        @Test(
            "however the verb ends, the terminal is put right and the command ends with it",
            arguments: [SIGKILL, SIGTERM, SIGHUP]
        )
        func killed(signal: Int32) throws {
            try RunningLab.with(.process) { lab in
                let desk = try LabDesk(lab)
                for verb in ["exec -t alice -- sleep 1000", "shell alice", "console alice"] {
                    try desk.type("etherloom \(verb); echo status=$?\n")
                    try desk.waitUntilTaken()
                    kill(try desk.program(), signal)
                    try desk.expect("status=\(128 + signal)")
                    try desk.waitUntilFree()
                }
                try wait(for: "the end of alice's sleep") {
                    try lab.run(["exec", "alice", "pidof", "sleep"]).end == .exited(1)
                }
                // The console is free again, too.
                try desk.type("etherloom console alice; echo status=$?\n")
                try desk.waitUntilTaken()
                try desk.type("\u{1d}")
                try desk.expect("status=0")
                try desk.leave()
            }
        }

        @Test(
            "in many guests at once lines come as they are written, and the worst status counts",
            arguments: GuestKind.allCases
        )
        func many(kind: GuestKind) throws {
            try RunningLab.with(kind) { lab in
                let script = """
                    echo one; echo error >&2; while ! [ -e /tmp/go ]; do sleep 0.1; done
                    printf unfinished; [ $(hostname) = bob ] && exit 3
                    exit 1
                    """
                let both = try lab.host.start(
                    [lab.host.etherloom, "exec", "-C", lab.directory, "alice,bob", "--", "sh", "-c", script],
                    as: lab.user
                )
                for line in ["alice: one\n", "bob: one\n", "alice: error\n", "bob: error\n"] {
                    try both.wait(forOutput: line)
                }
                #expect(both.poll() == nil && !both.output.contains("unfinished"))
                try lab.check("exec", "--all", "touch", "/tmp/go")
                #expect(try both.waitForEnd() == .exited(3))
                #expect(
                    both.output.split(separator: "\n").sorted().map(String.init) == [
                        "alice: one", "alice: unfinished", "bob: one", "bob: unfinished",
                    ]
                )
                #expect(both.errorLines.sorted() == ["alice: error", "bob: error"])
                // One that is not there keeps nobody from his work.
                let partly = try lab.run(["exec", "alice,nobody", "--", "echo", "here"])
                #expect(partly.output == "alice: here\n" && partly.end == .exited(2), "\(partly.transcript)")
                // The end of the verb is the end of what it began.
                let endless = try lab.host.start(
                    [
                        lab.host.etherloom, "exec", "-C", lab.directory, "--all", "--", "sh", "-c",
                        "echo on; sleep 1000",
                    ],
                    as: lab.user
                )
                for name in ["alice", "bob"] { try endless.wait(forOutput: "\(name): on\n") }
                endless.send(signal: SIGKILL)
                for name in ["alice", "bob"] {
                    try wait(for: "the end of \(name)'s sleep") {
                        try lab.run(["exec", name, "pidof", "sleep"]).end == .exited(1)
                    }
                }
            }
        }

        @Test("input, output and errors of a command are whole, also when they are long", arguments: GuestKind.allCases)
        func streams(kind: GuestKind) throws {
            try require("sha256sum", "head")
            try RunningLab.with(kind) { lab in
                let file = lab.host.data("long")
                try lab.host.check(["sh", "-c", "head -c 3000000 /dev/urandom >\(file)"])
                let sum = try lab.host.check(["sha256sum", file]).prefix(64)
                let there = try lab.host.run(
                    [lab.host.etherloom, "exec", "-C", lab.directory, "alice", "sha256sum"],
                    as: lab.user,
                    input: .file(file)
                )
                #expect(there.output.hasPrefix(sum), "\(there.transcript)")
                let back = try lab.host.run(
                    [lab.host.etherloom, "exec", "-C", lab.directory, "alice", "--", "sh", "-c", "cat; echo end >&2"],
                    as: lab.user,
                    input: .file(file)
                )
                #expect(back.outputBytes.count == 3_000_000 && back.errorOutput == "end\n")
                let copy = try lab.host.write("", data: "copy")
                try Data(back.outputBytes).write(to: URL(fileURLWithPath: copy))
                #expect(try lab.host.check(["sha256sum", copy]).hasPrefix(sum))
            }
        }
    }
}
