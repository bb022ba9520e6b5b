// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Why something asked for was not done: lines for people, and the exit status of the command that asked.
public struct ControlError: Error, Equatable, Sendable, CustomStringConvertible {
    public let message: String
    /// 1: failed, 2: the request is wrong, 3: took too long, 4: this host cannot.
    public let status: Int32

    public init(_ message: String, status: Int32 = 1) {
        self.message = message
        self.status = status
    }

    public static func usage(_ message: String) -> ControlError { ControlError(message, status: 2) }

    public var description: String { message }
}
