// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Console

@Suite struct LineEditorTests {
    /// What keys leave on the line, the cursor shown as a bar.
    private func line(_ keys: String, history: [String] = []) -> String {
        var editor = LineEditor()
        for entry in history { _ = editor.take(Array("\(entry)\r".utf8)) }
        _ = editor.take(Array(keys.utf8))
        var text = editor.text
        text.insert("|", at: editor.cursor)
        return String(text)
    }

    @Test(arguments: [
        ("abc", "abc|"), ("abc\u{1}x", "x|abc"), ("abc\u{2}\u{2}x", "ax|bc"), ("abc\u{2}\u{6}\u{6}\u{6}x", "abcx|"),
        ("abc\u{7f}", "ab|"), ("\u{7f}\u{8}a", "a|"), ("abc\u{1}\u{4}", "|bc"), ("abc\u{1}\u{1b}[3~", "|bc"),
        ("one two  \u{17}", "one |"), ("one two\u{1}\u{b}", "|"), ("one two\u{2}\u{15}", "|o"),
        ("one two\u{17}\u{1}\u{19}", "two|one "), ("abc\u{3}d", "d|"), ("abc\u{1b}[D\u{1b}[Dx\u{1b}[Cy", "axby|c"),
        ("abc\u{1b}[Hx\u{1b}[Fy", "xabcy|"), ("abc\u{1b}OHx\u{1b}OFy", "xabcy|"), ("abc\u{1b}[1~x\u{1b}[4~y", "xabcy|"),
        ("one two\u{1b}b\u{1b}bx\u{1b}fy", "xoney| two"), ("one two\u{1b}[1;5Dx", "one x|two"),
        ("a\u{1b}[24~b\u{1b}xc", "abc|"), ("gr\u{fc}n\u{2}\u{7f}", "gr|n"), ("\u{1f9f6}x", "\u{1f9f6}x|"),
    ])
    func `keys`(_ keys: String, _ expected: String) { #expect(line(keys) == expected) }

    @Test func `lines come out at return, and an empty one too`() {
        var editor = LineEditor()
        #expect(editor.take(Array("one\rtwo\n\r".utf8)) == [.submit("one"), .submit("two"), .submit("")])
        #expect(editor.take(Array("a\r\nb\r\n".utf8)) == [.submit("a"), .submit("b")])
    }

    @Test(arguments: [
        ("\u{1b}[A", "three|"), ("\u{1b}[A\u{1b}[A", "one two|"), ("\u{10}\u{10}\u{10}\u{10}", "one|"),
        ("dra\u{1b}[A\u{1b}[B", "dra|"), ("\u{1b}[B", "|"), ("\u{1b}[A\u{7f}\u{e}", "|"), ("\u{1b}OA", "three|"),
    ])
    func `the history`(_ keys: String, _ expected: String) {
        #expect(line(keys, history: ["one", "one two", "three", "three", "  "]) == expected)
    }

    @Test func `the ends of input are told apart`() {
        var editor = LineEditor()
        #expect(editor.take([4]) == [.end])
        #expect(editor.take([3]) == [.interrupt])
        #expect(editor.take(Array("a\u{4}\u{9}\u{c}".utf8)) == [.complete, .clear])
    }

    @Test func `how the bytes are cut makes no difference, and nothing grows without end`() {
        var editor = LineEditor()
        for byte in Array("\u{e9}\u{1b}[1;5Dx\u{1b}[C\u{1f9f6}".utf8) { _ = editor.take([byte]) }
        #expect(String(editor.text) == "x\u{e9}\u{1f9f6}")
        for byte in UInt8.min...UInt8.max { _ = editor.take([0x1b, UInt8(ascii: "["), byte, byte, 0xff, 0xc0]) }
        _ = editor.take([UInt8](repeating: UInt8(ascii: "z"), count: 100_000))
        #expect(editor.text.count <= LineEditor.maximumCount)
        for number in 0..<2000 { _ = editor.take(Array("\u{15}\u{b}\(number)\r".utf8)) }
        #expect(editor.history.count == LineEditor.historyCount)
    }
}

@Suite struct CommandCompletionTests {
    private let completion: CommandCompletion

    init() throws {
        completion = CommandCompletion(help: try ConsoleFixture().console.execute("help")?.lines ?? [])
    }

    @Test(
        arguments: [
            ("po", .insert("rt/")), ("port/crea", .insert("te")), ("port/setv", .insert("lan")), ("zzz", .nothing),
            ("port/setvlan", .nothing), ("port/setvlan 1", .nothing), ("help vlan/rem", .insert("ove")),
            ("  showi", .insert("nfo")),
            ("port/create", .choices(["port/createauto", "port/create"])), ("s", .insert("h")),
            ("sh", .choices(["shutdown", "showinfo"])), ("d", .choices(["ds/", "debug/"])),
        ] as [(String, CommandCompletion.Result)]
    )
    func `completions`(_ typed: String, _ expected: CommandCompletion.Result) {
        #expect(completion.complete(typed) == expected)
    }

    @Test func `headings of menus are no commands`() {
        #expect(!completion.paths.contains("port") && completion.paths.contains("port/print"))
        #expect(CommandCompletion(help: ["x"]).complete("a") == .nothing)
    }
}
