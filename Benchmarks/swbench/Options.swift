// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// Why a measurement could not be made.
struct Failure: Error {
    let message: String
    /// Exit status: 64 for wrong usage (sysexits.h), 1 otherwise.
    let status: Int32

    init(_ message: String, status: Int32 = 1) {
        self.message = message
        self.status = status
    }

    /// A system call that failed, with its C name.
    static func systemCall(_ name: String, _ error: Errno) -> Failure { Failure("\(name): \(error)") }
}

/// Words of the form `--name value` or `--flag`.
struct Options {
    private var values: [String: String] = [:]
    private var flags: Set<String> = []

    init(_ words: some Sequence<String>, flags knownFlags: Set<String>, names: Set<String>) throws {
        var rest = Array(words)[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("--") else { throw Failure("'\(word)' is no option\n\(usage)", status: 64) }
            let name = String(word.dropFirst(2))
            if knownFlags.contains(name) {
                flags.insert(name)
            } else if names.contains(name) {
                guard let value = rest.popFirst() else { throw Failure("--\(name) needs a value", status: 64) }
                values[name] = value
            } else {
                throw Failure("no option --\(name)\n\(usage)", status: 64)
            }
        }
    }

    func has(_ flag: String) -> Bool { flags.contains(flag) }

    func text(_ name: String) -> String? { values[name] }

    func number(_ name: String, in range: ClosedRange<Double>) throws -> Double? {
        guard let text = values[name] else { return nil }
        guard let value = Double(text), range.contains(value) else {
            throw Failure(
                "--\(name) \(text): a number from \(range.lowerBound) to \(range.upperBound) is wanted",
                status: 64
            )
        }
        return value
    }

    func count(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let text = values[name] else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw Failure(
                "--\(name) \(text): a number from \(range.lowerBound) to \(range.upperBound) is wanted",
                status: 64
            )
        }
        return value
    }
}
