// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@Suite("JSON")
struct JSONTests {
    @Test(
        "What is written is what was read",
        arguments: ["null", "true", "[]", "{}", "[1,-2.5,\"a\"]", #"{"a":{"b":[null,false]},"c":"\"\\\n\t"}"#]
    )
    func roundTrip(text: String) throws {
        #expect(try JSON(parsing: text).description == text)
    }

    @Test("Escapes and characters of several bytes")
    func escapes() throws {
        #expect(try JSON(parsing: #""\u00e4\ud83d\ude00ß\/""#) == "ä😀ß/")
        #expect(JSON.string("\u{1}").description == #""\u0001""#)
    }

    @Test(
        "What is no JSON is refused",
        arguments: [
            "", "{", "[1,]", "{\"a\"}", "{a:1}", "1 2", "\"\\x\"", "\"\\ud800\"", "nul", "\"a\nb\"", "01x", "--1", "01",
            "+1", "1.", ".5", "1e", "-",
            String(repeating: "[", count: 100),
        ]
    )
    func refused(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSON(parsing: text) }
    }
}
