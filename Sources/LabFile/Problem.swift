// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model

/// Where something stands in a file: both count from 1.
public struct Place: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static func < (left: Place, right: Place) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }

    public var description: String { "\(line):\(column)" }
}

/// One thing that is wrong with a lab file, in a line: where, what, and what would help.
public struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
    public let file: String
    public let place: Place
    public let message: String
    public let hint: String?

    public init(file: String, place: Place, message: String, hint: String? = nil) {
        self.file = file
        self.place = place
        self.message = message
        self.hint = hint
    }

    /// `lab.yaml:12:7: message; hint`.
    public var description: String { "\(file):\(place): \(message)" + (hint.map { "; \($0)" } ?? "") }
}

/// All that is wrong with a lab file, in the order of the file.
public struct LabFileError: Error, Sendable, CustomStringConvertible {
    public let problems: [Problem]

    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
