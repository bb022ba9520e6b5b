// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import LinuxSystem
import Runtime
import Wire

/// Everything that `switch` and `vde_switch` can be told, in one value.
struct SwitchSetup: Sendable {
    enum StandardInput: Sendable {
        case none
        /// A console on the terminal, if it is one.
        case whenTerminal
        /// A console on standard input, whatever it is; its end is the switch's end, as in vde_switch.
        case always
    }

    var directory = SwitchSetup.defaultDirectory
    var portCount = 32
    var isHub = false
    var spinMicroseconds = 0
    /// The switch's own address; nil for a random one.
    var address: MACAddress?
    var usesSpanningTree = false
    var priority: UInt16 = 0x8000
    var hashSize = 128
    var taps: [String] = []
    /// Networks to plug in, by URL, each perhaps with alternatives.
    var urls: [String] = []
    var mirrors: [MirrorOption] = []
    /// Ports are interfaces with names.
    var isMultiplexer = false
    /// Networks that all interfaces share, by URL.
    var uplinks: [String] = []
    var interfaces: [String] = []
    /// What clients' filters refuse is counted.
    var countsFiltered = true
    /// The multiplexer is a filter's.
    var filter: FilterSetup?
    /// It is opened by root for somebody else.
    var delegation: Delegation?
    /// Whose the sockets are.
    var owner: UInt32?
    /// Frames a second that each port may send to all others; 0 for any number.
    var floodLimit = 0
    var gateway: String?
    var forwards: [String] = []
    var udpForwards: [String] = []
    var isDHCPEnabled = true
    var mode: UInt32?
    var directoryMode: UInt32?
    var group: String?
    var consolePath: String?
    var consoleMode: UInt32?
    var consoleGroup: String?
    /// Sessions of consoles that may hear of events; nil for any number.
    var debugSessionLimit: Int?
    var commandFile: String?
    /// A command file that cannot be read is passed over with a line, as in vde_switch.
    var isCommandFileOptional = false
    /// Files of commands of which the first one that can be read is run, when `commandFile` names none.
    var defaultCommandFiles: [String] = []
    var standardInput = StandardInput.none
    var process = ElementProcess.Options()

    /// Where vde_switch listens when it is not told.
    static var defaultDirectory: String { CurrentProcess.userID == 0 ? "/var/run/vde.ctl" : "/tmp/vde.ctl" }

    /// The switch's options, checked.
    func options() throws -> SwitchOptions {
        guard (1...2000).contains(portCount) else {
            throw Failure("\(portCount) ports: between 1 and 2000 are possible", status: ExitStatus.usage)
        }
        guard (0...1_000_000).contains(spinMicroseconds) else {
            throw Failure("--spin \(spinMicroseconds): between 0 and 1000000 microseconds", status: ExitStatus.usage)
        }
        guard isMultiplexer || uplinks.isEmpty && interfaces.isEmpty else {
            throw Failure("--uplink and --interface are of a multiplexer: add --multiplexer", status: ExitStatus.usage)
        }
        guard !isMultiplexer || !isHub && !usesSpanningTree else {
            throw Failure(
                "--multiplexer: neither a hub nor with a spanning tree: leave \(isHub ? "--hub" : "--spanning-tree") away",
                status: ExitStatus.usage
            )
        }
        var options = SwitchOptions(directory: directory)
        options.portCount = portCount
        options.isHub = isHub
        options.isMultiplexer = isMultiplexer
        options.countsFiltered = countsFiltered
        options.address = address
        // A hub has none: as in vde_switch it wins.
        options.usesSpanningTree = usesSpanningTree && !isHub
        options.priority = priority
        options.hashSize = hashSize
        options.mode = mode
        options.directoryMode = directoryMode
        options.groupID = try group.map { try Self.groupID($0) }
        options.ownerID = owner
        options.admitsUnnamed = filter != nil
        return options
    }

    /// The interfaces that are declared, checked.
    func declarations() throws -> [InterfaceDeclaration] {
        do {
            return try interfaces.map { (text) throws(InterfaceDeclaration.Fault) in try InterfaceDeclaration(text) }
        } catch {
            throw Failure("--interface \(error)", status: ExitStatus.usage)
        }
    }

    static func groupID(_ name: String) throws -> UInt32 {
        guard let number = CurrentProcess.groupID(named: name) else {
            throw Failure("\(name): no such group", status: ExitStatus.usage)
        }
        return number
    }

    /// The switch's own address as users write it.
    static func address(_ text: String, option: String) throws -> MACAddress {
        guard let address = MACAddress(text), !address.isMulticast else {
            throw Failure(
                "\(option) \(text): an address of one station is wanted, such as 00:ff:01:02:03:04",
                status: ExitStatus.usage
            )
        }
        return address
    }

    /// A number within limits as users write it.
    static func number(_ text: String, _ range: ClosedRange<Int>, option: String) throws -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw Failure(
                "\(option) \(text): a number from \(range.lowerBound) to \(range.upperBound) is wanted",
                status: ExitStatus.usage
            )
        }
        return number
    }

    /// The gateway's configuration, when one is wanted.
    func gatewayConfiguration() throws -> GatewayConfiguration? {
        guard let gateway else {
            guard forwards.isEmpty, udpForwards.isEmpty else {
                throw Failure("forwards need a gateway: add --gateway NETWORK", status: ExitStatus.usage)
            }
            return nil
        }
        var setup = GatewaySetup()
        setup.network = gateway
        setup.forwards = forwards
        setup.udpForwards = udpForwards
        setup.isDHCPEnabled = isDHCPEnabled
        return try setup.configuration()
    }
}
