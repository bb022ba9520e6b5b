// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `etherloom gateway`: user-mode NAT for a switch.
struct GatewayCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "gateway",
            abstract: "Connects a switch's network to the host's, without root.",
            discussion: """
                Guests reach whatever this user reaches; the host is at the gateway's address (.2), a name server at .3. \
                Ports of the host can be forwarded to guests, which see the real client's address.
                """
        )
    }

    @Option(name: [.short, .customLong("socket")], help: "Directory of the switch to join.")
    var socket: String?
    @Argument(help: "The same, as vde programs take it.")
    var directory: String?
    @Option(name: [.short, .customLong("network")], help: "The guests' network; gateway .2, name server .3.")
    var network: String?
    @Option(name: [.customShort("H"), .customLong("host")], help: "The gateway's own address, with /LENGTH.")
    var host: String?
    @Option(name: [.customShort("N"), .customLong("dns")], help: "The name server's address.")
    var dns: String?
    @Flag(name: .customLong("dhcp"), inversion: .prefixedNo, help: "Serve addresses by DHCP.")
    var isDHCPEnabled = true
    @Option(name: .customLong("dhcp-start"), help: "First address given out (default .15).")
    var poolStart: String?
    @Option(name: .customLong("mtu"), help: "Largest packet of the guests' network.")
    var mtu = 1500
    @Option(
        name: [.customShort("L", allowingJoined: true), .customLong("forward")],
        help: "Forward a host TCP port: PORT:ADDRESS:PORT."
    )
    var forward: [String] = []
    @Option(
        name: [.customShort("U", allowingJoined: true), .customLong("forward-udp")],
        help: "Forward a host UDP port: PORT:ADDRESS:PORT."
    )
    var forwardUDP: [String] = []
    @Option(name: [.customShort("P"), .customLong("port")], help: "Port of the switch to plug into.")
    var port = 0
    @Flag(name: [.short, .customLong("daemon")], help: "Go to the background when ready.")
    var daemon = false
    @OptionGroup var process: ProcessOptions

    mutating func run() throws {
        Report.setQuiet(process.quiet)
        guard let path = socket ?? directory ?? EnvironmentDefaults.network else {
            throw Failure("which switch? give its directory with -s", status: ExitStatus.usage)
        }
        var setup = GatewaySetup()
        if let network { setup.network = network }
        setup.address = host
        setup.dnsAddress = dns
        setup.isDHCPEnabled = isDHCPEnabled
        setup.poolStart = poolStart
        setup.mtu = mtu
        setup.forwards = forward
        setup.udpForwards = forwardUDP
        let options = process.options(isDaemon: daemon)
        try GatewayProcess.run(setup, locator: path, port: port, options, name: "gateway:")
    }
}
