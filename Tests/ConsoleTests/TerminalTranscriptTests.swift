// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Console

@Suite struct TerminalTranscriptTests {
    private func events(_ pieces: [[UInt8]]) -> [TerminalTranscript.Event] {
        var transcript = TerminalTranscript()
        return pieces.flatMap { transcript.receive($0) } + transcript.finish()
    }

    private func events(_ text: String) -> [TerminalTranscript.Event] { events([Array(text.utf8)]) }

    static let session = """
        VDE switch V.2.3.2
        (C) Virtual Square Team (coord. R. Davoli) 2005,2006,2007 - GPLv2

        vde$ 0000 DATA END WITH '.'
        Numports=32
        .
        1000 Success

        vde$ 3021 port/+ 15
        1006 No such device or address

        vde$ 9999 END OF SESSION
        """

    static let sessionEvents: [TerminalTranscript.Event] = [
        .other("VDE switch V.2.3.2"), .other("(C) Virtual Square Team (coord. R. Davoli) 2005,2006,2007 - GPLv2"),
        .prompt, .data("Numports=32"), .reply(code: 1000, line: "1000 Success"), .prompt, .event("3021 port/+ 15"),
        .reply(code: 1006, line: "1006 No such device or address"), .prompt, .end,
    ]

    @Test func `a session in one piece`() { #expect(events(Self.session) == Self.sessionEvents) }

    @Test func `a session in any pieces`() {
        var generator = SeededGenerator(seed: 0x7e23)
        for _ in 0..<200 {
            var pieces: [[UInt8]] = []
            var rest = Array(Self.session.utf8)[...]
            while !rest.isEmpty {
                let count = generator.number(1...40)
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            #expect(events(pieces) == Self.sessionEvents)
        }
    }

    @Test func `what looks like framing inside the data is data`() {
        let text = "0000 DATA END WITH '.'\n1000 Success\nvde$ \n3021 x\n9999 END\n..\n.\n1000 Success\n\nvde$ "
        #expect(
            events(text) == [
                .data("1000 Success"), .data("vde$ "), .data("3021 x"), .data("9999 END"), .data(".."),
                .reply(code: 1000, line: "1000 Success"), .prompt,
            ]
        )
    }

    @Test func `the prompts of wirefilter and of a console that names itself`() {
        #expect(events("VDEwf$ ") == [.prompt])
        #expect(events("vde[em]$ ") == [.prompt])
    }

    @Test(arguments: ["price: 5 $ ", "$", "vde$", "1000 Success $ "])
    func `no prompts`(_ text: String) { #expect(!events(text).contains(.prompt)) }

    @Test(arguments: ["10000 many", "100 few", "1000x", "", "abcd"])
    func `no replies`(_ text: String) {
        #expect(!events(text + "\n").contains { if case .reply = $0 { true } else { false } })
    }

    @Test func `an endless line is cut and ends nothing`() {
        var transcript = TerminalTranscript()
        for _ in 0..<64 { #expect(transcript.receive([UInt8](repeating: 97, count: 1 << 16)).isEmpty) }
        guard case .other(let line) = transcript.receive([10]).first else {
            Issue.record("no line")
            return
        }
        #expect(line.utf8.count == 1 << 16)
        #expect(transcript.receive(Array("vde$ ".utf8)) == [.prompt])
    }

    @Test func `random bytes do no harm`() {
        var generator = SeededGenerator(seed: 0xbad)
        for _ in 0..<500 {
            let alphabet: [UInt8] = [10, 46, 48, 49, 57, 36, 32, 118, 0xff, 0]
            _ = events([(0..<100).map { _ in alphabet.randomElement(using: &generator)! }])
        }
    }
}
