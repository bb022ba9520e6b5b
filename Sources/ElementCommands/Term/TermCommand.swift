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
    @Flag(name: .customLong("code"), help: "End with the number of the first error that the console answers.")
    var endsWithCode = false
    @Option(name: [.short, .customLong("command")], help: "Send this command. Repeatable.")
    var command: [String] = []
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
        options.endsWithCode = endsWithCode
        let words = socket == nil ? words.dropFirst() : words[...]
        options.commands = command + (words.isEmpty ? [] : [words.joined(separator: " ")])
        let isTyped = options.commands.isEmpty && !showsName && !endsWithCode && LineTerminal.isPossible
        let status = isTyped ? LineTerminal.run(options) : TerminalClient.run(options)
        if status != ExitStatus.success { throw ExitCodeOnly(status: status) }
    }
}
