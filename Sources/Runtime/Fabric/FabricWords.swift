// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The words of a request behind its verb, taken one by one.
struct FabricWords {
    let verb: String
    private var rest: ArraySlice<String>

    init(_ verb: String, _ words: ArraySlice<String>) {
        self.verb = verb
        rest = words
    }

    mutating func next(_ what: String) throws(FabricError) -> String {
        guard let word = rest.popFirst() else { throw .usage("\(verb): \(what) is missing") }
        guard !word.isEmpty else { throw .usage("\(verb): \(what) is empty") }
        return word
    }

    /// All words that are left, as they are.
    mutating func takeRest() -> [String] {
        defer { rest = [] }
        return Array(rest)
    }

    mutating func name(_ what: String) throws(FabricError) -> String {
        let word = try next("a \(what)'s name")
        try FabricName.check(word, what)
        return word
    }

    /// The next word as `key=value`; a flag has no value. Nil at the end.
    mutating func nextPair() -> (key: String, value: String?)? {
        guard let word = rest.popFirst() else { return nil }
        guard let sign = word.utf8.firstIndex(of: UInt8(ascii: "=")) else { return (word, nil) }
        return (String(word[..<sign]), String(word[word.utf8.index(after: sign)...]))
    }

    func number(_ key: String, _ text: String, _ range: ClosedRange<Int>) throws(FabricError) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw .usage("\(verb): \(key)=\(text): a number from \(range.lowerBound) to \(range.upperBound) is wanted")
        }
        return number
    }

    func unknown(_ key: String, _ value: String?) -> FabricError {
        .usage("\(verb): \(key)\(value.map { "=" + $0 } ?? ""): not a word of this request; see etherloom-fabric(1)")
    }

    /// Longest time for which a move shows no carrier, in milliseconds.
    static var longestDownTime: Int { 3_600_000 }

    mutating func downFor() throws(FabricError) -> UInt64? {
        var result: UInt64?
        while let (key, value) = nextPair() {
            guard key == "down-for", let value else { throw unknown(key, value) }
            result = UInt64(try number(key, value, 0...Self.longestDownTime))
        }
        return result
    }

    func end() throws(FabricError) {
        guard let word = rest.first else { return }
        throw .usage("\(verb): \(word): more words than this request has")
    }
}
