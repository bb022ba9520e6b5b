// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Endpoints
import LinuxSystem
import Runtime

/// `etherloom plug`: a cable between two places, until one of them is gone.
struct PlugCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "plug",
            abstract: "A cable between two networks, or between a tap and a network.",
            discussion: """
                `etherloom plug tap://vd1 /tmp/vde` adds the interface vd1 to the network stack it is called in; \
                `etherloom plug /tmp/a /tmp/b` joins two switches. The cable lasts as long as the command; with --reconnect \
                an end that goes is waited for. Alternatives for an end are separated by "|".
                """
        )
    }

    @Argument(help: "One end: a network's URL, or a switch's directory.")
    // Optional so that a wrong option is what gets reported, not the place that it was taken from.
    var first: String?
    @Argument(help: "The other end.")
    var second: String?
    @Option(name: .customLong("or"), help: "An alternative for the other end. Repeatable.")
    var alternatives: [String] = []
    @OptionGroup var filters: FilterOptions
    @Flag(name: .customLong("reconnect"), help: "Wait for ends that are not there, and plug them in again.")
    var reconnect = false
    @Flag(name: [.short, .customLong("daemon")], help: "Go to the background when ready.")
    var daemon = false
    @OptionGroup var process: ProcessOptions

    mutating func run() throws {
        guard let first else {
            throw Failure(
                "plug: from where to where? give two places; see: etherloom plug --help",
                status: ExitStatus.usage
            )
        }
        guard let other = second ?? EnvironmentDefaults.network else {
            throw Failure("plug: where does the other end go? give a second place", status: ExitStatus.usage)
        }
        Report.setQuiet(process.quiet)
        var setup: PlugProcess.Setup
        do {
            setup = PlugProcess.Setup(
                first: try NetworkURL.alternatives(first),
                second: try NetworkURL.alternatives(other)
            )
            for text in alternatives { setup.ends.second += try NetworkURL.alternatives(text) }
        } catch {
            throw Failure("\(error)", status: ExitStatus.usage)
        }
        setup.ends.filters = try filters.compiled()
        setup.ends.isKept = reconnect
        setup.process = process.options(isDaemon: daemon)
        try PlugProcess.run(setup)
    }
}
