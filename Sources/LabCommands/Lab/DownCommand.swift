// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlClient
import Guests
import LinuxSystem
import Model

/// `etherloom down`: ends a lab, or all of them.
struct DownCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "down",
            abstract: "Stop a lab's guests, and end it.",
            discussion:
                "What guests have changed stays in host/ of the lab's directory. A lab that does not run is no error."
        )
    }

    @OptionGroup var lab: LabOptions
    @Flag(name: .customLong("all"), help: "All labs of this user.")
    var all = false
    @Option(name: .customLong("grace"), help: "Seconds for guests to end by themselves; 10 without it.")
    var grace: Double?
    @Flag(name: [.short, .customLong("quiet")], help: "Say errors only.")
    var quiet = false

    mutating func run() throws {
        if let grace, !(grace >= 0 && grace < 1e6) {
            throw Failure("--grace \(grace): seconds are wanted", status: ExitStatus.usage)
        }
        let client = try ControlClient.make()
        let names: [String]
        if all {
            names = (try client.request("GET", ["labs"]).list ?? []).compactMap { $0["name"]?.text }
        } else if let name = lab.lab {
            names = [name]
        } else {
            let directory = try lab.findDirectory()
            guard let name = LabOptions.running(directory)?.owner()?.name ?? Self.starting(directory) else {
                if !quiet { StandardStreams.writeError("etherloom: the lab of \(directory) does not run\n") }
                return
            }
            names = [name]
        }
        var failures: [GuestError] = []
        for name in names {
            do throws(GuestError) {
                try client.request(
                    "DELETE",
                    ["labs", name],
                    query: [("grace", grace.map { String(UInt64($0 * 1000)) })],
                    interruption: "interrupted; the lab goes on ending: etherloom down waits for that"
                )
            } catch {
                // One that does not end keeps no other from it.
                guard error.status != ControlClient.interrupted else { throw error }
                failures.append(error)
            }
        }
        guard let first = failures.first else { return }
        throw GuestError(failures.map(\.message).joined(separator: "\n"), status: first.status)
    }

    /// The lab of a directory whose keeper is being started, as only the daemon knows.
    private static func starting(_ directory: String) -> String? {
        let client = ControlClient(program: "", startsDaemon: false)
        let labs = (try? client.request("GET", ["labs"]))?.list ?? []
        return labs.first { $0["directory"]?.text == directory }?["name"]?.text
    }
}
