// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestTraits
import Testing

/// The program under test, which lies beside the tests.
private let etherloom: String = {
    let tests = CommandLine.arguments[0]
    let directory = tests.lastIndex(of: "/").map { String(tests[..<$0]) } ?? "."
    return directory + "/etherloom"
}()

@Suite("run at a terminal", .mayRun(seconds: 180))
struct JobControlTests {
    private let terminal: TerminalSession

    init() throws {
        terminal = try TerminalSession()
        // Words that the shell shows as typed must not look like what is awaited: r""eady is not ready.
        terminal.type("\(etherloom) run -- sh -c 'echo st\"\"arted' || echo status\"\"=$?\n")
        do {
            try terminal.expect("started", seconds: 10)
        } catch let silence as TerminalSession.Silence {
            if silence.seen.contains("status=4") { try skip("no stacks here: \(silence.seen)") }
            throw silence
        }
        try terminal.expect(TerminalSession.prompt)
    }

    @Test("an interrupt ends the command, whose status the shell sees")
    func interrupts() throws {
        terminal.type("\(etherloom) run -- sh -c 'echo be\"\"gun; exec sleep 1000'\n")
        try terminal.expect("begun")
        terminal.type("\u{3}")
        try terminal.expect(TerminalSession.prompt)
        terminal.type("echo status\"\"=$?\n")
        try terminal.expect("status=130")
    }

    @Test("a stop gives the terminal back, fg continues", arguments: 1...10)
    func stops(round: Int) throws {
        terminal.type("\(etherloom) run -- sh -c 'echo be\"\"gun; read line; echo got\"\"=$line'\n")
        try terminal.expect("begun")
        terminal.type("\u{1a}")
        try terminal.expect("Stopped")
        try terminal.expect(TerminalSession.prompt)
        // What is typed now is the shell's: the command must have stopped reading before the shell is told.
        terminal.type("fg\n")
        try terminal.expect("read line")
        terminal.type("hello\n")
        try terminal.expect("got=hello")
        try terminal.expect(TerminalSession.prompt)
    }

    @Test("a command that tidies up before it stops has the terminal until then")
    func waitsForStop() throws {
        let script = """
            trap "echo tid""ied; trap - TSTP; kill -TSTP $$; echo ba""ck" TSTP; echo be""gun; while :; do sleep 1000 & wait; done
            """
        terminal.type("\(etherloom) run -- bash -c '\(script)'\n")
        try terminal.expect("begun")
        terminal.type("\u{1a}")
        try terminal.expect("tidied")
        try terminal.expect("Stopped")
        try terminal.expect(TerminalSession.prompt)
        terminal.type("fg\n")
        try terminal.expect("back")
        terminal.type("\u{3}")
        try terminal.expect(TerminalSession.prompt)
    }

    @Test("a command that ignores the stop goes on, and so does its supervisor")
    func ignoresStop() throws {
        terminal.type("\(etherloom) run -- bash -c 'trap \"\" TSTP; echo be\"\"gun; read line; echo got\"\"=$line'\n")
        try terminal.expect("begun")
        terminal.type("\u{1a}")
        terminal.type("hello\n")
        try terminal.expect("got=hello")
        try terminal.expect(TerminalSession.prompt)
    }

    @Test("an interactive shell inside has job control of its own, and its status is handed out")
    func hasJobControl() throws {
        terminal.type("\(etherloom) run -- env PS1='inner: ' bash --norc --noprofile --noediting -i\n")
        try terminal.expect("inner: ")
        let script = "trap \"echo conti\"\"nued\" CONT; echo be\"\"gun; while :; do sleep 1000 & wait; done"
        terminal.type("sh -c '\(script)'\n")
        try terminal.expect("begun")
        terminal.type("\u{1a}")
        try terminal.expect("Stopped")
        try terminal.expect("inner: ")
        terminal.type("fg\n")
        try terminal.expect("continued")
        terminal.type("\u{3}")
        try terminal.expect("inner: ")
        terminal.type("echo status\"\"=$?\n")
        try terminal.expect("status=130")
        terminal.type("exit 5\n")
        try terminal.expect(TerminalSession.prompt)
        terminal.type("echo status\"\"=$?\n")
        try terminal.expect("status=5")
    }

    @Test("after a shell inside, a script outside has the terminal again")
    func reclaimsTerminal() throws {
        terminal.type(
            "sh -c '\(etherloom) run -- env PS1=\"inner: \" bash --norc --noprofile --noediting -i; read line; echo got\"\"=$line'\n"
        )
        try terminal.expect("inner: ")
        // Without the terminal, read(1) would be stopped for reading from the background.
        terminal.type("exit\n")
        try terminal.expect("exit")
        terminal.type("hello\n")
        try terminal.expect("got=hello")
    }

    @Test("killing a stopped supervisor ends the command")
    func killsStopped() throws {
        let marker = "marker-\(UInt32.random(in: 0 ... .max))"
        terminal.type("\(etherloom) run -- sh -c 'echo be\"\"gun; read line; : \(marker)'\n")
        try terminal.expect("begun")
        terminal.type("\u{1a}")
        try terminal.expect("Stopped")
        try terminal.run("kill -9 $(jobs -p)")
        terminal.type("while pgrep -f '\(marker)' >/dev/null; do sleep 0.05; done; echo go\"\"ne\n")
        try terminal.expect("gone")
    }
}
