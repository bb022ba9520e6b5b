// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization

/// Messages to people: on standard error, one line each.
enum Report {
    private static let quiet = Atomic<Bool>(false)

    /// `-q`: only errors are said.
    static func setQuiet(_ isQuiet: Bool) { quiet.store(isQuiet, ordering: .relaxed) }

    private static let program = Mutex("etherloom")

    /// The name that messages begin with: the one that the user has called us by.
    static func setProgram(_ name: String) { program.withLock { $0 = name } }

    static func error(_ message: String) { line("\(program.withLock { $0 }): \(message)") }

    /// Progress, unless the user wants none.
    static func note(_ message: String) {
        if !quiet.load(ordering: .relaxed) { error(message) }
    }

    /// A text as it is.
    static func line(_ text: String) {
        StandardStreams.writeError(text + "\n")
    }
}
