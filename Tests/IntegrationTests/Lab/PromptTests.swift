// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension Integration {
    /// The shell of labs: at a terminal, from a script, from standard input.
    @Suite("The prompt of labs")
    struct LabPromptTests {
        private func withLab(_ body: (RunningLab) throws -> Void) throws {
            try RunningLab.withLab { lab in
                try lab.check("up")
                try body(lab)
            }
        }

        private static let prompt = "mesh> "

        @Test(
            "at a terminal: names that there are complete themselves, keys interrupt verbs only, lines are remembered"
        )
        func interactive() throws {
            try withLab { lab in
                let desk = try LabDesk(lab)
                try desk.type("etherloom; echo status=$?\n")
                try desk.expect(Self.prompt)
                // A verb, a guest, a segment: by the first letters.
                try desk.type("ex")
                try desk.expect("ex")
                try desk.type("\t")
                // "exec" and "exit": nothing to insert, both are shown.
                try desk.expect("exec  exit")
                try desk.type("ec al\techo heard\r")
                try desk.expect("\(Self.prompt)exec alice echo heard")
                try desk.expect("\nheard")
                try desk.expect(Self.prompt)
                // What came since is known too.
                try lab.check("segment", "add", "backbone")
                try desk.type("link move bob:\tback\t--down-for 0\r")
                try desk.expect("\(Self.prompt)link move bob:eth0 backbone --down-for 0")
                try desk.expect(Self.prompt)
                let segments = try lab.json("segment", "ls", "--format", "json").list ?? []
                #expect(segments.first { $0["name"]?.text == "backbone" }?["members"]?.texts == ["bob:eth0"])
                // A verb that is interrupted; the prompt stays.
                try desk.type("exec alice -- sh -c 'echo runs; exec sleep 1000'\r")
                try desk.expect("\nruns")
                try desk.type("\u{3}")
                try desk.expect(Self.prompt)
                // A terminal inside a terminal.
                try desk.type("exec -t alice -- sh -c 'read word; echo got $word'\r")
                try desk.expect("\n")
                try desk.waitUntilTaken()
                try desk.type("word\r")
                try desk.expect("got word")
                try desk.expect(Self.prompt)
                // Two lines at once, one of them wrong.
                try desk.type("exec bob hostname\rexec nobody true\r")
                try desk.expect("\nbob")
                try desk.expect("nobody")
                try desk.expect(Self.prompt)
                // The line before, changed.
                try desk.waitUntilTaken()
                try desk.type("\u{1b}[A\u{1b}[A\u{17}echo again\r")
                try desk.expect("\(Self.prompt)exec bob echo again")
                try desk.expect("\nagain")
                try desk.expect(Self.prompt)
                try desk.type("exit\r")
                try desk.expect("\nstatus=0")
                try desk.waitUntilFree()
                // The next one knows them, and ends at the end of input.
                try desk.type("etherloom; echo status=$?\n")
                try desk.expect(Self.prompt)
                try desk.type("\u{10}\u{10}\r")
                try desk.expect("\nagain")
                try desk.expect(Self.prompt)
                try desk.waitUntilTaken()
                kill(try desk.program(), SIGKILL)
                try desk.expect("\nstatus=137")
                try desk.waitUntilFree()
                try desk.type("etherloom; echo status=$?\n")
                try desk.expect(Self.prompt)
                try desk.type("\u{4}")
                try desk.expect("\nstatus=0")
                try desk.waitUntilFree()
                try desk.leave()
            }
        }

        private static let script = """
            # Words as a shell has them.
            exec alice echo 'two  words' # a comment
            -exec alice false

            etherloom exec alice -- sh -c "cat; exit 7"
            exec bob echo late
            link move bob:eth0 nowhere
            exec bob echo 'open

            """

        @Test("a script is the same verbs, ends where it fails, and says where", arguments: ["file", "input"])
        func script(way: String) throws {
            try withLab { lab in
                let path = try lab.host.write(Self.script, data: "script")
                let name = way == "file" ? path : "standard input"
                func run(_ options: [String] = [], _ text: String = Self.script) throws -> Program {
                    try lab.host.write(text, data: "script")
                    return try lab.host.run(
                        [lab.host.etherloom, "prompt", "-C", lab.directory] + options + (way == "file" ? [path] : []),
                        as: lab.user,
                        input: way == "file" ? .nothing : .file(path)
                    )
                }
                let stopped = try run()
                #expect(stopped.output == "two  words\n" && stopped.end == .exited(7), "\(stopped.transcript)")
                #expect(stopped.errorLines.last == "etherloom: \(name):5: exec alice: status 7")
                let whole = try run(["--keep-going"])
                #expect(whole.output == "two  words\nlate\n" && whole.end == .exited(7), "\(whole.transcript)")
                let places = whole.errorLines.filter { $0.hasPrefix("etherloom: \(name):") }
                #expect(
                    places.map { $0.dropFirst("etherloom: \(name):".count) } == [
                        "5: exec alice: status 7", "7: link move: status 2", "8: a quote is not closed",
                    ]
                )
                // The last line may lack its end; what stands behind an end is not run.
                let short = try run([], "exec alice echo one\nexit\nexec alice echo two")
                #expect(short.output == "one\n" && short.end == .exited(0))
                #expect(try run([], "exec alice echo one").output == "one\n")
                #expect(try run([], "nonsense\n").end == .exited(2))
            }
        }

        @Test("without a verb, in a lab, standard input is a script; elsewhere it is none")
        func noVerb() throws {
            try withLab { lab in
                let path = try lab.host.write("exec alice hostname\n", data: "script")
                let line = "cd \"$1\"; exec \"$2\" <\"$3\""
                let inside = try lab.host.run(
                    ["sh", "-c", line, "sh", lab.directory, lab.host.etherloom, path],
                    as: lab.user
                )
                #expect(inside.output == "alice\n" && inside.end == .exited(0), "\(inside.transcript)")
                let outside = try lab.host.run(["sh", "-c", line, "sh", "/", lab.host.etherloom, path], as: lab.user)
                #expect(outside.output.contains("SUBCOMMANDS"), "\(outside.transcript)")
                let missing = try lab.host.run(
                    [lab.host.etherloom, "prompt", "-C", lab.directory, "/no/such/script"],
                    as: lab.user
                )
                #expect(missing.end == .exited(2) && missing.errorLines.count == 1, "\(missing.transcript)")
            }
        }
    }
}
