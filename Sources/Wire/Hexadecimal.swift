// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The value of one ASCII hexadecimal digit, in either case.
func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// An octet as two lower-case hexadecimal digits.
func twoHexadecimalDigits(_ octet: UInt8) -> String {
    let text = String(octet, radix: 16)
    return octet < 16 ? "0" + text : text
}

/// The value of a decimal number without sign, blanks or leading zeros, if it is at most `limit`.
///
/// Leading zeros are refused because some programs read them as octal: `010.0.0.1` has two meanings.
func strictDecimal(_ text: Substring, limit: Int) -> Int? {
    var value = 0
    var digits = 0
    for byte in text.utf8 {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        guard digits == 0 || value != 0 else { return nil }
        value = value * 10 + Int(byte - UInt8(ascii: "0"))
        guard value <= limit else { return nil }
        digits += 1
    }
    return digits > 0 ? value : nil
}
