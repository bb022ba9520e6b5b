// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Gateway
import LinuxSystem
import Runtime
import Wire

/// Keeps one interface of a stack plugged into its network.
///
/// The tap is held here too, so that it outlives a switch that is stopped or killed: the interface then loses its carrier,
/// and gets it back as soon as a switch answers at the same place.
final class InterfacePlug {
    private static let firstRetry: UInt64 = 50_000_000
    private static let lastRetry: UInt64 = 1_000_000_000

    private let tap: OwnedDescriptor
    private let interface: String
    private let place: NetworkPlace?
    /// What a multiplexer says the interface's address is to be.
    private(set) var address: MACAddress?
    /// The connection to the switch; nil while there is none.
    private var connection: Connection?
    private var cable: Cable?
    private var uplink: DataPlane.Place?
    /// The way to a network that is no switch's directory.
    private var remote: RemotePlug?
    private var retryInterval = InterfacePlug.firstRetry
    private var retryDeadline: UInt64?
    /// When `handleEvents` wants to be called, in monotonic nanoseconds.
    var nextDeadline: UInt64? { remote?.nextDeadline ?? retryDeadline }

    private final class Connection {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    /// - Parameter place: where to plug it in; nil with a gateway of its own.
    init(tap: consuming OwnedDescriptor, interface: String, place: NetworkPlace?) {
        self.tap = tap
        self.interface = interface
        self.place = place
    }

    /// Plugs the interface in for the first time.
    func join() throws {
        do {
            try connect()
        } catch let error as Membership.JoinError {
            throw Failure(error.description)
        }
    }

    private func connect() throws {
        guard let place else { return }
        if case .url(let alternatives) = place {
            remote = try RemotePlug(tap, interface: interface, alternatives)
            return
        }
        guard case .directory(let place) = place else { return }
        var membership = try Membership.join(
            directory: place.directory,
            place.wishes,
            tap: tap,
            description: ProgramCable.describe(interface)
        )
        address = membership.address
        if let endpoint = membership.takeEndpoint() {
            // Another's switch: this process carries the frames.
            let cable = try self.cable ?? makeCable()
            uplink = cable.plug(endpoint, description: place.directory)
        } else if let cable {
            // A switch of ours serves the tap from now on.
            cable.dataPlane.stop()
            self.cable = nil
        }
        connection = Connection(membership.takeControl())
        retryDeadline = nil
        retryInterval = Self.firstRetry
    }

    private func makeCable(gateway: GatewayConfiguration? = nil) throws -> Cable {
        do throws(Errno) {
            let cable = try Cable(gateway: gateway)
            cable.plug(.tap(try TapEndpoint(try tap.duplicate())), description: interface)
            self.cable = cable
            return cable
        } catch {
            throw Failure("\(interface): \(error)")
        }
    }

    /// Gives the interface a gateway of its own.
    func plugGateway(_ configuration: GatewayConfiguration) throws {
        let cable = try makeCable(gateway: configuration)
        do {
            cable.plug(gateway: try cable.dataPlane.makeGateway(configuration))
        } catch {
            throw Failure(error.description)
        }
    }

    /// What to wait for.
    var descriptors: [Int32] {
        var list: [Int32] = []
        if let connection { list.append(connection.descriptor.rawValue) }
        if let cable { list.append(cable.dataPlane.eventDescriptor) }
        if let remote { list.append(remote.descriptor) }
        return list
    }

    /// Notices the end of a switch, and tries to join it again.
    func handleEvents() {
        if let remote {
            remote.handleEvents()
            return
        }
        _ = cable?.dataPlane.takeEvents()
        if let connection {
            do throws(Errno) {
                guard try connection.descriptor.read(atMost: 4096).isEmpty else { return }
            } catch .wouldBlock {
                return
            } catch {}
            lose()
        }
        guard connection == nil, let deadline = retryDeadline, MonotonicClock.nanoseconds >= deadline else { return }
        do {
            try connect()
            Tap.setCarrier(tap, true)
        } catch {
            scheduleRetry()
        }
    }

    private func lose() {
        connection = nil
        if let uplink, let cable { cable.unplug(uplink) }
        uplink = nil
        Tap.setCarrier(tap, false)
        scheduleRetry()
    }

    private func scheduleRetry() {
        retryDeadline = MonotonicClock.nanoseconds + retryInterval
        retryInterval = min(retryInterval * 2, Self.lastRetry)
    }

    /// Unplugs for good.
    func close() {
        connection = nil
        cable?.dataPlane.stop()
        remote?.close()
    }
}
