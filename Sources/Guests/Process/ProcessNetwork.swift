// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Attach
import LinuxSystem
import Model
import Wire

/// The interfaces of a process guest that runs, configured from outside by a netlink socket made inside.
final class ProcessNetwork {
    unowned let guest: ProcessGuest
    private let host: any GuestHost
    /// For requests; set by the setting-up script.
    var netlink: Netlink?
    private var namespace: SharedDescriptor?
    private var taps: [String: SharedDescriptor] = [:]
    private var packetSockets: [String: SharedDescriptor] = [:]
    private var leases: [String: InterfaceLease] = [:]

    init(guest: ProcessGuest) {
        self.guest = guest
        host = guest.host
    }

    /// Takes what was made inside.
    func take(_ product: GuestScript.Product, _ descriptors: [SharedDescriptor]) {
        switch product {
        case .netlink:
            if let socket = try? descriptors.first?.duplicate() { netlink = Netlink(adopting: socket) }
        case .networkNamespace: namespace = descriptors.first
        case .tap(let name):
            taps[name] = descriptors.first
            packetSockets[name] = descriptors.dropFirst().first
        case .packetSocket(let name): packetSockets[name] = descriptors.first
        case .console: break
        }
    }

    /// Brings up what the plan says, and plugs it in.
    func configure(then: @escaping (GuestError?) -> Void) {
        guard netlink != nil else { return then(GuestError("\(host.plan.name): no netlink socket came")) }
        do {
            try netlink!.setUp(try netlink!.link(named: "lo").index)
        } catch {
            return then(GuestError("\(host.plan.name): lo: \(error)"))
        }
        var left = host.plan.interfaces.count
        guard left > 0 else { return finish(nil, then) }
        var failure: GuestError?
        for (position, interface) in host.plan.interfaces.enumerated() {
            add(interface, position: position) { [weak self] error in
                failure = failure ?? error
                left -= 1
                if left == 0 { self?.finish(failure, then) }
            }
        }
    }

    private func finish(_ failure: GuestError?, _ then: (GuestError?) -> Void) {
        if failure == nil { addRoutes() }
        then(failure)
    }

    /// Configures one interface whose tap has come, or makes its pair, and plugs it in.
    func add(_ interface: InterfacePlan, position: Int, then: @escaping (GuestError?) -> Void) {
        let port = GuestPlan.port(guest: host.plan.name, interface: interface.name)
        do {
            if interface.bridge != nil {
                guard let namespace else { throw GuestError("no network namespace came") }
                try host.plugPair(interface, namespace: namespace.rawValue)
            }
            try configure(interface, position: position)
        } catch let error as GuestError {
            return then(error)
        } catch {
            return then(GuestError("\(port): \(error)"))
        }
        startLease(interface, position: position)
        guard interface.bridge == nil else { return then(nil) }
        guard let tap = try? taps.removeValue(forKey: interface.name)?.duplicate() else {
            return then(GuestError("\(port): no tap came"))
        }
        host.plugTap(tap, interface: interface.name, then: then)
    }

    private func configure(_ interface: InterfacePlan, position: Int) throws(NetlinkError) {
        let index = try netlink!.link(named: interface.name).index
        if interface.bridge == nil {
            try netlink!.setHardwareAddress(index, (0..<6).map { interface.hardwareAddress.octet($0) })
            if let mtu = interface.mtu { try netlink!.setMTU(index, mtu) }
        }
        try netlink!.setUp(index)
        for address in interface.addresses {
            try netlink!.addAddress(index, address.address.bytes, prefixLength: address.prefixLength)
        }
        for router in interface.via {
            let isReachable = interface.addresses.contains { $0.contains(router) }
            // A router that only a lease will make reachable comes with it.
            if !isReachable, case .v4 = router, interface.usesDHCP { continue }
            try netlink!.addRoute(
                via: router.bytes,
                interface: index,
                metric: Self.metric(position, isVersion6: router.bytes.count == 16),
                isOnLink: !isReachable && router.bytes.count == 4
            )
        }
    }

    /// Default routes of several interfaces stand side by side, the first interface's preferred; nil is the kernel's choice.
    static func metric(_ position: Int, isVersion6: Bool) -> UInt32? {
        position == 0 ? nil : UInt32(position) + (isVersion6 ? 1024 : 0)
    }

    /// The guest's own routes; with `only`, those through one interface. One that cannot be is told, and no reason not to start.
    private func addRoutes(only: String? = nil) {
        for route in host.plan.routes {
            do {
                guard let name = interface(towards: route.via) else {
                    if only == nil { host.log("route via \(route.via): no interface has an address on that network") }
                    continue
                }
                if let only, only != name { continue }
                let index = try netlink!.link(named: name).index
                try netlink!.addRoute(
                    to: route.destination?.networkBytes,
                    prefixLength: route.destination?.prefixLength ?? 0,
                    via: route.via.bytes,
                    interface: index
                )
            } catch {
                host.log("route via \(route.via): \(error)")
            }
        }
    }

    private func interface(towards router: IPAddress) -> String? {
        let match = host.plan.interfaces.first { $0.addresses.contains { $0.contains(router) } }
        return (match ?? host.plan.interfaces.first { $0.usesDHCP || $0.usesAutoconfiguration })?.name
    }

    // MARK: Changes while it runs

    func add(_ interface: InterfacePlan, then: @escaping (GuestError?) -> Void) {
        var script = GuestScript()
        ProcessGuest.add(interface, to: &script)
        let position = host.plan.interfaces.firstIndex { $0.name == interface.name } ?? 0
        guest.run(script) { [weak self] result in
            guard let self else { return }
            do throws(GuestError) {
                for (product, descriptors) in try result.get() { take(product, descriptors) }
                add(interface, position: position) { error in
                    if error != nil { self.removeLink(interface.name) } else { self.addRoutes(only: interface.name) }
                    then(error)
                }
            } catch {
                then(error)
            }
        }
    }

    func remove(_ name: String, then: (GuestError?) -> Void) {
        leases.removeValue(forKey: name)?.close()
        host.unplug(interface: name)
        removeLink(name)
        then(nil)
    }

    /// A tap goes with its last descriptor, which others hold for a moment still: it goes now.
    private func removeLink(_ name: String) {
        taps[name] = nil
        packetSockets[name] = nil
        guard let link = try? netlink!.link(named: name) else { return }
        try? netlink!.removeLink(link.index)
    }

    // MARK: Leases

    private func startLease(_ interface: InterfacePlan, position: Int) {
        guard interface.usesDHCP, let socket = packetSockets.removeValue(forKey: interface.name) else { return }
        do {
            let index = try netlink!.link(named: interface.name).index
            leases[interface.name] = try InterfaceLease(
                socket: socket,
                interface: interface,
                index: index,
                position: position,
                network: self,
                host: host
            )
        } catch {
            host.log("\(interface.name): cannot speak DHCP: \(error)")
        }
    }

    /// Name servers that were given, then those of leases.
    func resolversChanged() {
        let learnt = leases.keys.sorted().flatMap { leases[$0]?.nameServers ?? [] }
        let servers = host.plan.nameServers + learnt
        let text = servers.prefix(3).map { "nameserver \($0)\n" }.joined()
        var script = GuestScript()
        script.write("/dev/.resolv.conf", text, .may)
        guest.run(script) { _ in }
    }

    func close() {
        for lease in leases.values { lease.close() }
        leases = [:]
        taps = [:]
    }
}

extension InterfaceAddress {
    /// The network's address: the bits behind the prefix are 0.
    var networkBytes: [UInt8] {
        address.bytes.enumerated().map { index, byte in
            let bits = min(max(prefixLength - 8 * index, 0), 8)
            return byte & ~UInt8(truncatingIfNeeded: 0xff >> bits)
        }
    }
}

extension ProcessGuest {
    func add(_ interface: InterfacePlan, then: @escaping (GuestError?) -> Void) {
        guard let network else { return then(GuestError("\(host.plan.name) is not up yet")) }
        network.add(interface, then: then)
    }

    func removeInterface(_ name: String, then: @escaping (GuestError?) -> Void) {
        guard let network else { return then(GuestError("\(host.plan.name) is not up yet")) }
        network.remove(name, then: then)
    }

    func configureNetwork(_ words: [String], then: @escaping (Result<[String], GuestError>) -> Void) {
        guard let network else { return then(.failure(GuestError("\(host.plan.name) is not up yet"))) }
        do throws(GuestError) {
            then(.success(try network.perform(NetworkWords(words))))
        } catch {
            then(.failure(error))
        }
    }
}
