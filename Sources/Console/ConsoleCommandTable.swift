// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The commands of a console, in the order in which `help` lists them.
public struct ConsoleCommandTable {
    public private(set) var commands: [ConsoleCommand] = []

    public init(_ commands: [ConsoleCommand] = []) { self.commands = commands }

    public mutating func add(_ commands: [ConsoleCommand]) { self.commands += commands }

    /// Takes out a command or a menu's heading: what a plugin brought goes with it.
    public mutating func remove(path: String) { commands.removeAll { $0.path == path } }

    /// The command that a line means, and its argument. A command is meant when the line begins with its path; no blank
    /// need follow, and of several the longest is meant (`port/createauto`, not `port/create`).
    public func match(_ line: Substring) -> (command: ConsoleCommand, argument: String)? {
        var best: ConsoleCommand?
        for command in commands where command.action != nil && line.utf8.starts(with: command.path.utf8) {
            if command.path.utf8.count > best?.path.utf8.count ?? -1 { best = command }
        }
        guard let best else { return nil }
        let argument = line.utf8.dropFirst(best.path.utf8.count)
        return (best, String(Substring(argument).drop(while: ConsoleArgument.isBlank)))
    }

    /// Whether a typed line, blanks before it and all, means a command.
    func names(_ line: String) -> Bool { match(line.drop(while: ConsoleArgument.isBlank)) != nil }

    /// What `help` prints: every entry whose path begins with `prefix`.
    public func help(prefix: String) -> [String] {
        var lines = [
            "COMMAND PATH       SYNTAX          HELP",
            "------------       --------------  ------------",
        ]
        for command in commands where command.path.utf8.starts(with: prefix.utf8) {
            lines.append("\(alignedLeft(command.path, 18)) \(alignedLeft(command.syntax, 15)) \(command.help)")
        }
        return lines
    }
}
