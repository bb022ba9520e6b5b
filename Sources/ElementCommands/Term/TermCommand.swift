// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Console

/// `etherloom term`: talks to the management console of a switch.
struct TermCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "term",
            abstract: "Talk to the management console of a switch, ours or another's.",
            discussion: """
                Lines from standard input go to the console, or the one command given; with -i each line of the answer \
                carries the socket's name.
                """
        )
    }

    @Flag(name: [.customShort("i"), .customLong("identify")], help: "Put the socket's name before each line.")
    var showsName = false
    @Option(name: [.short, .customLong("socket")], help: "Path of the console's socket.")
    var socket: String?
    @Option(name: .customLong("timeout"), help: "Seconds to wait for an answer.")
    var timeoutSeconds = 10
    @Argument(help: "The socket's path, unless given by -s; then the command.")
    var words: [String] = []

    mutating func run() throws {
        guard let path = socket ?? words.first else {
            throw Failure("which console? give its socket with -s", status: ExitStatus.usage)
        }
        guard (1...86_400).contains(timeoutSeconds) else {
            throw Failure("--timeout \(timeoutSeconds): seconds, 1 to 86400", status: ExitStatus.usage)
        }
        var options = TerminalOptions(path: path)
        options.showsName = showsName
        options.timeoutMilliseconds = timeoutSeconds * 1000
        let command = socket == nil ? words.dropFirst() : words[...]
        if !command.isEmpty { options.commands = [command.joined(separator: " ")] }
        let status = TerminalClient.run(options)
        if status != ExitStatus.success { throw ExitCodeOnly(status: status) }
    }
}
