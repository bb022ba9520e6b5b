// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LinuxSystem

/// `etherloom filter`: between a network and its clients.
struct FilterCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "filter",
            abstract: "Let clients of a network send and receive only what rules admit.",
            discussion: """
                Clients plug into DIRECTORY as into a switch. With --allow they can neither pass for somebody else nor listen \
                to others: etherloom filter vde:///run/lan /run/bob --allow 10.0.0.7 --owner bob. All kinds of rules can be \
                combined; each narrows what the others let pass. They can be changed at the console (-M) while frames pass.
                """
        )
    }

    @Argument(help: "The network: its URL, or a switch's directory.")
    var upstream: String?
    @Argument(help: "Directory to listen in.")
    var directory: String?
    @OptionGroup var rules: RuleOptions
    @Option(name: [.customShort("o"), .customLong("owner")], help: "User whose the sockets are.")
    var owner: String?
    @Option(name: [.short, .customLong("group")], help: "Group that may use the sockets.")
    var group: String?
    @Option(name: [.short, .customLong("mode")], help: "Permission bits of the sockets, octal.")
    var mode: String?
    @Option(
        name: .customLong("interface"),
        help: "Declare an interface: NAME[,owner=USER][,group=GROUP][,mode=BITS][,mac=ADDRESS]. Repeatable."
    )
    var interfaces: [String] = []
    @OptionGroup var common: FilterProcessOptions

    mutating func run() throws {
        guard let upstream, let directory else {
            throw Failure(
                "filter: between what and what? give a network and a directory; see: etherloom filter --help",
                status: ExitStatus.usage
            )
        }
        var setup = try common.setup(upstream, directory, rules)
        setup.interfaces = interfaces
        setup.group = group
        let bits = try mode.map { try Octal.parse($0, option: "--mode") } ?? (group == nil ? 0o600 : 0o660)
        setup.mode = bits
        // Whoever may use the sockets has to get to them; the directory itself stays closed to changes.
        setup.directoryMode = 0o700 | (bits & 0o060 != 0 ? 0o010 : 0) | (bits & 0o006 != 0 ? 0o001 : 0)
        if let owner {
            guard let user = CurrentProcess.userID(named: owner) else {
                throw Failure("--owner \(owner): no such user", status: ExitStatus.usage)
            }
            guard user == CurrentProcess.userID || CurrentProcess.userID == 0 else {
                throw Failure("--owner \(owner): only root can give sockets away", status: ExitStatus.unsupported)
            }
            setup.owner = user
            setup.directoryMode = 0o711
        }
        try SwitchProcess.run(setup)
    }
}

/// What `filter` and `delegate` have in common with all elements.
struct FilterProcessOptions: ParsableArguments {
    @Option(name: [.customShort("M"), .customLong("mgmt")], help: "Path of the management console's socket.")
    var console: String?
    @Option(name: .customLong("mgmt-mode"), help: "Permission bits of the console's socket, octal.")
    var consoleMode: String?
    @Option(name: [.customShort("f"), .customLong("rcfile")], help: "Console commands to run at the start.")
    var commandFile: String?
    @Flag(name: [.short, .customLong("daemon")], help: "Go to the background when ready.")
    var daemon = false
    @Option(name: [.short, .customLong("pidfile")], help: "Write the process number there.")
    var pidFile: String?
    @Option(name: .customLong("ready-fd"), help: "Write a line to this descriptor when ready.")
    var readyDescriptor: Int32?
    @Flag(name: [.short, .customLong("quiet")], help: "Say errors only.")
    var quiet = false

    func setup(_ upstream: String, _ directory: String, _ rules: RuleOptions) throws -> SwitchSetup {
        Report.setQuiet(quiet)
        var setup = SwitchSetup()
        setup.filter = FilterSetup(rules: try rules.filterRules())
        setup.isMultiplexer = true
        setup.uplinks = [upstream]
        setup.directory = directory
        setup.portCount = 1024
        setup.consolePath = console
        setup.consoleMode = try consoleMode.map { try Octal.parse($0, option: "--mgmt-mode") }
        setup.commandFile = commandFile
        setup.process.isDaemon = daemon
        setup.process.pidFile = pidFile
        setup.process.readyDescriptor = readyDescriptor
        return setup
    }
}
