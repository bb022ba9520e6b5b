// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Testing

@testable import Console

@Suite struct ConsoleAnswerTests {
    private func text(_ answer: ConsoleAnswer) -> String { String(decoding: answer.encoded(), as: UTF8.self) }

    @Test(arguments: [
        (0, "1000 Success"), (2, "1002 No such file or directory"), (6, "1006 No such device or address"),
        (17, "1017 File exists"), (19, "1019 No such device"), (22, "1022 Invalid argument"),
        (38, "1038 Function not implemented"), (98, "1098 Address already in use"), (110, "1110 Connection timed out"),
    ])
    func `codes are 1 and three digits of an errno`(_ number: Int32, _ line: String) {
        #expect(text(.failure(Errno(rawValue: number))) == line + "\n")
    }

    @Test func `data is framed, also when the command failed`() {
        #expect(text(.data([])) == "0000 DATA END WITH '.'\n.\n1000 Success\n")
        #expect(text(.data(["a"], error: .invalid)) == "0000 DATA END WITH '.'\na\n.\n1022 Invalid argument\n")
    }

    @Test func `the end of a session has no line feed`() {
        #expect(text(ConsoleAnswer(sequel: .endOfSession)) == "9999 END OF SESSION")
        #expect(text(ConsoleAnswer(sequel: .shutdown)) == "9999 END OF SESSION")
    }

    @Test(arguments: [
        (".", ". "), ("a\n.\n1000 Success", "a?.?1000 Success"), ("\u{1b}[2J", "?[2J"), ("a\r", "a?"), ("\0", "?"),
        ("a\tb", "a\tb"), ("\u{9b}x\u{7f}", "?x?"), ("Zürich", "Zürich"), ("..", ".."),
    ])
    func `a line of data cannot pretend to be framing or steer a terminal`(_ line: String, _ shown: String) {
        #expect(text(.data([line])) == "0000 DATA END WITH '.'\n\(shown)\n.\n1000 Success\n")
    }

    @Test func `an endpoint's description cannot break the answer`() throws {
        let fixture = try ConsoleFixture()
        try fixture.attach(port: 1, identifier: 9, "evil\n.\n1022 Invalid argument\n\nvde$ ")
        let lines = fixture.answer("port/print").split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.filter { $0 == "." }.count == 1)
        #expect(lines.contains("  -- endpoint ID 0009 module unix prog   : evil?.?1022 Invalid argument??vde$ "))
    }
}
