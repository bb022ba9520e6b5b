// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import LinuxSystem
import Model

/// `etherloom overlay`: directories over a guest's master, a stack.
struct OverlayCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "overlay",
            abstract: "Push, pop and list directories that are laid over a guest's master.",
            discussion: "A guest that runs is started anew for it.",
            subcommands: [Push.self, Pop.self, List.self]
        )
    }

    struct Push: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "push", abstract: "Lay a directory on top.")
        }
        @Argument(help: "The guest.") var guest: String
        @Argument(help: "The directory; below the lab's own unless absolute.") var directory: String
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["overlay", "push", guest, directory]]) }
    }

    struct Pop: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "pop", abstract: "Take the topmost away.")
        }
        @Argument(help: "The guest.") var guest: String
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["overlay", "pop", guest]]) }
    }

    struct List: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "ls", abstract: "List overlays, the topmost first.")
        }
        @Argument(help: "The guest; all without it.") var guest: String?
        @OptionGroup var options: ListOptions
        mutating func run() throws {
            let lab = try options.read()
            let guests = (lab["guests"]?.list ?? []).filter { guest == nil || $0["name"]?.text == guest }
            if let guest, guests.isEmpty {
                throw Failure(
                    "lab \"\(lab["name"]?.text ?? "")\" has no guest \"\(guest)\"",
                    status: ExitStatus.usage
                )
            }
            let all = JSON.object(guests.map { .init($0["name"]?.text ?? "", $0["overlays"] ?? .null) })
            try options.format.print(all) {
                (all.members ?? []).map { "\($0.key): \(($0.value.texts ?? []).joined(separator: " "))\n" }.joined()
            }
        }
    }
}
