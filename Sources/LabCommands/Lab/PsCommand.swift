// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import LinuxSystem
import Model

/// `etherloom ps`: the guests of a lab, or the labs of the user.
struct PsCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "ps",
            abstract: "Show the guests of a lab, or all labs that run.",
            discussion: "Outside of a lab's directory, and with --all, it lists labs."
        )
    }

    @OptionGroup var lab: LabOptions
    @Flag(name: .customLong("all"), help: "All labs of this user.")
    var all = false
    @OptionGroup var format: FormatOption

    mutating func run() throws {
        let client = try ControlClient.make()
        let isAnywhere = lab.lab == nil && lab.directory == nil && (try? lab.findDirectory()) == nil
        if all || isAnywhere {
            let labs = try client.request("GET", ["labs"])
            try format.print(labs) { Self.labs(labs) }
            return
        }
        let answer = try client.request("GET", ["labs", try lab.name()])
        let guests = answer["guests"] ?? .array([])
        try format.print(guests) { Self.guests(guests) }
    }

    private static func labs(_ labs: JSON) -> String {
        let rows = (labs.list ?? []).map { lab in
            [
                lab["name"]?.text ?? "", lab["state"]?.text ?? "",
                "\(lab["running"]?.integer ?? 0)/\(lab["guests"]?.integer ?? 0)", lab["directory"]?.text ?? "",
            ]
        }
        return TextTable.text([["LAB", "STATE", "GUESTS", "DIRECTORY"]] + rows)
    }

    static func guests(_ guests: JSON) -> String {
        let rows = (guests.list ?? []).map { guest -> [String] in
            let state = guest["state"]?.text ?? ""
            let isReady = guest["ready"]?.flag == true
            let interfaces = (guest["interfaces"]?.list ?? []).map { interface in
                let addresses = interface["addresses"]?.texts ?? []
                return "\(interface["name"]?.text ?? "")→\(interface["peer"]?.text ?? "-")"
                    + (addresses.isEmpty ? "" : " \(addresses.joined(separator: ","))")
            }
            return [
                guest["name"]?.text ?? "", guest["kind"]?.text ?? "",
                state == "running" && !isReady ? "running, not ready" : state,
                guest["pid"]?.integer.map(String.init) ?? "-", interfaces.joined(separator: "  "),
                guest["error"]?.text ?? "",
            ]
        }
        return TextTable.text([["GUEST", "KIND", "STATE", "PID", "INTERFACES", ""]] + rows)
    }
}
