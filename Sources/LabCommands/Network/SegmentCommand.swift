// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Model

/// `etherloom segment`: networks of a running lab.
struct SegmentCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "segment",
            abstract: "Add, change, remove and list the networks of a running lab.",
            subcommands: [Add.self, Set.self, Remove.self, List.self]
        )
    }

    struct Add: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "add",
                abstract: "Add a segment: etherloom segment add lan kind=hub mtu=9000"
            )
        }
        @Argument(help: "Its name.") var name: String
        @Argument(help: "KEY=VALUE, with the keys of a segment in a lab file.") var properties: [String] = []
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["segment", "add", name] + properties]) }
    }

    struct Set: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "set", abstract: "Change a segment.")
        }
        @Argument(help: "Its name.") var name: String
        @Argument(help: "KEY=VALUE.") var properties: [String]
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["segment", "set", name] + properties]) }
    }

    struct Remove: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "remove",
                abstract: "Remove a segment; what was on it stays, unplugged.",
                aliases: ["rm"]
            )
        }
        @Argument(help: "Its name.") var name: String
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["segment", "remove", name]]) }
    }

    struct List: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "ls", abstract: "List segments and what is plugged into them.")
        }
        @OptionGroup var options: ListOptions
        mutating func run() throws {
            let segments = try options.read()["segments"] ?? .array([])
            try options.format.print(segments) {
                let rows = (segments.list ?? []).map { segment in
                    [
                        segment["name"]?.text ?? "", segment["kind"]?.text ?? "",
                        segment["mtu"]?.integer.map(String.init) ?? "-",
                        (segment["members"]?.texts ?? []).joined(separator: " "),
                    ]
                }
                return TextTable.text([["SEGMENT", "KIND", "MTU", "MEMBERS"]] + rows)
            }
        }
    }
}
