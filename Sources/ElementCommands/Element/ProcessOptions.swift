// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// What every verb that runs on can be told of its life as a process.
struct ProcessOptions: ParsableArguments {
    @Option(name: [.short, .customLong("pidfile")], help: "Write the process number there.")
    var pidFile: String?
    @Option(name: .customLong("ready-fd"), help: "Write a line to this descriptor when ready.")
    var readyDescriptor: Int32?
    @Flag(name: [.short, .customLong("quiet")], help: "Say errors only.")
    var quiet = false

    /// The options for a process that goes to the background, or not.
    func options(isDaemon: Bool) -> ElementProcess.Options {
        ElementProcess.Options(isDaemon: isDaemon, pidFile: pidFile, readyDescriptor: readyDescriptor)
    }
}
