// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import LinuxSystem
import Model

/// `etherloom inspect`: everything about a lab, a guest, an interface or a segment, as JSON.
struct InspectCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "inspect",
            abstract: "Show all that is known of a lab, a guest, an interface or a segment, as JSON."
        )
    }

    @Argument(help: "A guest, GUEST:INTERFACE, a segment or another thing of the lab; the lab without it.")
    var thing: String?
    @OptionGroup var lab: LabOptions

    mutating func run() throws {
        let answer = try ControlClient.make().request("GET", ["labs", try lab.name()])
        try Output.write(try find(answer).indented + "\n")
    }

    private func find(_ lab: JSON) throws -> JSON {
        guard let thing else { return lab }
        for section in ["guests", "segments", "gateways", "tunnels", "delegations"] {
            if let found = lab[section]?.list?.first(where: { $0["name"]?.text == thing }) { return found }
        }
        for guest in lab["guests"]?.list ?? [] {
            if let found = guest["interfaces"]?.list?.first(where: { $0["port"]?.text == thing }) { return found }
        }
        throw Failure("lab \"\(lab["name"]?.text ?? "")\" has no \"\(thing)\"", status: ExitStatus.usage)
    }
}
