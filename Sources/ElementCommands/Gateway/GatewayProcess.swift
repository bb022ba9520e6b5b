// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Gateway
import LinuxSystem
import Runtime

/// A gateway as a program of its own, at any VDE switch.
enum GatewayProcess {
    /// Window offered to guests behind a switch that speaks datagrams: 64 full frames. The kernel queues about 90 at the
    /// default size of a socket's buffer.
    private static let datagramWindowByteCount = 64 * 1460

    /// - Parameter name: what the switch's console shows first.
    static func run(
        _ setup: GatewaySetup,
        locator: String,
        port: Int,
        _ options: ElementProcess.Options,
        name: String
    ) throws {
        let configuration = try setup.configuration()
        let place = try SwitchPlace(locator, port: port)
        try ElementProcess.perform(options) { try run(configuration, place, name, &$0) }
    }

    private static func run(
        _ configuration: GatewayConfiguration,
        _ place: SwitchPlace,
        _ name: String,
        _ process: inout ElementProcess
    ) throws {
        let loop = process.loop
        let cable: Cable
        do {
            cable = try Cable(gateway: configuration)
        } catch {
            throw Failure("cannot start the gateway: \(error)")
        }
        defer { cable.dataPlane.stop() }
        var membership: Membership
        do {
            membership = try Membership.join(directory: place.directory, place.wishes) { socket in
                "\(name) user=\(CurrentProcess.userName(CurrentProcess.userID)) PID=\(CurrentProcess.id)  SOCK=\(socket)"
            }
        } catch {
            throw Failure(error.description)
        }
        guard let endpoint = membership.takeEndpoint() else {
            throw Failure("\(place.directory): the switch gave no channel")
        }
        var configuration = configuration
        if endpoint.kind == .datagram {
            // A switch of another make keeps few frames for a reader that is not scheduled at once, and drops the others.
            configuration.limits.spillByteCountPerFlow = min(
                configuration.limits.spillByteCountPerFlow,
                Self.datagramWindowByteCount
            )
        }
        let gateway: GatewayElement
        do {
            gateway = try cable.dataPlane.makeGateway(configuration)
        } catch {
            throw Failure(error.description)
        }
        cable.plug(endpoint, description: place.directory)
        cable.plug(gateway: gateway)
        let monitor = ResolverMonitor(loop: loop) { cable.dataPlane.setResolvers($0) }
        defer { withExtendedLifetime(monitor) {} }

        var isSwitchGone = false
        let watching = MembershipWatch(membership, loop: loop) {
            isSwitchGone = true
            loop.stop()
        }
        defer { withExtendedLifetime(watching) {} }
        try process.ready()
        try process.run()
        if isSwitchGone { throw Failure("\(place.directory): the switch is gone") }
    }
}

/// The switch that a command shall join.
struct SwitchPlace: Sendable {
    let directory: String
    let port: Int
    /// Name of the interface, at a multiplexer; empty: the port says which.
    let interface: String
    var filters: [AttachRequest.Filter] = []

    var wishes: Membership.Wishes {
        var wishes = Membership.Wishes(port: port, interface: interface)
        wishes.filters = filters
        return wishes
    }

    /// - Parameter port: from an option; overrides a number in brackets.
    init(_ text: String, port: Int) throws {
        let bracketed: Int
        let named: String
        do {
            let url = try NetworkURL(text)
            guard url.scheme == "vde" else {
                throw Failure("\(text): a switch's directory is needed here", status: ExitStatus.usage)
            }
            (bracketed, named) = try url.placeInBrackets()
            directory = try url.address.isEmpty ? DefaultSwitch.directory() : url.address
        } catch let error as TransportError {
            throw Failure(error)
        } catch let error as NetworkURL.ParseError {
            throw Failure(error.description, status: ExitStatus.usage)
        }
        guard port >= 0, port < 1 << 24 else { throw Failure("port \(port) is out of range", status: ExitStatus.usage) }
        self.port = port > 0 ? port : bracketed
        interface = port > 0 ? "" : named
    }
}

/// Notices the end of a switch that was joined.
final class MembershipWatch {
    private let control: OwnedDescriptor
    private let loop: ControlLoop
    private var token: ControlLoop.Token?

    init(_ membership: consuming Membership, loop: ControlLoop, onEnd: @escaping () -> Void) {
        var membership = membership
        control = membership.takeControl()
        self.loop = loop
        let fd = control.rawValue
        token = try? loop.watch(fd, [.readable, .readHangUp]) { [unowned self] events in
            // A switch has nothing to say after its answer: what is readable is the end, or is passed over.
            if events.isDisjoint(with: [.hangUp, .readHangUp, .error]),
                (try? control.read(atMost: 4096))?.isEmpty == false
            {
                return
            }
            cancel()
            onEnd()
        }
    }

    func cancel() {
        if let token { loop.cancel(token) }
        token = nil
    }

    deinit { cancel() }
}

/// What the environment says.
enum EnvironmentDefaults {
    /// ETHERLOOM_NET: the network that commands join when they are told none.
    static var network: String? { CurrentProcess.environment("ETHERLOOM_NET") }
}
