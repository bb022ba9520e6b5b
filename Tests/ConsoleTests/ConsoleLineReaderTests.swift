// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Console

@Suite struct ConsoleLineReaderTests {
    private func lines(_ pieces: [[UInt8]], limit: Int = 128) -> [ConsoleLineReader.Line] {
        var reader = ConsoleLineReader(limit: limit)
        var lines: [ConsoleLineReader.Line] = []
        for piece in pieces {
            reader.append(piece)
            while let line = reader.next() { lines.append(line) }
        }
        while let line = reader.takeUnfinished() { lines.append(line) }
        return lines
    }

    @Test(arguments: [
        ("a\nb\n", ["a", "b"]), ("a\r\n\n", ["a", ""]), ("a", ["a"]), ("", []), ("a\0b\nc\n", ["a", "c"]),
        ("\0\n", [""]), ("a\rb\n", ["a\rb"]), ("\r\r\n", ["\r"]),
    ])
    func `text becomes lines`(_ text: String, _ expected: [String]) {
        #expect(lines([Array(text.utf8)]) == expected.map { .text($0) })
    }

    @Test func `128 bytes are a line, 129 are too many, and what follows is not hurt`() {
        let longest = String(repeating: "x", count: 128)
        #expect(lines([Array((longest + "\nb\n").utf8)]) == [.text(longest), .text("b")])
        #expect(lines([Array((longest + "x\nb\n").utf8)]) == [.tooLong, .text("b")])
        #expect(lines([Array((longest + "x").utf8)]) == [.tooLong])
    }

    @Test func `how the bytes are cut makes no difference`() {
        var generator = SeededGenerator(seed: 0x0c05)
        let alphabet: [UInt8] = [10, 10, 13, 0, 32, 35, 97, 98, 47, 0xff, 0xc3]
        for _ in 0..<300 {
            let bytes = (0..<generator.number(0...400)).map { _ in alphabet.randomElement(using: &generator)! }
            var pieces: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = generator.number(1...60)
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            #expect(lines(pieces, limit: 24) == lines([bytes], limit: 24))
        }
    }

    @Test func `a megabyte without a line feed is kept nowhere`() {
        var reader = ConsoleLineReader()
        let piece = [UInt8](repeating: 97, count: 4096)
        for _ in 0..<256 {
            reader.append(piece)
            #expect(reader.next() == nil)
            #expect(reader.unfinishedText.utf8.count <= 128)
        }
        reader.append(Array("\nport/print\n".utf8))
        #expect(reader.next() == .tooLong)
        #expect(reader.next() == .text("port/print"))
        #expect(!reader.hasUnfinishedLine)
    }
}
