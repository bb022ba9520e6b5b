// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Guests

/// What the keeper and `etherloom master` run in a user namespace; not for people.
struct RootsCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: RootProgram.verb,
            abstract: "Work on the files of guests, inside of their user namespace.",
            shouldDisplay: false
        )
    }

    @Argument(parsing: .captureForPassthrough) var words: [String] = []

    mutating func run() throws {
        let status = RootProgram.run(words)
        if status != 0 { throw ExitCodeOnly(status: status) }
    }
}
