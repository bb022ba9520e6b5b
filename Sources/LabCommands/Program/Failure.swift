// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// An error that ends a command: one line for the user, and the exit status.
struct Failure: Error, Equatable {
    let message: String
    let status: Int32

    init(_ message: String, status: Int32 = ExitStatus.failure) {
        self.message = message
        self.status = status
    }
}

/// Exit statuses, the same as those of `etherloom`.
enum ExitStatus {
    static let success: Int32 = 0
    static let failure: Int32 = 1
    static let usage: Int32 = 2
    static let timeout: Int32 = 3
    /// This host cannot.
    static let unsupported: Int32 = 4
}
