// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import PacketFilter

extension Fabric {
    func addPort(
        _ name: String,
        _ kind: FabricPortKind,
        _ descriptor: consuming OwnedDescriptor?
    ) throws(FabricError) {
        let descriptor = descriptor
        let port = try newPort(name, .port(kind))
        switch kind {
        case .tap:
            guard let descriptor else {
                throw .usage("port-add \(name) tap: the tap's descriptor did not come along, or has no room here")
            }
            try plugTap(descriptor, into: port)
        case .descriptor:
            guard let descriptor else {
                throw .usage("port-add \(name) fd: the descriptor did not come along, or has no room here")
            }
            // The transport makes a duplicate.
            try open("fd://\(descriptor.rawValue)", for: port)
            port.isConnected = true
        case .vhost(let path, let mtu, let isKept):
            var options: [String] = []
            if let mtu { options.append("mtu=\(mtu)") }
            if isKept { options.append("keep") }
            let path = try self.path(path, "port-add \(name)")
            let list = options.isEmpty ? "" : "[" + options.joined(separator: "/") + "]"
            try open("vhost://" + path + list, for: port)
            noteMachine(of: port)
            if let transport = port.transport as? VhostTransport {
                port.whenCarrierLossIsSeen = { [weak transport] body in
                    if let transport { transport.whenGuestKnows(body) } else { body() }
                }
            }
        case .url(let text): try openPersistently(text, for: port)
        }
        ports[name] = port
    }

    private func newPort(_ name: String, _ origin: FabricPort.Origin) throws(FabricError) -> FabricPort {
        guard ports[name] == nil else { throw FabricError("port \(name): exists already") }
        guard lot.hasRoom else { throw FabricError("port \(name): no more than \(lot.element.portCount) ports fit") }
        let port = FabricPort(name, origin, lot: lot, loop: loop, log: log)
        port.onEvent = { [weak self] in self?.onEvent($0) }
        return port
    }

    private func plugTap(_ tap: consuming OwnedDescriptor, into port: FabricPort) throws(FabricError) {
        let tap = tap
        guard let interface = Tap.interfaceName(tap) else {
            throw .usage("port-add \(port.name) tap: the descriptor is no tap with a virtio-net header")
        }
        let newcomer = Newcomer(
            identifier: tap.rawValue,
            module: "tuntap",
            description: interface,
            userID: nil,
            processID: CurrentProcess.id
        )
        do {
            try port.attach(.tap(try TapEndpoint(tap)), newcomer)
        } catch let error as AttachRefusal {
            throw FabricError("port \(port.name): \(error.message)")
        } catch {
            throw FabricError("port \(port.name): tap \(interface): \(error)")
        }
        port.isConnected = true
    }

    private func context(_ port: FabricPort) -> TransportContext {
        let user = CurrentProcess.userName(CurrentProcess.userID)
        var context = TransportContext(host: port, description: "etherloom user=\(user) PID=\(CurrentProcess.id)")
        // A fabric runs no programs: it has given up what they would need.
        context.mayRunPrograms = false
        context.onEnd = { [weak port] _ in port?.setConnected(false) }
        context.onLinkChange = { [weak port] isUp, _ in port?.setConnected(isUp) }
        return context
    }

    private func open(_ text: String, for port: FabricPort) throws(FabricError) {
        do {
            port.transport = try TransportRegistry.open(try NetworkURL(text), context(port))
        } catch {
            port.close()
            throw Self.error(error, port)
        }
    }

    /// What goes away is waited for, and one that does not answer yet is tried again.
    private func openPersistently(_ text: String, for port: FabricPort) throws(FabricError) {
        do {
            let alternatives = try NetworkURL.alternatives(text)
            port.transport = try PersistentTransport(alternatives, context(port), isKept: true)
        } catch {
            port.close()
            throw Self.error(error, port)
        }
    }

    private static func error(_ error: any Error, _ port: FabricPort) -> FabricError {
        switch error {
        case let error as TransportError: FabricError(error)
        case let error as NetworkURL.ParseError: .usage("port \(port.name): \(error)")
        case let error as AttachRefusal: FabricError("port \(port.name): \(error.message)")
        default: FabricError("port \(port.name): \(error)")
        }
    }

    func removePort(_ name: String) throws(FabricError) {
        try ownPort(name, "port-remove").close()
        ports[name] = nil
        predecessors[name] = nil
    }

    // MARK: Patches

    /// A cable between two segments: one descriptor pair, an end a port.
    func addPatch(_ name: String, _ first: String, _ second: String) throws(FabricError) {
        guard patches[name] == nil else { throw FabricError("patch \(name): exists already") }
        let segments = [try segment(first), try segment(second)]
        guard first != second else { throw .usage("patch \(name): \(first) cannot be patched to itself") }
        for segment in segments where !segment.hasRoom(for: 1) {
            throw FabricError("segment \(segment.name): all its \(segment.element.portCount) ports are in use")
        }
        let ends = [try newPort(name + ":a", .patch(name)), try newPort(name + ":b", .patch(name))]
        do {
            let pair = try UnixSocket.pair(.sequencedPacket)
            try plug(pair.first, into: ends[0], other: second)
            try plug(pair.second, into: ends[1], other: first)
        } catch {
            for end in ends { end.close() }
            throw FabricError("patch \(name): \(error)")
        }
        do throws(FabricError) {
            for (end, segment) in zip(ends, segments) { try end.plug(into: segment, downFor: nil) }
        } catch {
            for end in ends { end.close() }
            throw error
        }
        for end in ends { ports[end.name] = end }
        patches[name] = (first, second)
    }

    private func plug(_ channel: consuming OwnedDescriptor, into port: FabricPort, other: String) throws {
        let newcomer = Newcomer(
            identifier: channel.rawValue,
            module: "patch",
            description: "to \(other)",
            userID: nil,
            processID: CurrentProcess.id
        )
        try port.attach(.channel(ChannelEndpoint(channel)), newcomer)
        port.isConnected = true
    }

    func removePatch(_ name: String) throws(FabricError) {
        guard patches.removeValue(forKey: name) != nil else {
            throw FabricError("patch \(name): there is none of that name")
        }
        for end in [name + ":a", name + ":b"] { ports.removeValue(forKey: end)?.close() }
    }

    // MARK: Filters

    /// Of a port, or of all that is plugged into a segment, beside what holds for each.
    func setFilter(_ name: String, _ rules: FilterRules) throws(FabricError) {
        var policies: [Bool: CompiledPolicy] = [:]
        do throws(PolicyError) {
            for (isInbound, direction) in [(true, FilterRules.Direction.send), (false, .receive)] {
                policies[isInbound] = try rules.policy(direction, address: nil)
            }
        } catch {
            throw FabricError("filter \(name): \(error)", status: error.needsLibrary ? 4 : 2)
        }
        let isNone = rules == FilterRules()
        if let port = ports[name] {
            _ = try port.policies(port.segment?.sharedPolicies ?? [:], policies)
            port.rules = isNone ? nil : rules
            port.ownPolicies = policies
            port.policiesChanged()
        } else if let segment = segments[name] {
            let members = ports.values.filter { $0.segment === segment }
            for port in members { _ = try port.policies(policies, port.ownPolicies) }
            segment.rules = isNone ? nil : rules
            segment.sharedPolicies = policies
            for port in members { port.policiesChanged() }
        } else {
            throw FabricError("filter \(name): there is no port and no segment of that name")
        }
    }
}
