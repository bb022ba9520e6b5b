// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Words of the form `key=value`, in an order, keys possibly several times: how plans travel in messages.
struct PlanWords {
    private(set) var words: [String] = []

    init() {}

    mutating func add(_ key: String, _ value: String?) {
        if let value { words.append("\(key)=\(value)") }
    }

    mutating func add(_ key: String, each values: [String]) {
        for value in values { add(key, value) }
    }

    mutating func add(flag key: String, _ isSet: Bool) {
        if isSet { words.append(key) }
    }

    /// Key and value of a word; a flag has none.
    static func parts(_ word: String) -> (key: String, value: String?) {
        guard let sign = word.utf8.firstIndex(of: UInt8(ascii: "=")) else { return (word, nil) }
        return (String(word[..<sign]), String(word[word.utf8.index(after: sign)...]))
    }
}

/// A word of a plan that nobody understands.
public struct PlanError: Error, Equatable, CustomStringConvertible {
    public let word: String
    public init(_ word: String) { self.word = word }
    public var description: String { "\(word): not part of a plan" }
}
