// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The words of a request, taken one by one.
struct RequestWords {
    let verb: String
    private var rest: ArraySlice<String>

    init(_ words: [String]) {
        verb = words[0]
        rest = words.dropFirst()
    }

    /// The next word, which must be there.
    mutating func next(_ what: String) throws(GuestError) -> String {
        guard let word = rest.popFirst() else { throw GuestError("\(verb): \(what) is missing", status: 2) }
        return word
    }

    /// The next word, if there is one.
    mutating func optional() -> String? { rest.popFirst() }

    /// All that is left.
    mutating func all() -> [String] {
        defer { rest = [] }
        return Array(rest)
    }

    /// The value of `key=…`, wherever it is.
    mutating func value(_ key: String) -> String? {
        guard let index = rest.firstIndex(where: { $0.hasPrefix(key + "=") }) else { return nil }
        return String(rest.remove(at: index).dropFirst(key.utf8.count + 1))
    }

    /// Milliseconds, by `key=…`.
    mutating func milliseconds(_ key: String) throws(GuestError) -> UInt64? {
        guard let text = value(key) else { return nil }
        guard let number = UInt64(text), number <= 86_400_000_000 else {
            throw GuestError("\(verb): \(key)=\(text): milliseconds are wanted", status: 2)
        }
        return number
    }

    /// Whether this word is there.
    mutating func flag(_ word: String) -> Bool {
        guard let index = rest.firstIndex(of: word) else { return false }
        rest.remove(at: index)
        return true
    }

    func end() throws(GuestError) {
        if let word = rest.first { throw GuestError("\(verb): \"\(word)\" is not understood", status: 2) }
    }
}
