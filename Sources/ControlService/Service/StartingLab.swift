// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A lab whose keeper is being started, and who waits for it.
final class StartingLab {
    let directory: String
    private let keeper: KeeperProgram
    var waiting: [() -> Void] = []

    init(directory: String, keeper: KeeperProgram) {
        self.directory = directory
        self.keeper = keeper
    }
}
