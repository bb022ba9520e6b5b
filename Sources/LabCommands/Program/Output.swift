// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// What a command was asked for: where it cannot be written, the command has failed.
enum Output {
    static func write(_ text: String) throws(Failure) {
        guard !StandardStreams.writeOutput(text) else { return }
        throw Failure("standard output: \(Errno(rawValue: errno))")
    }
}
