// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Model

/// `etherloom link`: cables of a running lab.
struct LinkCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "link",
            abstract: "Plug, unplug, move, cut and impair the cables of a running lab.",
            discussion: "An end is GUEST:INTERFACE or a segment's name.",
            subcommands: [Add.self, Remove.self, Up.self, Down.self, Move.self, Impair.self, List.self]
        )
    }

    struct Add: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "add", abstract: "Join two ends: etherloom link add alice:eth1 bob:eth1")
        }
        @Argument(help: "One end.") var first: String
        @Argument(help: "The other.") var second: String
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["link", "add", first, second]]) }
    }

    struct Remove: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "remove", abstract: "Take a cable away.", aliases: ["rm"])
        }
        @Argument(help: "Its end, or both.") var ends: [String]
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["link", "remove"] + ends]) }
    }

    struct Up: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "up", abstract: "Connect a cable again.")
        }
        @Argument(help: "The end whose cable it is.") var end: String
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["link", "up", end]]) }
    }

    struct Down: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "down", abstract: "Cut a cable: its interfaces lose their carrier.")
        }
        @Argument(help: "The end whose cable it is.") var end: String
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["link", "down", end]]) }
    }

    struct Move: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "move",
                abstract: "Plug an interface into something else; the guest sees its carrier go and come."
            )
        }
        @Argument(help: "GUEST:INTERFACE.") var interface: String
        @Argument(help: "Where it goes.") var target: String
        @Option(
            name: .customLong("down-for"),
            help: "Milliseconds without carrier; 1100 lets every daemon notice, 0 is as short as the guest can see."
        )
        var downFor = 1100
        @OptionGroup var options: ChangeOptions
        mutating func run() throws {
            guard downFor >= 0 else {
                throw Failure("--down-for \(downFor): milliseconds are wanted", status: ExitStatus.usage)
            }
            try options.send([["link", "move", interface, target]], downFor: downFor)
        }
    }

    struct Impair: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "impair",
                abstract: "Delay, lose, spoil frames: etherloom link impair alice:eth0 delay=20ms loss=1%",
                discussion: """
                    Words are those of impair: in a lab file, or a preset (lan, wifi, 4g, 3g, satellite). "forth" is from the \
                    cable's first end to its second, "back" the other way; both without a word. What is not named stays, \
                    unless "replace" is said. "clear" ends it all.
                    """
            )
        }
        @Argument(help: "The end whose cable it is.") var end: String
        @Argument(help: "[forth|back|both] [replace] KEY=VALUE…, a preset, or clear.") var words: [String]
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["link", "impair", end] + words]) }
    }

    struct List: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "ls", abstract: "List cables.")
        }
        @OptionGroup var options: ListOptions
        mutating func run() throws {
            let links = try options.read()["links"] ?? .array([])
            try options.format.print(links) {
                let rows = (links.list ?? []).map { link in
                    (link["ends"]?.texts ?? []) + [
                        link["up"]?.flag == false ? "down" : "up",
                        (link["forth"]?.texts ?? []).joined(separator: " "),
                        (link["back"]?.texts ?? []).joined(separator: " "),
                    ]
                }
                return TextTable.text([["END", "END", "STATE", "FORTH", "BACK"]] + rows)
            }
        }
    }
}
