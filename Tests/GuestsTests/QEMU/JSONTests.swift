// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import Testing

@Suite("JSON as the monitor speaks it")
struct JSONTests {
    @Test("values of every kind are read")
    func values() throws {
        let text = #" { "a" : [ 1 , -2.5e1 , true , false , null , "x" ] , "b" : { } , "c":[],"d":-0 } "#
        let expected: JSONValue = [
            "a": [1, .number(-25), true, false, .null, "x"], "b": [:], "c": [], "d": 0,
        ]
        #expect(try JSONValue(parsing: text) == expected)
        #expect(try JSONValue(parsing: "9223372036854775807") == .integer(.max))
        #expect(try JSONValue(parsing: "-9223372036854775808") == .integer(.min))
        // QEMU has sizes of 64 bits without sign.
        #expect(try JSONValue(parsing: "18446744073709551615") == .number(18_446_744_073_709_551_615))
        #expect(try JSONValue(parsing: #""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00""#) == "\"\\/\u{08}\u{0c}\n\r\tAé😀")
        #expect(try JSONValue(parsing: #""\u0000""#) == "\0")
    }

    @Test("what is written is read again")
    func roundTrip() throws {
        let value: JSONValue = [
            "execute": "x",
            "arguments": ["n": 1, "text": "a\"b\\c\nd\u{01}\u{7f}é\t\r", "l": [true, .null, .number(0.5)]],
        ]
        #expect(try JSONValue(parsing: value.text) == value)
        #expect(
            value.text == #"{"arguments": {"l": [true, null, 0.5], "n": 1, "text": "a\"b\\c\nd\u0001\u007fé\t\r"}, "#
                + #""execute": "x"}"#
        )
        #expect(JSONValue.number(.infinity).text == "null")
    }

    @Test(
        "what is no JSON is refused, with its place",
        arguments: [
            "", " ", "tru", "truex", "nul", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", #"{"a""#, #"{"a":"#,
            #"{"a":1"#,
            #"{"a":1,}"#, "{1:2}", #"{"a" 1}"#, #"{"a":1 "b":2}"#, #"{"a":1,"a":2}"#, "01", "-", "+1", "1.", ".5", "1e",
            "1e+", "1e999", "0x1", "--1", "NaN", #"""#, #""a"#, #""\"#, #""\x""#, #""\u12""#, #""\u12g4""#,
            #""\ud800""#,
            #""\ud800x""#, #""\ud800\u0041""#, #""\udc00""#, "\"\n\"", "'a'", "1 2", "{} {}", "\u{feff}1", #"{"a":}"#,
        ]
    )
    func refused(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test("bytes that are no text are refused")
    func notText() {
        #expect(throws: JSONError(message: "a string is no UTF-8", offset: 1)) {
            try JSONValue(parsing: [UInt8(ascii: "\""), 0xff, UInt8(ascii: "\"")])
        }
        #expect(throws: JSONError(message: "no value", offset: 0)) { try JSONValue(parsing: [0xff]) }
    }

    @Test("nesting is limited")
    func depth() throws {
        let limit = JSONValue.maximumDepth
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: Never.self) { try JSONValue(parsing: nested(limit)) }
        #expect(throws: JSONError(message: "nested too deeply", offset: limit)) {
            try JSONValue(parsing: nested(limit + 1))
        }
        #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "{\"a\":", count: 100_000)) }
    }

    @Test("every beginning of a text, and every text with a byte exchanged, is answered")
    func mangled() {
        let text = Array(#"{"a": [1.5e3, "\u00e9\n", {"b": null}], "c": true}"#.utf8)
        for end in text.indices { #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text[..<end])) } }
        for index in text.indices {
            for byte in [0, 0x22, 0x2c, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x80, 0xff] as [UInt8] {
                var copy = text
                copy[index] = byte
                if let value = try? JSONValue(parsing: copy) { #expect((try? JSONValue(parsing: value.text)) == value) }
            }
        }
    }
}
