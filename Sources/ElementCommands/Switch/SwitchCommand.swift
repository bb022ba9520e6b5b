// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `etherloom switch`: a virtual Ethernet switch.
struct SwitchCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "switch",
            abstract: "A virtual Ethernet switch that guests and processes plug into.",
            discussion: """
                Speaks the VDE protocol, so that QEMU, User Mode Linux, vdens and libvdeplug programs can join; programs of \
                Etherloom join the same directory with full offloads.
                """
        )
    }

    @Option(name: [.short, .customLong("socket")], help: "Directory of the switch's sockets.")
    var socket: String?
    @Option(name: [.customShort("M"), .customLong("mgmt")], help: "Path of the management console's socket.")
    var console: String?
    @Option(name: [.short, .customLong("ports")], help: "Highest port number.")
    var numberOfPorts = 1024
    @Flag(name: [.customShort("x"), .customLong("hub")], help: "Forward every frame to every other port.")
    var isHub = false
    @Flag(
        name: .customLong("multiplexer"),
        help: "Interfaces with names, for anybody's network stack; see --interface, --uplink."
    )
    var isMultiplexer = false
    @Option(
        name: .customLong("uplink"),
        help: "A network that all interfaces of a multiplexer share, by its URL. Repeatable."
    )
    var uplinks: [String] = []
    @Option(
        name: .customLong("interface"),
        help: "Declare an interface: NAME[,owner=USER][,group=GROUP][,mode=BITS][,mac=ADDRESS]. Repeatable."
    )
    var interfaces: [String] = []
    @Flag(
        name: .customLong("no-filter-counts"),
        help: "Let the kernel run clients' send filters where it can: it does not count what they refuse."
    )
    var leavesFiltersToKernel = false
    @Option(name: .customLong("mac"), help: "The switch's own address; random when not given.")
    var address: String?
    @Flag(name: [.customShort("F"), .customLong("spanning-tree")], help: "Run the spanning tree protocol.")
    var usesSpanningTree = false
    @Option(name: .customLong("priority"), help: "The switch's priority in the spanning tree; the lowest is the root.")
    var priority = "32768"
    @Option(name: .customLong("addresses"), help: "Addresses to have places for; 65536 at least.")
    var addresses = "65536"
    @Option(name: [.short, .customLong("tap")], help: "Make this tap and plug it in. Repeatable.")
    var tap: [String] = []
    @Option(name: .customLong("port"), help: "Plug this network in, given by its URL; kept when it goes. Repeatable.")
    var urls: [String] = []
    @Option(
        name: .customLong("mirror"),
        help: "Show a port's frames to another one too: PORT:in|out|both:PORT[:FILTER]. Repeatable."
    )
    var mirrors: [String] = []
    @Option(
        name: .customLong("flood-limit"),
        help: "Frames a second that each port may send to all others; 0 for any number."
    )
    var floodLimit = "0"
    @Option(name: .customLong("gateway"), help: "Run a gateway for this network inside the switch, e.g. 10.0.2.0/24.")
    var gateway: String?
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
    @Flag(name: .customLong("dhcp"), inversion: .prefixedNo, help: "DHCP server of the gateway.")
    var isDHCPEnabled = true
    @Option(name: [.short, .customLong("mode")], help: "Permission bits of the sockets, octal.")
    var mode: String?
    @Option(name: .customLong("directory-mode"), help: "Permission bits of the directory, octal.")
    var directoryMode: String?
    @Option(name: [.short, .customLong("group")], help: "Group that may use the switch.")
    var group: String?
    @Option(name: .customLong("mgmt-mode"), help: "Permission bits of the console's socket, octal.")
    var consoleMode: String?
    @Option(name: .customLong("mgmt-group"), help: "Group of the console's socket.")
    var consoleGroup: String?
    @Flag(name: [.short, .customLong("daemon")], help: "Go to the background when ready.")
    var daemon = false
    @Option(name: [.short, .customLong("pidfile")], help: "Write the process number there.")
    var pidFile: String?
    @Option(name: [.customShort("f"), .customLong("rcfile")], help: "Console commands to run at the start.")
    var commandFile: String?
    @Flag(name: .customLong("no-stdin"), help: "No console on the terminal.")
    var noStandardInput = false
    @Option(name: .customLong("ready-fd"), help: "Write a line to this descriptor when ready.")
    var readyDescriptor: Int32?
    @Option(
        name: .customLong("spin"),
        help: "Look for more frames for so many microseconds before sleeping: less latency, more processor time."
    )
    var spin = 0
    @Flag(name: [.short, .customLong("quiet")], help: "Say errors only.")
    var quiet = false

    mutating func run() throws {
        Report.setQuiet(quiet)
        var setup = SwitchSetup()
        setup.directory = socket ?? SwitchSetup.defaultDirectory
        setup.portCount = numberOfPorts
        setup.isHub = isHub
        setup.isMultiplexer = isMultiplexer
        setup.uplinks = uplinks
        setup.interfaces = interfaces
        setup.countsFiltered = !leavesFiltersToKernel
        setup.address = try address.map { try SwitchSetup.address($0, option: "--mac") }
        setup.usesSpanningTree = usesSpanningTree
        setup.priority = UInt16(try SwitchSetup.number(priority, 0...65_535, option: "--priority"))
        setup.hashSize = try SwitchSetup.number(addresses, 1...1_048_576, option: "--addresses")
        setup.spinMicroseconds = spin
        setup.taps = tap
        setup.urls = urls
        setup.mirrors = try mirrors.map { try MirrorOption($0) }
        setup.floodLimit = try SwitchSetup.number(floodLimit, 0...1_000_000_000, option: "--flood-limit")
        setup.gateway = gateway
        setup.forwards = forward
        setup.udpForwards = forwardUDP
        setup.isDHCPEnabled = isDHCPEnabled
        setup.mode = try mode.map { try Octal.parse($0, option: "--mode") }
        setup.directoryMode = try directoryMode.map { try Octal.parse($0, option: "--directory-mode") }
        setup.group = group
        setup.consolePath = console
        setup.consoleMode = try consoleMode.map { try Octal.parse($0, option: "--mgmt-mode") }
        setup.consoleGroup = consoleGroup
        setup.commandFile = commandFile
        setup.process.isDaemon = daemon
        setup.process.pidFile = pidFile
        setup.process.readyDescriptor = readyDescriptor
        setup.standardInput = daemon || noStandardInput ? .none : .whenTerminal
        try SwitchProcess.run(setup)
    }
}

/// Permission bits as users write them.
enum Octal {
    static func parse(_ text: String, option: String) throws -> UInt32 {
        guard let value = UInt32(text, radix: 8), value <= 0o7777 else {
            throw Failure("\(option) \(text): permission bits are octal digits, 0 to 7777", status: ExitStatus.usage)
        }
        return value
    }
}
