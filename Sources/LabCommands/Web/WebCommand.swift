// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Hummingbird
import LinuxSystem
import Logging
import NIOCore
import NIOPosix

/// `etherloom web`: the console of a switch by web page and by telnet.
struct WebCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "web",
            abstract: "The management console of a switch, ours or another's, as a web page.",
            discussion: """
                Prints the address of the page, which has a token in it: whoever knows it can use the console. With --telnet \
                the console is reached by telnet as well, after a password.
                """
        )
    }

    @Option(name: [.short, .customLong("socket")], help: "Path of the console's socket.")
    var socket: String
    @Option(
        name: .customLong("listen"),
        help: ArgumentHelp("Where the page is served; 127.0.0.1 and a free port.", valueName: "[address:]port")
    )
    var listen: String?
    @Option(name: .customLong("token-file"), help: "The token is the first line of this file; a random one otherwise.")
    var tokenFile: String?
    @Option(
        name: .customLong("telnet"),
        help: ArgumentHelp("Serve the console by telnet too, there.", valueName: "[address:]port")
    )
    var telnet: String?
    @Option(name: .customLong("password-file"), help: "The password for telnet is the first line of this file.")
    var passwordFile: String?
    @Flag(name: .customLong("listen-anywhere"), help: "Other hosts may connect, unencrypted.")
    var listensAnywhere = false
    @Flag(name: [.short, .customLong("daemon")], help: "Go to the background when ready.")
    var daemon = false
    @Option(name: [.short, .customLong("pidfile")], help: "Write the process number there.")
    var pidFile: String?
    @Option(name: .customLong("ready-fd"), help: "Write a line to this descriptor when ready.")
    var readyDescriptor: Int32?

    mutating func run() throws {
        let setup = try WebSetup(self)
        var options = ServiceProcess.Options()
        options.isDaemon = daemon
        options.pidFile = pidFile
        options.readyDescriptor = readyDescriptor
        try ServiceProcess.run(options) { mailbox in
            try await setup.serve { mailbox.put(.ready($0)) }
        }
    }
}
