// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import LinuxSystem
import Model

/// `etherloom snapshot`: what all guests of a lab have changed, saved and brought back together.
struct SnapshotCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "snapshot",
            abstract: "Save and bring back the roots of all guests of a lab.",
            subcommands: [Save.self, Restore.self, List.self, Remove.self]
        )
    }

    static func request(_ lab: LabOptions, _ method: String, _ parts: [String]) throws -> JSON {
        try ControlClient.make().request(method, ["labs", try lab.name(), "snapshots"] + parts)
    }

    struct Save: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "save", abstract: "Save all roots.")
        }
        @Argument(help: "The snapshot's name.") var name: String
        @OptionGroup var lab: LabOptions
        mutating func run() throws { _ = try SnapshotCommand.request(lab, "POST", [name]) }
    }

    struct Restore: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "restore",
                abstract: "Bring a snapshot back; what was changed since is lost."
            )
        }
        @Argument(help: "The snapshot's name.") var name: String
        @OptionGroup var lab: LabOptions
        mutating func run() throws { _ = try SnapshotCommand.request(lab, "POST", [name, "restore"]) }
    }

    struct List: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "ls", abstract: "List snapshots.")
        }
        @OptionGroup var lab: LabOptions
        @OptionGroup var format: FormatOption
        mutating func run() throws {
            let answer = try SnapshotCommand.request(lab, "GET", [])
            try format.print(answer["snapshots"] ?? .array([])) {
                let rows = (answer["snapshots"]?.list ?? []).map { snapshot in
                    [
                        snapshot["name"]?.text ?? "", snapshot["time"]?.text ?? "-",
                        (snapshot["guests"]?.texts ?? []).joined(separator: " "),
                    ]
                }
                return TextTable.text([["SNAPSHOT", "TIME", "GUESTS"]] + rows)
            }
        }
    }

    struct Remove: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "remove", abstract: "Forget a snapshot.", aliases: ["rm"])
        }
        @Argument(help: "The snapshot's name.") var name: String
        @OptionGroup var lab: LabOptions
        mutating func run() throws { _ = try SnapshotCommand.request(lab, "DELETE", [name]) }
    }
}
