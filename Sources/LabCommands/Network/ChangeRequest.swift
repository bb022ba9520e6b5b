// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import LinuxSystem
import Model

/// What all verbs that change a running lab have in common.
struct ChangeOptions: ParsableArguments {
    @OptionGroup var lab: LabOptions
    @Flag(name: [.customShort("n"), .customLong("dry-run")], help: "Only say what would be done.")
    var isDryRun = false
    @OptionGroup var format: FormatOption

    /// Has the daemon make changes, all or none, and says what was done.
    func send(_ changes: [[String]], downFor: Int? = nil) throws {
        var body: [JSON.Member] = [.init("changes", .array(changes.map { .texts($0) }))]
        if let downFor { body.append(.init("down-for", .integer(downFor))) }
        let answer = try ControlClient.make().request(
            "PATCH",
            ["labs", try lab.name()],
            query: [("dry-run", isDryRun ? "1" : nil)],
            body: .object(body)
        )
        let lines = answer["changes"]?.texts ?? []
        if format.format == .json {
            try Output.write(answer.description + "\n")
        } else if isDryRun {
            try Output.write(lines.isEmpty ? "nothing to do\n" : lines.map { $0 + "\n" }.joined())
        }
    }
}

/// Reads a lab for verbs that list parts of it.
struct ListOptions: ParsableArguments {
    @OptionGroup var lab: LabOptions
    @OptionGroup var format: FormatOption

    func read() throws -> JSON { try ControlClient.make().request("GET", ["labs", try lab.name()]) }
}
