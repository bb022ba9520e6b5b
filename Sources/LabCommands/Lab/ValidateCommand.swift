// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LabFile
import LinuxSystem
import Model

/// `etherloom validate`: is a lab file right, and if not, where is it wrong?
struct ValidateCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "validate",
            abstract: "Check a lab file, and say all that is wrong with it.",
            discussion: """
                Reads lab.yaml of the directory, the file named, or standard input for "-". Every mistake is a line with its \
                place. The file is described in etherloom-lab.yaml(5).
                """
        )
    }

    @Argument(help: "The lab file; lab.yaml when none is named, - for standard input.")
    var file: String = "lab.yaml"
    @Option(name: .customLong("format"), help: ArgumentHelp("How to answer: text or json.", valueName: "text|json"))
    var format: ReportFormat = .text
    @Flag(name: [.customShort("q"), .customLong("quiet")], help: "Say nothing about a file that is right.")
    var isQuiet = false

    mutating func run() throws {
        let source = try LabSource(file)
        let lab: Lab
        do throws(LabFileError) {
            lab = try source.read().lab
        } catch {
            switch format {
            case .json: try Output.write(Self.json(source, nil, error.problems) + "\n")
            case .text: StandardStreams.writeError(error.description + "\n")
            }
            throw ExitCode(ExitStatus.usage)
        }
        switch format {
        case .json: try Output.write(Self.json(source, lab, []) + "\n")
        case .text where !isQuiet: try Output.write("\(source.name): \(Self.summary(lab))\n")
        case .text: break
        }
    }

    /// `lab "mesh": 4 guests, 2 segments, 5 links`.
    static func summary(_ lab: Lab) -> String {
        func count(_ number: Int, _ what: String) -> String? {
            number == 0 ? nil : "\(number) \(what)\(number == 1 ? "" : "s")"
        }
        let parts = [
            count(lab.guests.count, "guest"), count(lab.segments.count, "segment"), count(lab.links.count, "link"),
            count(lab.gateways.count, "gateway"), count(lab.tunnels.count, "tunnel"),
            count(lab.delegations.count, "delegation"),
        ]
        let list = parts.compactMap(\.self).joined(separator: ", ")
        return "lab \"\(lab.name)\": \(list.isEmpty ? "nothing in it" : list)"
    }

    private static func json(_ source: LabSource, _ lab: Lab?, _ problems: [Problem]) -> String {
        let list = problems.map { problem -> JSON in
            .object(
                [
                    .init("line", .integer(problem.place.line)), .init("column", .integer(problem.place.column)),
                    .init("message", .string(problem.message)),
                ] + (problem.hint.map { [.init("hint", .string($0))] } ?? [])
            )
        }
        let name = lab.map { [JSON.Member("lab", .string($0.name))] } ?? []
        let more: [JSON.Member] = [.init("valid", .boolean(lab != nil)), .init("problems", .array(list))]
        return JSON.object([.init("file", .string(source.name))] + name + more).description
    }
}

/// How a command answers.
enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
    /// For people.
    case text
    /// For programs.
    case json
}
