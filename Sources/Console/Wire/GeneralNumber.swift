// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A number with six significant digits and no more than it needs, as printf(3) does it for `%g`.
func generalNumber(_ value: Double) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    if value == 0 { return "0" }
    let sign = value < 0 ? "-" : ""
    var exponent = 0
    var scaled = value.magnitude
    while scaled >= 10 {
        scaled /= 10
        exponent += 1
    }
    while scaled < 1 {
        scaled *= 10
        exponent -= 1
    }
    var digits = UInt64((scaled * 100_000).rounded(.toNearestOrEven))
    if digits >= 1_000_000 {
        digits /= 10
        exponent += 1
    }
    var text = String(digits)
    while text.count > 1, text.last == "0" { text.removeLast() }
    if exponent < -4 || exponent >= 6 {
        let fraction = text.count > 1 ? "." + text.dropFirst() : ""
        return
            "\(sign)\(text.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")\(decimal(exponent.magnitude, digits: 2))"
    }
    if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + text }
    let whole = text.prefix(exponent + 1)
    let zeros = String(repeating: "0", count: max(0, exponent + 1 - text.count))
    let fraction = text.dropFirst(exponent + 1)
    return sign + whole + zeros + (fraction.isEmpty ? "" : "." + fraction)
}
