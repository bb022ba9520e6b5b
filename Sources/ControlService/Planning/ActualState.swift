// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Guests
import LinuxSystem
import Wire

/// What a keeper says there is: its answer to `state`, and what its events have changed since.
public struct ActualState: Sendable, Equatable {
    public struct Interface: Sendable, Equatable {
        /// Nil: unplugged.
        public var segment: String?
        public var hasCarrier = false
        /// The guest can see whether it has one.
        public var showsCarrier = true
        public var hardwareAddress: String?
        /// It is a pair of the kernel's, on a bridge, and no port of the fabric.
        public var isPair = false
        public init() {}
    }

    public var guests: [String: KeeperState.Guest] = [:]
    /// By port: `alice:eth0`.
    public var interfaces: [String: Interface] = [:]
    public var segments: Set<String> = []
    public var bridges: Set<String> = []
    /// Helper programs, and their process numbers.
    public var elements: [String: Int32] = [:]

    public init() {}

    public init(_ state: KeeperState) {
        for guest in state.guests {
            guests[guest.name] = guest
            for interface in guest.interfaces {
                var made = Interface()
                made.segment = interface.segment
                made.hasCarrier = interface.carrier
                made.showsCarrier = interface.showsCarrier
                made.isPair = interface.isPair
                made.hardwareAddress = interface.hardwareAddress?.description
                interfaces[GuestPlan.port(guest: guest.name, interface: interface.name)] = made
            }
        }
        segments = Set(state.segments)
        bridges = Set(state.bridges)
        elements = Dictionary(state.elements.map { ($0.name, $0.processID ?? 0) }) { $1 }
    }

    /// Takes an event in.
    public mutating func take(_ event: KeeperEvent) {
        switch event {
        case .guest(let name, let state, let status):
            var guest = guests[name] ?? KeeperState.Guest(name: name)
            guest.state = state
            guest.since = WallClock.nanoseconds / 1_000_000_000
            if let status { guest.status = status }
            if state == .stopped { guest.processID = nil }
            guests[name] = guest
        case .interface(let port, let segment, let carrier, let isShown, let isPair):
            var interface = interfaces[port] ?? Interface()
            interface.segment = segment
            interface.hasCarrier = carrier
            interface.showsCarrier = isShown
            interface.isPair = isPair
            interfaces[port] = interface
        case .interfaceGone(let port): interfaces[port] = nil
        default: break
        }
    }
}
