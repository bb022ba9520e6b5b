// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `etherloom fabric`: the data plane of a lab.
struct FabricCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "fabric",
            abstract: "Many networks in one process, rewired while they run.",
            discussion: """
                Segments, ports that move between them while they stay open, patches, gateways. It does what it is told \
                through a socket; the keeper of a lab starts it. See etherloom-fabric(1).
                """
        )
    }

    @Option(name: .customLong("socket"), help: "Path of the control socket.")
    var socket: String?
    @Option(name: .customLong("owner-fd"), help: "A connected control socket: whose other end closes ends the fabric.")
    var ownerDescriptor: Int32?
    @Option(name: .customLong("directory"), help: "Where paths in requests begin that are not absolute.")
    var directory: String?
    @Flag(name: .customLong("stay"), help: "Stay when the owner has gone.")
    var stays = false
    @Flag(name: [.short, .customLong("daemon")], help: "Go to the background when ready.")
    var daemon = false
    @OptionGroup var process: ProcessOptions

    mutating func run() throws {
        Report.setQuiet(process.quiet)
        guard socket != nil || ownerDescriptor != nil else {
            throw Failure("who tells it what to do? give --socket PATH", status: ExitStatus.usage)
        }
        let setup = FabricSetup(
            socket: socket,
            ownerDescriptor: ownerDescriptor,
            directory: directory,
            stays: stays,
            process: process.options(isDaemon: daemon)
        )
        try FabricProcess.run(setup)
    }
}
