// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A value of JSON, RFC 8259: what the daemon and its clients say to each other. Members keep their order.
public enum JSON: Sendable, Equatable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    public struct Member: Sendable, Equatable {
        public var key: String
        public var value: JSON
        public init(_ key: String, _ value: JSON) {
            self.key = key
            self.value = value
        }
    }

    /// The member of an object; nil when there is none, or this is no object.
    public subscript(key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    public var text: String? { if case .string(let text) = self { text } else { nil } }
    public var flag: Bool? { if case .boolean(let flag) = self { flag } else { nil } }
    public var list: [JSON]? { if case .array(let list) = self { list } else { nil } }
    public var members: [Member]? { if case .object(let members) = self { members } else { nil } }
    /// A whole number, as far as a Double holds them.
    public var integer: Int? {
        if case .number(let number) = self { Int(exactly: number) } else { nil }
    }
    /// The strings of an array; nil when it holds anything else.
    public var texts: [String]? {
        guard let list else { return nil }
        let texts = list.compactMap(\.text)
        return texts.count == list.count ? texts : nil
    }

    public static func texts(_ texts: some Sequence<String>) -> JSON { .array(texts.map { .string($0) }) }
    public static func integer(_ number: some BinaryInteger) -> JSON { .number(Double(number)) }
    /// A string, or nothing.
    public static func optional(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }

    /// On one line.
    public var description: String {
        var text = ""
        write(to: &text, indentation: nil)
        return text
    }

    /// On several lines, for people; two blanks a level.
    public var indented: String {
        var text = ""
        write(to: &text, indentation: 0)
        return text
    }

    private func write(to text: inout String, indentation: Int?) {
        func line(_ more: Int) {
            guard let indentation else { return }
            text += "\n" + String(repeating: "  ", count: indentation + more)
        }
        let inner = indentation.map { $0 + 1 }
        switch self {
        case .null: text += "null"
        case .boolean(let flag): text += flag ? "true" : "false"
        case .number(let number):
            if let whole = Int(exactly: number) { text += String(whole) } else { text += "\(number)" }
        case .string(let string): Self.quote(string, to: &text)
        case .array(let list):
            text += "["
            for (index, value) in list.enumerated() {
                if index > 0 { text += "," }
                line(1)
                value.write(to: &text, indentation: inner)
            }
            if !list.isEmpty { line(0) }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                line(1)
                Self.quote(member.key, to: &text)
                text += indentation == nil ? ":" : ": "
                member.value.write(to: &text, indentation: inner)
            }
            if !members.isEmpty { line(0) }
            text += "}"
        }
    }

    private static func quote(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                text += "\\u00" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, CustomStringConvertible
{
    public init(stringLiteral text: String) { self = .string(text) }
    public init(booleanLiteral flag: Bool) { self = .boolean(flag) }
    public init(integerLiteral number: Int) { self = .number(Double(number)) }
    public init(arrayLiteral list: JSON...) { self = .array(list) }
    public init(dictionaryLiteral members: (String, JSON)...) {
        self = .object(members.map { Member($0.0, $0.1) })
    }
}
