// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem
public import Model
import Wire

/// A lab as its users see it: what is wanted and what there is, in one.
public enum LabReport {
    /// One line of `ps`.
    public static func summary(_ session: LabSession) -> JSON {
        let running = session.actual.guests.values.filter { $0.state == .running }.count
        return [
            "name": .string(session.name), "directory": .string(session.layout.directory),
            "state": .string(state(session)), "guests": .integer(session.intent.lab.guests.count),
            "running": .integer(running), "keeper": .optional(session.keeperFacts["pid"]),
        ]
    }

    /// The same of a lab whose keeper is being started.
    public static func starting(_ name: String, _ directory: String) -> JSON {
        [
            "name": .string(name), "directory": .string(directory), "state": "coming up", "guests": .integer(0),
            "running": .integer(0), "keeper": .null,
        ]
    }

    static func state(_ session: LabSession) -> String {
        if session.isGoingDown { return "going down" }
        let isReady = session.intent.wanted.allSatisfy { session.runs[$0]?.isReady == true }
        return isReady ? "up" : "coming up"
    }

    /// Everything.
    public static func lab(_ session: LabSession) -> JSON {
        let lab = session.intent.lab
        return [
            "name": .string(session.name), "directory": .string(session.layout.directory),
            "runtime": .string(session.layout.runtime), "state": .string(state(session)),
            "keeper": .optional(session.keeperFacts["pid"]), "fabric": .optional(session.keeperFacts["fabric"]),
            "holder": .optional(session.keeperFacts["holder"]),
            "guests": .array(lab.guests.map { guest($0, session) }),
            "segments": .array(lab.segments.map { segment($0, session) }),
            "links": .array(lab.links.map(link)),
            "gateways": .array(lab.gateways.map(gateway)),
            "tunnels": .array(
                lab.tunnels.map {
                    ["name": .string($0.name), "segment": .string($0.segment), "peer": .optional($0.peer)]
                }
            ),
            "delegations": .array(lab.delegations.map { delegation($0, session) }),
            "templates": .texts(lab.templates),
        ]
    }

    public static func guest(_ guest: Guest, _ session: LabSession) -> JSON {
        let actual = session.actual.guests[guest.name]
        let run = session.runs[guest.name]
        let overlays = guest.overlays
        return [
            "name": .string(guest.name), "kind": .string(guest.kind.rawValue),
            "state": .string((actual?.state ?? .stopped).rawValue), "ready": .boolean(run?.isReady ?? false),
            "wanted": .boolean(session.intent.wanted.contains(guest.name)),
            "pid": actual?.processID.map { .integer($0) } ?? .null,
            "since": actual.map { .integer($0.since) } ?? .null,
            "status": actual?.status.map { .integer($0.shellStatus) } ?? .null,
            "error": .optional(run?.failure?.message ?? run?.setback?.message ?? actual?.error),
            "restarts": .integer(run?.restarts ?? 0),
            "restart": .string(guest.restart.rawValue),
            "labels": .object(guest.labels.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) }),
            "overlays": .texts(overlays), "root": .string(session.layout.mountPoint(guest.name)),
            "interfaces": .array(guest.interfaces.map { interface($0, of: guest, session) }),
        ]
    }

    private static func interface(_ interface: Interface, of guest: Guest, _ session: LabSession) -> JSON {
        let port = GuestPlan.port(guest: guest.name, interface: interface.name)
        let actual = session.actual.interfaces[port]
        let end = LinkEnd.interface(guest: guest.name, name: interface.name)
        let link = session.intent.lab.links.first { $0.first == end || $0.second == end }
        return [
            "name": .string(interface.name), "port": .string(port),
            "segment": .optional(actual?.segment),
            "carrier": .boolean(actual?.hasCarrier ?? false),
            "showsCarrier": .boolean(actual?.showsCarrier ?? true),
            "peer": .optional(link.map { ($0.first == end ? $0.second : $0.first).description }),
            "mac": .optional(actual?.hardwareAddress ?? interface.hardwareAddress?.description),
            "mtu": interface.mtu.map { .integer($0) } ?? .null,
            "addresses": .texts(
                interface.addresses.map(\.description) + (interface.usesDHCP ? ["dhcp"] : [])
                    + (interface.usesAutoconfiguration ? ["slaac"] : [])
            ),
            "via": .texts(interface.via.map(\.description)), "host": .string("\(guest.name)-\(interface.name)"),
            "policy": rules(interface.filter),
        ]
    }

    private static func rules(_ rules: FilterRules) -> JSON {
        rules.isEmpty
            ? .null
            : ["allow": .texts(rules.allow), "send": .optional(rules.send), "receive": .optional(rules.receive)]
    }

    private static func segment(_ segment: Segment, _ session: LabSession) -> JSON {
        // A bridge can be joined where something else of it is the fabric's.
        let isJoinable =
            segment.kind != .bridge || session.actual.segments.contains(BridgeCompanion.segment(of: segment.name))
        let members = session.actual.interfaces.filter { $0.value.segment == segment.name }.keys.sorted()
        return [
            "name": .string(segment.name), "kind": .string(segment.kind.rawValue),
            "mtu": segment.mtu.map { .integer($0) } ?? .null, "members": .texts(members),
            "uplinks": .texts(segment.uplinks), "policy": rules(segment.filter),
            "directory": isJoinable ? .string(session.layout.segment(segment.name)) : .null,
            "host": .optional(segment.host),
        ]
    }

    private static func link(_ link: Link) -> JSON {
        [
            "ends": .texts([link.first.description, link.second.description]), "up": .boolean(link.isUp),
            "forth": impairment(link.forth), "back": impairment(link.back), "cable": .optional(Planner.cable(link)),
        ]
    }

    private static func impairment(_ impairment: Impairment) -> JSON {
        impairment.isEmpty ? .null : .texts(impairment.words)
    }

    private static func gateway(_ gateway: GatewayElement) -> JSON {
        [
            "name": .string(gateway.name), "segment": .string(gateway.segment),
            "address": .optional(gateway.address?.description), "dhcp": .boolean(gateway.servesDHCP),
            "forwards": .texts(gateway.forwards.map(\.description)),
        ]
    }

    private static func delegation(_ delegation: Delegation, _ session: LabSession) -> JSON {
        [
            "name": .string(delegation.name), "segment": .string(delegation.segment),
            "user": .optional(delegation.user), "group": .optional(delegation.group),
            "directory": .string(session.layout.delegation(delegation.name)),
            "pid": session.actual.elements[delegation.name].map { .integer($0) } ?? .null,
        ]
    }
}
