// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import Glibc
import LinuxSystem
import Model

/// `etherloom save`: the running lab, with all that was changed while it ran, as a lab file.
struct SaveCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "save",
            abstract: "Write the lab as it runs now as a lab file.",
            discussion:
                "To standard output, or to a file, which is replaced as a whole. Comments of the old file are not kept."
        )
    }

    @Argument(help: "The file to write; standard output without it.")
    var file: String?
    @OptionGroup var lab: LabOptions

    mutating func run() throws {
        let answer = try ControlClient.make().request("GET", ["labs", try lab.name(), "file"])
        guard let text = answer["file"]?.text else { throw Failure("the daemon gave no file") }
        guard let file, file != "-" else {
            try Output.write(text)
            return
        }
        let new = file + ".new"
        do throws(Errno) {
            let output = try OwnedDescriptor.open(new, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
            try output.writeAll(text.utf8)
            try output.close()
            try FileSystem.rename(new, to: file)
        } catch {
            // The old file stays as it is.
            try? FileSystem.remove(new)
            throw Failure("\(file): \(error)")
        }
    }
}

/// `etherloom graph`: the lab as a drawing.
struct GraphCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "graph", abstract: "Draw the running lab: text, Mermaid, DOT or SVG.")
    }

    @OptionGroup var lab: LabOptions
    @Option(
        name: .customLong("format"),
        help: ArgumentHelp("How to draw it.", valueName: "text|mermaid|dot|svg")
    )
    var format = "text"

    mutating func run() throws {
        let answer = try ControlClient.make().request(
            "GET",
            ["labs", try lab.name(), "graph"],
            query: [("format", format)]
        )
        try Output.write(answer["graph"]?.text ?? "")
    }
}

/// `etherloom events`: what happens, as it happens.
struct EventsCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "events",
            abstract: "Show what happens in a lab, or in all, a line of JSON each.",
            discussion: "The first line is a snapshot of what there is."
        )
    }

    @OptionGroup var lab: LabOptions
    @Flag(name: .customLong("all"), help: "All labs of this user.")
    var all = false
    @Option(name: [.short, .customLong("count")], help: "End after so many events, the snapshot not counted.")
    var count: Int?

    mutating func run() throws {
        if let count, count < 0 { throw Failure("--count \(count): a number of events", status: ExitStatus.usage) }
        let parts = all ? ["events"] : ["labs", try lab.name(), "events"]
        var left = count ?? .max
        try ControlClient.make().events(parts) { name, data in
            let line = name == "snapshot" ? JSON.object([.init("snapshot", data)]) : data
            guard StandardStreams.writeOutput(line.description + "\n") else { return false }
            if name != "snapshot" { left -= 1 }
            return left > 0
        }
    }
}
