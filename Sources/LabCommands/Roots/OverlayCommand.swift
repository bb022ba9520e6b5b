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
            let all = JSON.object(guests.map { .init($0["name"]?.text ?? "", $0["overlays"] ?? .null) })
            options.format.print(all) {
                (all.members ?? []).map { "\($0.key): \(($0.value.texts ?? []).joined(separator: " "))\n" }.joined()
            }
        }
    }
}

/// `etherloom template`: named sets of overlays, for all guests at once.
struct TemplateCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "template",
            abstract: "Load a set of overlays for all guests at once.",
            discussion: "A template is a directory below templates/ of the lab's, with a directory for each guest.",
            subcommands: [Load.self, List.self, None.self]
        )
    }

    struct Load: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "load",
                abstract: "Load templates, the first on top, instead of those that are."
            )
        }
        @Argument(help: "Their names.") var names: [String]
        @OptionGroup var options: ChangeOptions
        mutating func run() throws {
            let directory = try options.lab.lab == nil ? options.lab.findDirectory() : nil
            for name in names {
                guard LabName.objection(to: name) == nil else {
                    throw Failure("\"\(name)\" is no template's name", status: ExitStatus.usage)
                }
                if let directory, (try? FileStatus(path: "\(directory)/templates/\(name)"))?.isDirectory != true {
                    throw Failure("there is no template \(directory)/templates/\(name)", status: ExitStatus.usage)
                }
            }
            try options.send([["template", "load"] + names])
        }
    }

    struct None: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "none", abstract: "Take all templates away.")
        }
        @OptionGroup var options: ChangeOptions
        mutating func run() throws { try options.send([["template", "none"]]) }
    }

    struct List: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(commandName: "ls", abstract: "List templates; those that are loaded have a star.")
        }
        @OptionGroup var options: ListOptions
        mutating func run() throws {
            let lab = try options.read()
            let loaded = lab["templates"]?.texts ?? []
            let directory = (lab["directory"]?.text ?? "") + "/templates"
            let names = ((try? FileSystem.names(in: directory)) ?? []).sorted()
            let all = JSON.array(names.map { ["name": .string($0), "loaded": .boolean(loaded.contains($0))] })
            options.format.print(all) { names.map { "\(loaded.contains($0) ? "*" : " ") \($0)\n" }.joined() }
        }
    }
}
