// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import Model
import Wire

/// How a guest becomes another one: what a running guest can take, it takes; for the rest it is started anew.
struct GuestChange {
    private(set) var actions: [Step.Action] = []
    /// For people: what is different.
    private(set) var what: [String] = []
    private(set) var needsRestart = false
    /// Interfaces that go, and come anew.
    private(set) var replaced: [String] = []

    /// What becomes of an interface that is a pair on a kernel bridge.
    enum BridgeChange { case none, move, renew }

    /// - Parameter bridges: says what becomes of a pair from a bridge to another one, or to the same.
    init(
        from old: GuestPlan,
        to new: GuestPlan,
        isRunning: Bool,
        bridges: (_ from: String, _ to: String) -> BridgeChange = { $0 == $1 ? .none : .move }
    ) {
        func note<Value: Equatable>(_ name: String, _ path: KeyPath<GuestPlan, Value>) {
            if old[keyPath: path] != new[keyPath: path] {
                what.append(name)
                needsRestart = true
            }
        }
        note("kind", \.kind)
        note("root", \.root)
        note("kernel", \.kernel)
        note("initrd", \.initialRAMDisk)
        note("image", \.image)
        note("memory", \.memory)
        note("cpus", \.processors)
        note("arguments", \.arguments)
        note("command", \.command)
        note("environment", \.environment)
        note("hostname", \.hostName)
        note("user", \.user)
        note("dns", \.nameServers)
        // The keeper has the plan for the next start; the running guest is told of what it can take.
        let define = Step.Action.request(["define", new.name] + new.words)
        guard isRunning, !needsRestart else {
            if old.interfaces != new.interfaces { what.append("interfaces") }
            if old.routes != new.routes { what.append("routes") }
            actions = [define]
            return
        }
        // Routes go before, and come after the addresses that they lead over.
        for route in old.routes where !new.routes.contains(route) { actions.append(Self.removal(route, of: new.name)) }
        changeInterfaces(old, new, bridges)
        addRoutes(old, new)
        guard old != new else { return }
        if what.isEmpty { what.append("order of interfaces") }
        actions.append(define)
    }

    private mutating func changeInterfaces(
        _ old: GuestPlan,
        _ new: GuestPlan,
        _ bridges: (_ from: String, _ to: String) -> BridgeChange
    ) {
        for interface in old.interfaces where !new.interfaces.contains(where: { $0.name == interface.name }) {
            what.append("- \(interface.name)")
            actions.append(.request(["interface-remove", new.name, interface.name]))
        }
        for (index, interface) in new.interfaces.enumerated() {
            guard let before = old.interfaces.first(where: { $0.name == interface.name }) else {
                what.append("+ \(interface.name)")
                actions.append(.request(Self.add(interface, to: new.name)))
                continue
            }
            // Between a port of the fabric and a pair there is no way but to make it anew.
            var bridge = before.bridge == interface.bridge ? BridgeChange.none : .renew
            if let from = before.bridge, let to = interface.bridge { bridge = bridges(from, to) }
            guard before != interface || bridge != .none else { continue }
            what.append("~ \(interface.name)")
            if before.hardwareAddress != interface.hardwareAddress || bridge == .renew
                || before.usesDHCP != interface.usesDHCP
                || before.usesAutoconfiguration != interface.usesAutoconfiguration
            {
                actions.append(.request(["interface-remove", new.name, interface.name]))
                actions.append(.request(Self.add(interface, to: new.name, at: index)))
                replaced.append(interface.name)
            } else {
                if bridge == .move, let to = interface.bridge {
                    let port = GuestPlan.port(guest: new.name, interface: interface.name)
                    actions.append(.request(["plug", port, to]))
                }
                configure(new.name, before, interface)
            }
        }
    }

    /// - Parameter index: its place among the guest's interfaces; nil: the last.
    private static func add(_ interface: InterfacePlan, to guest: String, at index: Int? = nil) -> [String] {
        ["interface-add", guest, "interface=\(interface.name)"] + (index.map { ["at=\($0)"] } ?? []) + interface.words
    }

    /// What somebody in the guest has taken away already need not be there. With the last address of a network the kernel takes
    /// the routes over it away, which therefore are added again: for who has them, to add is to replace.
    private mutating func configure(_ guest: String, _ old: InterfacePlan, _ new: InterfacePlan) {
        func words(_ words: [String]) -> [String] { ["network", guest] + words }
        for router in old.via where !new.via.contains(router) {
            actions.append(.attempt(words(["route", "del", "default", "via", router.description])))
        }
        let gone = old.addresses.filter { !new.addresses.contains($0) }
        for address in gone { actions.append(.attempt(words(["addr", "del", address.description, "dev", new.name]))) }
        for address in new.addresses where !old.addresses.contains(address) {
            actions.append(.request(words(["addr", "add", address.description, "dev", new.name])))
        }
        for router in new.via where old.addresses != new.addresses || !old.via.contains(router) {
            actions.append(.request(words(["route", "add", "default", "via", router.description])))
        }
        let mtu = new.mtu ?? Self.usualMTU
        if mtu != old.mtu ?? Self.usualMTU {
            actions.append(.request(words(["link", "set", new.name, "mtu", "\(mtu)"])))
        }
    }

    /// Of an interface for which nothing is said.
    private static let usualMTU = 1500

    private static func words(_ verb: String, _ route: Route, of guest: String) -> [String] {
        ["network", guest, "route", verb, route.destination?.description ?? "default", "via", "\(route.via)"]
    }

    private static func removal(_ route: Route, of guest: String) -> Step.Action {
        .attempt(words("del", route, of: guest))
    }

    /// Those that are new, and those whose interface has other addresses or was made anew.
    private mutating func addRoutes(_ old: GuestPlan, _ new: GuestPlan) {
        if old.routes != new.routes { what.append("routes") }
        let shaken = new.interfaces.filter { interface in
            guard let before = old.interfaces.first(where: { $0.name == interface.name }) else { return true }
            return replaced.contains(interface.name) || before.addresses != interface.addresses
        }
        for route in new.routes {
            let isLost = shaken.contains { $0.addresses.contains { $0.contains(route.via) } }
            guard isLost || !old.routes.contains(route) else { continue }
            actions.append(.request(Self.words("add", route, of: new.name)))
        }
    }
}
