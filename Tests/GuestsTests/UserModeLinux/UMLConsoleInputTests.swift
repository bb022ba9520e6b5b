// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Testing

@testable import Guests

@Suite("Typing on a UML console")
struct UMLConsoleInputTests {
    /// A console, its agent, and the time.
    final class Desk {
        var sent: [UInt8] = []
        var questions: [UMLConsoleInput.Answer] = []
        var timers: [() -> Void] = []
        var lines: [String] = []
        private(set) lazy var input = UMLConsoleInput(
            send: { [unowned self] in sent += $0 },
            ask: { [unowned self] in questions.append($0) },
            later: { [unowned self] _, run in timers.append(run) },
            log: { [unowned self] in lines.append($0) }
        )

        func answerOnce(_ text: String?) {
            let result: Result<[String], GuestError> = text.map { .success([$0]) } ?? .failure(AgentSession.silent)
            questions.removeFirst()(result)
        }
        /// Both of two questions, or the only one that is asked where nothing was sent.
        func answer(_ text: String?) {
            let count = sent.count
            if mark != count {
                mark = count
                answerOnce("0 lines")
                #expect(sent.count == count)
                pass()
            }
            answerOnce(text)
        }
        private var mark = 0
        func pass() { timers.removeFirst()() }
    }

    private static func lines(_ count: Int) -> [UInt8] {
        (0..<count).map { $0 % 64 == 63 ? 0x0a : UInt8(ascii: "a") + UInt8($0 % 26) }
    }

    @Test("what is short goes out at once, and nobody is asked")
    func short() {
        let desk = Desk()
        desk.input.type(Array("echo\n".utf8))
        #expect(desk.sent == Array("echo\n".utf8))
        #expect(desk.questions.isEmpty)
    }

    @Test("of a long paste nobody gets more than is safe before somebody has read")
    func paste() {
        let desk = Desk()
        let text = Self.lines(10_000)
        desk.input.type(text)
        #expect(desk.sent.count == UMLConsoleInput.limit)
        // Nobody reads: asked again and again, with pauses.
        for _ in 0..<5 {
            desk.answer("3072 lines")
            #expect(desk.questions.isEmpty)
            desk.pass()
            #expect(desk.sent.count == UMLConsoleInput.limit)
        }
        // An agent that says nothing is none that says zero.
        desk.answer(nil)
        desk.pass()
        #expect(desk.sent.count == UMLConsoleInput.limit)
        var rounds = 0
        while desk.sent.count < text.count, rounds < 100 {
            desk.answer("0 lines")
            rounds += 1
        }
        #expect(desk.sent == text)
        #expect(rounds < 10)
    }

    @Test("a line without an end is cut at the room there is, and counts behind unread ones")
    func openLine() {
        let desk = Desk()
        desk.input.type([UInt8](repeating: UInt8(ascii: "x"), count: 5000))
        #expect(desk.sent.count == 3072)
        // Its rest is cut where the terminal has lines, up to the end that comes.
        desk.answer("0 lines")
        #expect(desk.sent.count == 3072)
        #expect(desk.lines == ["its console: a line of more than 3072 bytes was cut"])
        desk.input.type(Array("yyy\nzzz\n".utf8) + [UInt8](repeating: UInt8(ascii: "z"), count: 4000))
        #expect(desk.sent.suffix(2) == Array("xy".utf8))
        desk.answer("0 lines")
        #expect(desk.sent.last == 0x0a && desk.sent.count == 3074)
        desk.answer("3074 lines")
        #expect(desk.sent.count == 3074)
        desk.pass()
        desk.answer("0 lines")
        #expect(desk.sent.count == 3074 + 3072)
        // 3068 of an open line behind one that is unread: nothing more.
        desk.answer("4 lines")
        #expect(desk.sent.count == 3074 + 3072)
        desk.pass()
        // Without lines everything is counted.
        desk.answer("2000 bytes")
        #expect(desk.sent.count == 3074 + 3072 + 932)
    }

    @Test("what nobody ever reads is bounded, and that is said once")
    func bounded() {
        let desk = Desk()
        for _ in 0..<40 { desk.input.type([UInt8](repeating: 0x0a, count: 65536)) }
        #expect(desk.lines == ["its console: nobody in the guest reads what was typed; no more is taken"])
        desk.answer("4000 lines")
        desk.pass()
        desk.answer("0 lines")
        #expect(desk.sent.count == 2 * UMLConsoleInput.limit)
    }

    @Test(
        "a paste of 20 KB into a console that nobody reads yet arrives, and the console goes on",
        .enabled(if: UMLFixture.kernel != nil)
    )
    func realConsole() throws {
        let host = try PlainHost()
        defer { try? host.end() }
        try host.start()
        let line = "stty -echo; echo up''on; while [ ! -e /go ]; do sleep 0.05; done; cat >/pasted\n"
        host.consoleInput(Array(line.utf8))
        try host.wait("the shell") { host.console.contains("upon") }
        let text = (0..<400).map { "line \($0) of what is pasted, with something behind it\n" }.joined()
        host.consoleInput(Array(text.utf8) + [0x04])
        // It has what it may have; now somebody reads.
        _ = try host.run(["sleep", "1"])
        _ = try host.run(["touch", "/go"])
        host.consoleInput(Array("echo still he''re\n".utf8))
        try host.wait("the console after it") { host.console.contains("still here") }
        let pasted = try String(contentsOfFile: host.root + "/pasted", encoding: .utf8)
        #expect(pasted == text, "\(pasted.utf8.count) bytes of \(text.utf8.count)")
    }
}
