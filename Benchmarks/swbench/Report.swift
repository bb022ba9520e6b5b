// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// One measurement's figures in the order in which they were added, printed as one JSON object on one line.
struct Report {
    private var fields: [String] = []

    mutating func add(_ name: String, _ value: Int) { fields.append("\"\(name)\": \(value)") }

    /// Adds a number with `digits` decimals.
    mutating func add(_ name: String, _ value: Double, digits: Int = 1) {
        guard value.isFinite else {
            fields.append("\"\(name)\": null")
            return
        }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        fields.append("\"\(name)\": \((value * scale).rounded() / scale)")
    }

    /// Adds a text of plain ASCII letters and digits, which needs no escapes.
    mutating func add(_ name: String, _ value: StaticString) { fields.append("\"\(name)\": \"\(value)\"") }

    mutating func add(_ name: String, _ values: [Int]) {
        fields.append("\"\(name)\": [\(values.map(String.init).joined(separator: ", "))]")
    }

    var line: String { "{\(fields.joined(separator: ", "))}" }
}

/// The middle one of several results; the mean of the two middle ones when their number is even.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// Runs `body` `rounds` times and returns the median of what it returns.
func medianOf(_ rounds: Int, _ body: () throws -> Double) rethrows -> Double {
    var results: [Double] = []
    for _ in 0..<rounds { results.append(try body()) }
    return median(results)
}
