// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The bytes of an annotated hexadecimal text: blanks are ignored, and so is everything from `#` to the line's end.
///
///     hex("""
///         ff ff ff ff ff ff   # destination
///         0806                # type
///         """)
///
/// Anything else is a mistake in the fixture and traps.
public func hex(_ text: String) -> [UInt8] {
    var digits: [UInt8] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
        let data = line.prefix { $0 != "#" }
        for character in data where character != " " && character != "\t" {
            guard let digit = character.hexDigitValue else {
                preconditionFailure("'\(character)' is no hexadecimal digit in '\(line)'")
            }
            digits.append(UInt8(digit))
        }
    }
    precondition(digits.count.isMultiple(of: 2), "odd number of hexadecimal digits")
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// What `body` wrote into a buffer of `capacity` bytes, or nil if it said that the result does not fit.
///
/// The buffer is filled with 0xee before, so that a byte that was forgotten is seen. Bytes behind the reported length
/// must be untouched; otherwise this traps.
public func emitted(_ capacity: Int, _ body: (inout MutableSpan<UInt8>) -> Int?) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0xee, count: capacity)
    var span = bytes.mutableSpan
    let count = body(&span)
    precondition(bytes[(count ?? 0)...].allSatisfy { $0 == 0xee }, "wrote beyond the reported length")
    return count.map { Array(bytes[..<$0]) }
}
