// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import LabFile
import LinuxSystem
import Model

/// `etherloom template`: named sets of overlays, for all guests at once.
struct TemplateCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "template",
            abstract: "Load a set of overlays for all guests at once.",
            discussion: "A template is a directory below templates/ of the lab's, with a directory for each guest.",
            subcommands: [Create.self, Load.self, List.self, None.self]
        )
    }

    struct Create: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "create",
                abstract: "Make an empty template: a directory for each guest of the lab, running or not."
            )
        }
        @Argument(help: "Its name.") var name: String
        @OptionGroup var lab: LabOptions
        mutating func run() throws {
            try TemplateCommand.check(name)
            let (directory, guests) = try self.guests()
            let path = "\(directory)/templates/\(name)"
            guard (try? FileStatus(path: path, followLinks: false)) == nil else {
                throw Failure("\(path) exists already", status: ExitStatus.usage)
            }
            do throws(Errno) {
                do throws(Errno) {
                    try FileSystem.makeDirectory("\(directory)/templates", mode: 0o755)
                } catch .exists {}
                for part in [""] + guests.map({ "/\($0)" }) { try FileSystem.makeDirectory(path + part, mode: 0o755) }
            } catch {
                throw Failure("\(path): \(error)")
            }
        }

        /// Those of the lab as it runs, or else of its file.
        private func guests() throws -> (directory: String, names: [String]) {
            if lab.lab != nil || (try? lab.name()) != nil {
                let answer = try ControlClient.make().request("GET", ["labs", try lab.name()])
                return (answer["directory"]?.text ?? "", (answer["guests"]?.list ?? []).compactMap { $0["name"]?.text })
            }
            let directory = try lab.findDirectory()
            let source = try LabSource(directory + "/lab.yaml")
            do throws(LabFileError) {
                return (directory, try source.read().lab.guests.map(\.name))
            } catch {
                throw Failure(error.description, status: ExitStatus.usage)
            }
        }
    }

    /// Names are directories.
    static func check(_ name: String) throws {
        if let objection = LabName.objection(to: name) {
            throw Failure("template \"\(name)\": \(objection)", status: ExitStatus.usage)
        }
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
                try TemplateCommand.check(name)
                if let directory, (try? FileStatus(path: "\(directory)/templates/\(name)"))?.isDirectory != true {
                    throw Failure(
                        "there is no template \(directory)/templates/\(name); make it with: etherloom template create",
                        status: ExitStatus.usage
                    )
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
            try options.format.print(all) { names.map { "\(loaded.contains($0) ? "*" : " ") \($0)\n" }.joined() }
        }
    }
}
