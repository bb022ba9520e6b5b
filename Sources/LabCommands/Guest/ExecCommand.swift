// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import Guests
import LinuxSystem
import Model

/// `etherloom exec`: a command in a guest, in several, or in all.
struct ExecCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "exec",
            abstract: "Run a command in guests, with its input, output and exit status.",
            usage: "etherloom exec [<options>] GUEST[,GUEST…] [--] COMMAND…\n       etherloom exec --all [--] COMMAND…",
            discussion: """
                Options stand before the guest. With several guests the command runs in all at the same time, each line begins \
                with its guest's name, there is no input, and the worst status is the one of this command.
                """
        )
    }

    @Flag(name: .customLong("all"), help: "In all guests that run.")
    var all = false
    @Option(name: [.customShort("l"), .customLong("label")], help: "In all guests that run and have this label.")
    var label: String?
    @Flag(name: [.customShort("t"), .customLong("tty")], help: "Give the command a terminal.")
    var usesTerminal = false
    @Option(name: [.short, .customLong("user")], help: "As this user of the guest.")
    var user: String?
    @Option(name: [.customShort("w"), .customLong("workdir")], help: "In this directory of the guest.")
    var workDirectory: String?
    @Option(name: [.customShort("e"), .customLong("env")], help: "NAME=VALUE, beyond the guest's own.")
    var environment: [String] = []
    @OptionGroup var lab: LabOptions
    @Argument(parsing: .captureForPassthrough, help: "Guests, separated by commas, and a command.")
    var words: [String] = []

    mutating func run() throws {
        if let first = words.first, first.hasPrefix("-"), first != "--" {
            if first == "--help" || first == "-h" { throw CleanExit.helpRequest(self) }
            throw Failure("exec: unknown option \(first); see: etherloom exec --help", status: ExitStatus.usage)
        }
        let (guests, line) = try select()
        guard !line.isEmpty else {
            throw Failure("exec: no command; see: etherloom exec --help", status: ExitStatus.usage)
        }
        for variable in environment where !variable.contains("=") {
            throw Failure("--env \(variable): wanted is NAME=VALUE", status: ExitStatus.usage)
        }
        var command = GuestCommand(line)
        command.user = user
        command.directory = workDirectory
        command.environment = environment
        let runtime = try lab.runtimeDirectory()
        if guests.count == 1, !all, label == nil {
            let status = try GuestSession.run(command, guest: guests[0], runtime: runtime, usesTerminal: usesTerminal)
            throw ExitCode(status)
        }
        guard !usesTerminal else { throw Failure("--tty is for one guest", status: ExitStatus.usage) }
        throw ExitCode(try ManyGuests.run(command, guests: guests, runtime: runtime))
    }

    private func select() throws -> (guests: [String], command: [String]) {
        var words = self.words
        func dropMark() { if words.first == "--" { words.removeFirst() } }
        dropMark()
        if all || label != nil {
            let guests = try label.map(withLabel) ?? running()
            guard !guests.isEmpty else { throw Failure("no guest runs" + (label.map { " with label \($0)" } ?? "")) }
            return (guests, words)
        }
        guard let first = words.first else {
            throw Failure("exec: in which guest? see: etherloom exec --help", status: ExitStatus.usage)
        }
        words.removeFirst()
        dropMark()
        let guests = first.split(separator: ",").map(String.init)
        guard !guests.isEmpty else { throw Failure("exec: \"\(first)\" names no guest", status: ExitStatus.usage) }
        return (guests, words)
    }

    private func running() throws -> [String] {
        try lab.keeper().state().guests.filter { $0.state == .running }.map(\.name)
    }

    /// `KEY`, or `KEY=VALUE`.
    private func withLabel(_ label: String) throws -> [String] {
        let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let answer = try ControlClient.make().request("GET", ["labs", try lab.name()])
        return (answer["guests"]?.list ?? []).filter { guest in
            guard guest["state"]?.text == "running", let value = guest["labels"]?[parts[0]]?.text else { return false }
            return parts.count == 1 || value == parts[1]
        }.compactMap { $0["name"]?.text }
    }
}

/// `etherloom shell`: a login shell in a guest.
struct ShellCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "shell", abstract: "A login shell in a guest.")
    }

    @Argument(help: "The guest.") var guest: String
    @Option(name: [.short, .customLong("user")], help: "As this user of the guest.")
    var user: String?
    @OptionGroup var lab: LabOptions

    mutating func run() throws {
        var command = GuestCommand([
            "/bin/sh", "-c", "if [ -x /bin/bash ]; then exec /bin/bash -l; else exec /bin/sh -l; fi",
        ])
        command.user = user
        command.environment = ["TERM=\(CurrentProcess.environment("TERM") ?? "dumb")"]
        let status = try GuestSession.run(
            command,
            guest: guest,
            runtime: try lab.runtimeDirectory(),
            usesTerminal: TerminalMode.isTerminal(0) && TerminalMode.isTerminal(1)
        )
        throw ExitCode(status)
    }
}
