// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Exit statuses of the `etherloom` commands. Compatible names keep those of the originals.
enum ExitStatus {
    static let success: Int32 = 0
    /// The thing asked for failed.
    static let failure: Int32 = 1
    /// Wrong usage, or an invalid file.
    static let usage: Int32 = 2
    static let timeout: Int32 = 3
    /// This host cannot: a device or a kernel feature is missing.
    static let unsupported: Int32 = 4
    /// `run`: a failure of ours, not of the command.
    static let runFailure: Int32 = 125
}

/// An error that ends a command: one line for the user, and the exit status.
struct Failure: Error {
    let message: String
    let status: Int32

    init(_ message: String, status: Int32 = ExitStatus.failure) {
        self.message = message
        self.status = status
    }
}
