// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A text that is no JSON: what is wrong, and where.
public struct JSONError: Error, Equatable, CustomStringConvertible {
    public let message: String
    /// Bytes before it.
    public let offset: Int

    public init(message: String, offset: Int) {
        self.message = message
        self.offset = offset
    }

    public var description: String { "\(message) at byte \(offset + 1)" }
}

extension JSONValue {
    /// Most arrays and objects inside one another.
    public static var maximumDepth: Int { 64 }

    /// Reads one value, nothing around it but white space (RFC 8259, section 2).
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        var reader = JSONReader(bytes)
        self = try reader.document()
    }

    public init(parsing text: String) throws(JSONError) { self = try JSONValue(parsing: Array(text.utf8)) }
}

private struct JSONReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func failure(_ message: String) -> JSONError { JSONError(message: message, offset: position) }

    mutating func document() throws(JSONError) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("something after the value") }
        return value
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    /// Steps over a byte if it comes next.
    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: scalar) else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        skipSpace()
        guard let byte = next else { throw failure("the text ends where a value is wanted") }
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard depth < JSONValue.maximumDepth else { throw failure("nested too deeply") }
            position += 1
            return byte == UInt8(ascii: "{") ? try object(depth: depth + 1) : try array(depth: depth + 1)
        case UInt8(ascii: "\""):
            position += 1
            return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: return try word()
        }
    }

    private mutating func word() throws(JSONError) -> JSONValue {
        for (name, value) in [("true", JSONValue.bool(true)), ("false", .bool(false)), ("null", .null)]
        where bytes[position...].starts(with: name.utf8) {
            position += name.utf8.count
            return value
        }
        throw failure("no value")
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        var values: [JSONValue] = []
        skipSpace()
        if take("]") { return .array(values) }
        repeat {
            values.append(try value(depth: depth))
            skipSpace()
        } while take(",")
        guard take("]") else { throw failure("an array lacks , or ]") }
        return .array(values)
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        var members: [String: JSONValue] = [:]
        skipSpace()
        if take("}") { return .object(members) }
        repeat {
            skipSpace()
            guard take("\"") else { throw failure("an object lacks a name") }
            let start = position
            let name = try string()
            skipSpace()
            guard take(":") else { throw failure("a name lacks its :") }
            let value = try value(depth: depth)
            guard members.updateValue(value, forKey: name) == nil else {
                throw JSONError(message: "a name occurs twice", offset: start)
            }
            skipSpace()
        } while take(",")
        guard take("}") else { throw failure("an object lacks , or }") }
        return .object(members)
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw failure("a number lacks digits") }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        _ = take("-")
        // A zero stands alone.
        if !take("0") { try digits() }
        var isWhole = true
        if take(".") {
            isWhole = false
            try digits()
        }
        if take("e") || take("E") {
            isWhole = false
            if !take("+") { _ = take("-") }
            try digits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let number = Int64(text) { return .integer(number) }
        guard let number = Double(text), number.isFinite else {
            throw JSONError(message: "a number is too large", offset: start)
        }
        return .number(number)
    }

    /// The rest of a string whose quote has been read.
    private mutating func string() throws(JSONError) -> String {
        let start = position
        var text: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: text, as: UTF8.self) else {
                    throw JSONError(message: "a string is no UTF-8", offset: start)
                }
                return text
            case UInt8(ascii: "\\"): text += Array(String(try escaped()).utf8)
            case 0..<0x20: throw JSONError(message: "a control character in a string", offset: position - 1)
            default: text.append(byte)
            }
        }
        throw failure("a string lacks its end")
    }

    private mutating func escaped() throws(JSONError) -> Unicode.Scalar {
        guard let byte = next else { throw failure("a string lacks its end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let unit = try hexadecimal()
            if let scalar = Unicode.Scalar(unit) { return scalar }
            // The first half of a pair is followed by the second one.
            guard unit < 0xdc00, take("\\"), take("u") else { throw failure("half a character") }
            let second = try hexadecimal()
            guard (0xdc00...0xdfff).contains(second),
                let scalar = Unicode.Scalar(0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00))
            else { throw failure("half a character") }
            return scalar
        default: throw JSONError(message: "an unknown escape", offset: position - 1)
        }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw failure("an escape lacks four hexadecimal digits")
            }
            position += 1
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
