// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a text that is to be JSON: where, in bytes from its beginning.
public struct JSONSyntaxError: Error, Equatable, Sendable, CustomStringConvertible {
    public let message: String
    public let offset: Int
    public var description: String { "no JSON: \(message) at byte \(offset)" }
}

extension JSON {
    /// Deepest nesting that is read.
    public static var depthLimit: Int { 64 }

    /// Reads a text of RFC 8259.
    public init(parsing bytes: [UInt8]) throws(JSONSyntaxError) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }

    public init(parsing text: String) throws(JSONSyntaxError) { try self.init(parsing: Array(text.utf8)) }
}

private struct JSONParser {
    let bytes: [UInt8]
    var place = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(JSONSyntaxError) -> JSON {
        let value = try value(depth: 0)
        skipBlanks()
        guard place == bytes.count else { throw error("something after the value") }
        return value
    }

    private func error(_ message: String) -> JSONSyntaxError { JSONSyntaxError(message: message, offset: place) }

    private mutating func skipBlanks() {
        while place < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[place]) { place += 1 }
    }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSON {
        guard depth < JSON.depthLimit else { throw error("nested too deeply") }
        skipBlanks()
        guard let first = next else { throw error("the text ends") }
        switch first {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .boolean(true))
        case UInt8(ascii: "f"): return try literal("false", .boolean(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return try number()
        }
    }

    private mutating func literal(_ word: String, _ value: JSON) throws(JSONSyntaxError) -> JSON {
        guard bytes[place...].starts(with: word.utf8) else { throw error("an unknown word") }
        place += word.utf8.count
        return value
    }

    private mutating func skip(_ bytes: String) -> Bool {
        guard let next, bytes.utf8.contains(next) else { return false }
        place += 1
        return true
    }

    private mutating func digits() throws(JSONSyntaxError) {
        let start = place
        while let byte = next, (0x30...0x39).contains(byte) { place += 1 }
        guard place > start else { throw error("no value") }
    }

    /// RFC 8259, section 6: a zero stands alone, and a point stands between digits.
    private mutating func number() throws(JSONSyntaxError) -> JSON {
        let start = place
        _ = skip("-")
        if !skip("0") { try digits() }
        if skip(".") { try digits() }
        if skip("eE") {
            _ = skip("+-")
            try digits()
        }
        let text = String(decoding: bytes[start..<place], as: UTF8.self)
        guard let number = Double(text), number.isFinite else {
            place = start
            throw error("no value")
        }
        return .number(number)
    }

    private mutating func array(_ depth: Int) throws(JSONSyntaxError) -> JSON {
        place += 1
        var list: [JSON] = []
        skipBlanks()
        if next == UInt8(ascii: "]") {
            place += 1
            return .array(list)
        }
        while true {
            list.append(try value(depth: depth + 1))
            guard try goesOn(until: UInt8(ascii: "]")) else { return .array(list) }
        }
    }

    private mutating func object(_ depth: Int) throws(JSONSyntaxError) -> JSON {
        place += 1
        var members: [JSON.Member] = []
        skipBlanks()
        if next == UInt8(ascii: "}") {
            place += 1
            return .object(members)
        }
        while true {
            skipBlanks()
            guard next == UInt8(ascii: "\"") else { throw error("a key is missing") }
            let key = try string()
            skipBlanks()
            guard next == UInt8(ascii: ":") else { throw error("a colon is missing") }
            place += 1
            members.append(JSON.Member(key, try value(depth: depth + 1)))
            guard try goesOn(until: UInt8(ascii: "}")) else { return .object(members) }
        }
    }

    /// Takes a comma, or the end.
    private mutating func goesOn(until end: UInt8) throws(JSONSyntaxError) -> Bool {
        skipBlanks()
        guard let byte = next, byte == end || byte == UInt8(ascii: ",") else { throw error("a comma is missing") }
        place += 1
        return byte != end
    }

    private mutating func string() throws(JSONSyntaxError) -> String {
        place += 1
        var text: [UInt8] = []
        while let byte = next {
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw error("no UTF-8") }
                return string
            case UInt8(ascii: "\\"): try escape(&text)
            case 0..<0x20: throw error("a control character in a string")
            default: text.append(byte)
            }
        }
        throw error("a string without its end")
    }

    private mutating func escape(_ text: inout [UInt8]) throws(JSONSyntaxError) {
        guard let byte = next else { throw error("the text ends") }
        place += 1
        switch byte {
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "u"):
            var code = try fourDigits()
            // A pair of surrogates is one character; half a pair is none.
            if (0xd800..<0xdc00).contains(code), place + 1 < bytes.count, bytes[place] == UInt8(ascii: "\\"),
                bytes[place + 1] == UInt8(ascii: "u")
            {
                place += 2
                let low = try fourDigits()
                guard (0xdc00..<0xe000).contains(low) else { throw error("half a character") }
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw error("half a character") }
            text += Array(String(Character(scalar)).utf8)
        default: throw error("an unknown escape")
        }
    }

    private mutating func fourDigits() throws(JSONSyntaxError) -> UInt32 {
        guard place + 4 <= bytes.count,
            let code = UInt32(String(decoding: bytes[place..<place + 4], as: UTF8.self), radix: 16)
        else { throw error("four hexadecimal digits are missing") }
        place += 4
        return code
    }
}
