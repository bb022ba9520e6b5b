// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Attach
import LinuxSystem

/// `etherloom run`: a command in a network stack of its own.
struct RunCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "run",
            abstract: "Run a command in a network stack of its own.",
            usage: "etherloom run [--net NETWORK [--address A/LEN] [--via GATEWAY] …]… [--] COMMAND …",
            discussion: """
                Each --net makes an interface (vd0, vd1, …), plugged into that network; the options that describe an \
                interface follow its --net. A network is a switch's directory, perhaps with its whole configuration in one \
                string: '/tmp/vde,ip=192.168.77.100/24,gw=192.168.77.2', '/tmp/vde,dhcp', '/tmp/vde,slaac'.
                The command keeps the caller's user, terminal and signals, and its exit status is returned.
                """
        )
    }

    @Option(name: .customLong("net"), help: "A network to plug an interface into. Repeatable.")
    var networks: [String] = []
    @Option(name: .customLong("address"), help: "Address with prefix length, of the --net before. Repeatable.")
    var addresses: [String] = []
    @Option(name: .customLong("via"), help: "Default gateway.")
    var gateways: [String] = []
    @Option(name: .customLong("mac"), help: "Ethernet address.")
    var macAddress: String?
    @Option(name: .customLong("mtu"), help: "Largest packet.")
    var mtu: String?
    @Option(name: .customLong("dns"), help: "Name server. Repeatable.")
    var nameServers: [String] = []
    @Option(name: .customLong("domain"), help: "Search domain. Repeatable.")
    var domains: [String] = []
    @Option(name: .customLong("if"), help: "The interface's name.")
    var interfaceName: String?
    @Flag(name: .customLong("dhcp"), help: "Ask the network for address, gateway and name server.")
    var usesDHCP = false
    @Flag(name: .customLong("slaac"), help: "Take IPv6 addresses from routers' advertisements.")
    var usesAutoconfiguration = false
    @Option(name: .customLong("name"), help: "Name of the stack, by which other commands join it.")
    var name: String?
    @Option(name: .customLong("hostname"), help: "Host name inside.")
    var hostname: String?
    @Option(name: .customLong("join"), help: "Run the command in this running stack instead of a new one.")
    var stack: String?
    @Flag(name: .customLong("gateway"), help: "A private gateway to the host's network, with no switch to start.")
    var hasGateway = false
    @Option(
        name: [.customShort("L", allowingJoined: true), .customLong("forward")],
        help: "With --gateway: forward PORT:ADDRESS:PORT."
    )
    var forwards: [String] = []
    @OptionGroup var filters: FilterOptions
    @Argument(
        parsing: .postTerminator,
        help: "The command and its arguments; the user's shell when none is given."
    )
    var command: [String] = []

    mutating func run() throws {
        if command.isEmpty { command = [EnvironmentDefaults.shell] }
        if let stack {
            guard networks.isEmpty, !hasGateway else {
                throw Failure("--join takes no --net: the stack has its interfaces", status: ExitStatus.usage)
            }
            try RunProcess.join(stack, command)
        }
        var request = RunProcess.Request(command: command)
        request.name = name
        request.hostname = hostname
        request.filters = try filters.compiled()
        guard request.filters.isEmpty || !hasGateway else {
            throw Failure("filters are for a switch: --gateway has none", status: ExitStatus.usage)
        }
        if hasGateway {
            guard networks.isEmpty else {
                throw Failure("--gateway is a network of its own: leave --net away", status: ExitStatus.usage)
            }
            request.gatewayForwards = forwards
        } else {
            guard forwards.isEmpty else {
                throw Failure("-L forwards through a gateway: add --gateway", status: ExitStatus.usage)
            }
            request.configurations = try configurations()
        }
        try RunProcess.run(request)
    }

    private func configurations() throws -> [NetworkConfiguration] {
        do {
            // Options after a --net were folded into its string (`RunArguments`); those that remain had none before them.
            var all = try networks.map { (text) throws(ConfigurationError) in try NetworkConfiguration(parsing: text) }
            let hasLooseOptions =
                !addresses.isEmpty || !gateways.isEmpty || macAddress != nil || mtu != nil || !nameServers.isEmpty
                || !domains.isEmpty || interfaceName != nil || usesDHCP || usesAutoconfiguration
            if all.isEmpty, let network = EnvironmentDefaults.network {
                var configuration = try NetworkConfiguration(parsing: network)
                for address in addresses { try configuration.set("ip", address) }
                for gateway in gateways { try configuration.set("gw", gateway) }
                for server in nameServers { try configuration.set("dns", server) }
                for domain in domains { try configuration.set("domain", domain) }
                if let macAddress { try configuration.set("mac", macAddress) }
                if let mtu { try configuration.set("mtu", mtu) }
                if let interfaceName { try configuration.set("if", interfaceName) }
                if usesDHCP { try configuration.set("dhcp", nil) }
                if usesAutoconfiguration { try configuration.set("slaac", nil) }
                try configuration.validate()
                all = [configuration]
            } else if hasLooseOptions {
                throw Failure(
                    "which interface do these options describe? write them after their --net",
                    status: ExitStatus.usage
                )
            }
            return all
        } catch let error as ConfigurationError {
            throw Failure("--net: \(error)", status: ExitStatus.usage)
        }
    }
}

extension EnvironmentDefaults {
    /// The user's shell.
    static var shell: String { CurrentProcess.environment("SHELL") ?? "/bin/sh" }
}
