// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Testing

@Suite("Words of a command")
struct CommandWordsTests {
    @Test(
        "a text is split as a shell does it",
        arguments: [
            ("", []), ("  \t\n ", []), ("ssh host vde_plug", ["ssh", "host", "vde_plug"]),
            ("a 'b c' \"d e\"", ["a", "b c", "d e"]), ("a'b'\"c\"d", ["abcd"]), ("''", [""]), ("a\\ b", ["a b"]),
            ("'a\\b'", ["a\\b"]), ("\"a\\\"b\"", ["a\"b"]), ("a\\\nb", ["a\nb"]), ("'\"' \"'\"", ["\"", "'"]),
            // A quote before a combining mark is a quote, and so is a blank.
            ("'\u{0301}a b'", ["\u{0301}a b"]), ("a \u{0741}b", ["a", "\u{0741}b"]), ("a\r\nb", ["a\r", "b"]),
        ]
    )
    func split(_ text: String, _ words: [String]) throws {
        let found = try #require(CommandWords.split(text))
        #expect(found.map { Array($0.utf8) } == words.map { Array($0.utf8) })
    }

    @Test("what is not closed is no command", arguments: ["'", "\"", "a 'b", "a \"b'", "a\\", "'\u{0301}"])
    func open(_ text: String) { #expect(CommandWords.split(text) == nil) }

    @Test(
        "words survive being joined",
        arguments: [
            [], [""], ["a", "b c"], ["it's", "'", "''"], ["\\", "\"", "\\'"], ["\n", "\t "],
            ["\u{0301}", "'\u{0301}", "a'\u{0741}b"], ["\r\n"],
        ]
    )
    func join(_ words: [String]) throws {
        let found = try #require(CommandWords.split(CommandWords.join(words)))
        #expect(found.map { Array($0.utf8) } == words.map { Array($0.utf8) })
    }

    @Test("what another shell gets is quoted for it, whatever stands behind a quote")
    func quoting() {
        #expect(CommandWords.join(["a'\u{0301}; rm"]) == "'a'\\''\u{0301}; rm'")
    }
}
