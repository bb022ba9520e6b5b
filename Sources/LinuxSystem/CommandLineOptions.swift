// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Options as the C library reads them, getopt_long_only(3): for programs that must take exactly what their originals took,
/// single-dash long options and abbreviations included.
public enum CommandLineOptions {
    /// One long option.
    public struct Long: Sendable {
        public let name: String
        public let takesValue: Bool
        /// The letter (or any other number) that it is reported as.
        public let letter: Int32

        public init(_ name: String, takesValue: Bool, letter: Character) {
            self.name = name
            self.takesValue = takesValue
            self.letter = Int32(letter.unicodeScalars.first!.value)
        }
    }

    /// An option met on the command line.
    public struct Occurrence: Sendable, Equatable {
        public let letter: Character
        public let value: String?
    }

    public struct Result: Sendable {
        public var occurrences: [Occurrence] = []
        /// What is left: words that are no options.
        public var operands: [String] = []
        /// What is wrong with the first option that was unknown or ambiguous, lacked its value or had one too many.
        public var mistake: String?
    }

    /// Parses `arguments` (without the program's name).
    ///
    /// - Parameters:
    ///   - short: the letters, each followed by ":" when it takes a value and "::" when the value is optional.
    ///   - singleDashLong: long options may begin with one dash.
    public static func parse(
        program: String,
        _ arguments: [String],
        short: String,
        long: [Long],
        singleDashLong: Bool
    ) -> Result {
        var result = Result()
        // getopt(3) permutes the vector: it keeps pointers only, to strings that live until the end of this function.
        let strings = unsafe ([program] + arguments).map { unsafe strdup($0) }
        let names = unsafe long.map { unsafe strdup($0.name) }
        defer {
            unsafe strings.forEach { unsafe free($0) }
            unsafe names.forEach { unsafe free($0) }
        }
        let count = Int32(arguments.count + 1)
        let options = unsafe zip(long, names).map { item, name in
            unsafe cel_long_option(name: UnsafePointer(name), takes_value: item.takesValue ? 1 : 0, letter: item.letter)
        }
        unsafe precondition(options.count <= Int(CEL_LONG_OPTIONS_MAX))
        var vector = unsafe strings + [nil]
        var index: Int32 = 0
        var wrong: Int32 = 0
        var isFirst = true
        while true {
            var value: UnsafePointer<CChar>? = nil
            let letter = unsafe cel_getopt_next(
                count,
                &vector,
                short,
                options,
                Int32(options.count),
                singleDashLong ? 1 : 0,
                isFirst ? 1 : 0,
                &value,
                &index,
                &wrong
            )
            isFirst = false
            if letter == -1 { break }
            guard letter != Int32(UInt8(ascii: "?")), let scalar = UnicodeScalar(UInt32(letter)) else {
                let word = unsafe vector[Int(index) - 1].map { unsafe String(cString: $0) } ?? ""
                if result.mistake == nil { result.mistake = mistake(word, letter: wrong, short: short, long: long) }
                continue
            }
            let text = unsafe value.map { unsafe String(cString: $0) }
            result.occurrences.append(Occurrence(letter: Character(scalar), value: text))
        }
        for position in Int(index)..<Int(count) {
            if let operand = unsafe vector[position] { unsafe result.operands.append(String(cString: operand)) }
        }
        return result
    }

    private static func mistake(_ word: String, letter: Int32, short: String, long: [Long]) -> String {
        guard letter != 0, let scalar = UnicodeScalar(UInt32(letter)) else {
            return "unrecognized or ambiguous option '\(word)'"
        }
        let name = word.drop { $0 == "-" }.prefix { $0 != "=" }
        if let option = long.first(where: { $0.letter == letter && $0.name.hasPrefix(name) }) {
            return option.takesValue ? "option '\(word)' needs a value" : "option '\(word)' takes no value"
        }
        let isKnown = letter != Int32(UInt8(ascii: ":")) && short.contains(Character(scalar))
        return isKnown ? "option '-\(scalar)' needs a value" : "invalid option '-\(scalar)'"
    }
}
