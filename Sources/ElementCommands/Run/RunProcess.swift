// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Attach
import Endpoints
import Gateway
import Glibc
import LinuxSystem
import Runtime
import Wire

/// `run` at work: makes the stack, plugs its interfaces in, starts the command, and looks after all of it until the command
/// ends.
enum RunProcess {
    struct Request: Sendable {
        var configurations: [NetworkConfiguration] = []
        /// A private gateway with these forwards, instead of networks.
        var gatewayForwards: [String]?
        /// What all of its interfaces want of their switches, and let themselves send.
        var filters: [AttachRequest.Filter] = []
        var name: String?
        var hostname: String?
        /// The stack's resolv.conf as it shall be.
        var resolverText: String?
        var capabilities: CapabilitySet = .network
        var command: [String]

        init(command: [String]) { self.command = command }
    }

    /// Runs a command in a stack that is there. Returns by throwing the command's status.
    static func join(_ name: String, _ command: [String]) throws {
        do {
            let signals = try SignalForwarding()
            var joined = try JoinedCommand.start(command, inStack: name)
            throw CommandEnded(status: try joined.supervise(signals))
        } catch let error as StackError {
            throw failure(error)
        }
    }

    static func run(_ request: Request) throws {
        var request = request
        var gateway: GatewayConfiguration?
        if let forwards = request.gatewayForwards {
            gateway = try privateGateway(forwards)
            request.configurations = [try privateConfiguration(gateway!)]
        }
        // Names are checked before anything is made.
        let places = try request.configurations.map {
            gateway == nil ? try NetworkPlace($0.network, request.filters) : nil
        }
        do {
            let signals = try SignalForwarding()
            var stack = try NetworkStack.create(
                request.configurations,
                name: request.name,
                hostname: request.hostname,
                resolverText: request.resolverText,
                capabilities: request.capabilities
            )
            // Ours alone: the command has its caller's limits, from the process that waits to become it.
            ResourceLimits.raiseDescriptorLimit()
            var plugs: [InterfacePlug] = []
            defer { for plug in plugs { plug.close() } }
            for index in 0..<stack.interfaceCount {
                guard let tap = stack.takeTap(index) else { continue }
                let name = stack.interfaceName(index)
                let plug = InterfacePlug(tap: tap, interface: name, place: places[index])
                plugs.append(plug)
                if let gateway { try plug.plugGateway(gateway) } else { try plug.join() }
                if let address = plug.address { stack.offerHardwareAddress(index, address) }
            }
            try stack.configure()
            try stack.configureDynamic(signals)
            try stack.start(request.command)
            throw CommandEnded(status: try supervise(&stack, plugs, signals))
        } catch let error as StackError {
            throw failure(error)
        } catch let failure as Failure where failure.status == ExitStatus.failure {
            throw Failure(failure.message, status: ExitStatus.runFailure)
        }
    }

    private static func supervise(
        _ stack: inout NetworkStack,
        _ plugs: [InterfacePlug],
        _ signals: borrowing SignalForwarding
    ) throws -> WaitStatus {
        while true {
            if let status = stack.status { return status }
            let deadline = ([stack.nextDeadline] + plugs.map(\.nextDeadline)).compactMap { $0 }.min()
            do {
                _ = try Poll.readable(
                    stack.descriptors + plugs.flatMap(\.descriptors) + [signals.rawDescriptor],
                    deadline: deadline
                )
            } catch {
                throw Failure("cannot wait for the command: \(error)", status: ExitStatus.runFailure)
            }
            stack.forward(signals)
            for plug in plugs { plug.handleEvents() }
            try stack.handleEvents()
        }
    }

    private static func privateGateway(_ forwards: [String]) throws -> GatewayConfiguration {
        var setup = GatewaySetup()
        setup.forwards = forwards
        return try setup.configuration()
    }

    /// The stack's side of a private gateway: the first address that DHCP would give out.
    private static func privateConfiguration(_ gateway: GatewayConfiguration) throws -> NetworkConfiguration {
        var configuration = NetworkConfiguration(network: "gateway")
        do {
            try configuration.set("ip", "\(gateway.poolStart)/\(gateway.network.prefixLength)")
            try configuration.set("gw", "\(gateway.gatewayAddress)")
            try configuration.set("dns", "\(gateway.dnsAddress)")
        } catch {
            throw Failure("gateway: \(error)")
        }
        return configuration
    }

    private static func failure(_ error: StackError) -> Failure {
        Failure(error.description, status: error.code == .configuration ? ExitStatus.usage : error.exitStatus)
    }
}

/// The command of `run` has ended: its status is to be the program's.
struct CommandEnded: Error {
    let status: WaitStatus
}
