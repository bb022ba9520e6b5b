// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Several arguments of one line, as the original reads them with sscanf(3) and "%i": decimal, octal behind a 0 and
/// hexadecimal behind 0x, blanks between, and what follows the last one passed over.
enum ConsoleNumbers {
    /// Exactly `count` numbers from the beginning of the line; nil when one of them is missing.
    static func read(_ text: String, _ count: Int) -> [Int]? {
        var rest = Substring(text)
        var numbers: [Int] = []
        while numbers.count < count {
            guard let number = next(&rest) else { return nil }
            numbers.append(number)
        }
        return numbers
    }

    private static func next(_ rest: inout Substring) -> Int? {
        rest = rest.drop(while: ConsoleArgument.isBlank)
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest.removeFirst() }
        var radix = 10
        if rest.hasPrefix("0x") || rest.hasPrefix("0X") {
            radix = 16
            rest.removeFirst(2)
            // The C library's sscanf takes the two as 0.
            guard let digit = rest.first, digit.isASCII, digit.isHexDigit else { return 0 }
        } else if rest.first == "0" {
            radix = 8
        }
        var value = 0
        var isNumber = false
        while let character = rest.first, character.isASCII, let digit = character.hexDigitValue, digit < radix {
            value = min(value * radix + digit, Int(Int32.max))
            isNumber = true
            rest.removeFirst()
        }
        return isNumber ? (isNegative ? -value : value) : nil
    }
}
