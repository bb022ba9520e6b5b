// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model

/// Environment variables in a lab file, written as in a shell: `${NAME}`, `${NAME:-what else}`; `$$` is one `$`.
struct Interpolation {
    /// The value of a variable, nil when it is not set.
    let variable: (String) -> String?

    struct Failure: Error, Equatable {
        var message: String
        var hint: String
    }

    /// The text with its variables replaced.
    func apply(_ text: String) throws(Failure) -> String {
        guard text.contains("$") else { return text }
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            switch rest.first {
            case "$":
                result += "$"
                rest.removeFirst()
            case "{":
                guard let end = rest.firstIndex(of: "}") else {
                    throw Failure(message: "\"${\" without its \"}\" in \"\(text)\"", hint: "a plain $ is written $$")
                }
                result += try value(rest[rest.index(after: rest.startIndex)..<end])
                rest = rest[rest.index(after: end)...]
            default: throw Failure(message: "a lone $ in \"\(text)\"", hint: "write ${NAME}, or $$ for a plain $")
            }
        }
        return result + rest
    }

    private func value(_ expression: Substring) throws(Failure) -> String {
        let name: Substring
        let fallback: Substring?
        if let mark = expression.firstRange(of: ":-") {
            name = expression[..<mark.lowerBound]
            fallback = expression[mark.upperBound...]
        } else {
            name = expression
            fallback = nil
        }
        guard let first = name.first, first == "_" || first.isASCII && first.isLetter,
            name.allSatisfy({ $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) })
        else {
            throw Failure(message: "\"${\(expression)}\" names no variable", hint: "write ${NAME} or ${NAME:-default}")
        }
        if let value = variable(String(name)), !(value.isEmpty && fallback != nil) { return value }
        if let fallback { return String(fallback) }
        throw Failure(
            message: "the environment variable \(name) is not set",
            hint: "set it, or give a default: ${\(name):-default}"
        )
    }
}
