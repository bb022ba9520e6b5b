// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Wire

// Theory of Operation
//
// DHCP is done here, by packets, before the command runs and then for as long as it does. Autoconfiguration is the
// kernel's; here is only the waiting for its result, told by netlink events, and what the kernel leaves to programs: the
// name servers of advertisements. Both need frames to flow, so that the taps have been joined to their networks before.

/// What a stack learns from its networks.
struct DynamicConfiguration {
    /// One of each interface that uses DHCP, with the interface's place in the stack.
    var drivers: [(position: Int, driver: DHCPDriver)] = []
    var leases: [Int: DHCPLease] = [:]
    /// By interface index.
    var routerOptions: [Int32: RouterOptions] = [:]
    /// Addresses may have come or gone since they were last looked at.
    var isStale = true
    /// What that look found: the places of interfaces that have an address of autoconfiguration.
    var autoconfigured: Set<Int> = []
}

extension NetworkStack {
    /// How long to wait for addresses, in nanoseconds: three rounds of DHCP against a server that pings an address before
    /// it offers it.
    public static var addressPatience: UInt64 { 20_000_000_000 }

    /// Waits until every interface that uses DHCP or autoconfiguration has its address. To be called after `configure()`,
    /// when frames flow. Returns at once when no interface uses either.
    ///
    /// - Parameter patience: nanoseconds.
    public mutating func configureDynamic(patience: UInt64 = addressPatience) throws(StackError) {
        try startDynamic()
        let deadline = MonotonicClock.nanoseconds &+ patience
        while try waitForAddress(until: deadline, patience: patience, signals: -1) {}
    }

    /// The same, given up when a signal comes that ends programs (^C): a `StackError` whose status is the signal's.
    public mutating func configureDynamic(
        _ signals: borrowing SignalForwarding,
        patience: UInt64 = addressPatience
    ) throws(StackError) {
        try startDynamic()
        let deadline = MonotonicClock.nanoseconds &+ patience
        while try waitForAddress(until: deadline, patience: patience, signals: signals.rawDescriptor) {
            while let signal = signals.next() {
                switch signal.number {
                case SIGTSTP: NamespaceProcess.stopSelf()
                case SIGUSR1, SIGUSR2: break
                default: throw StackError(.interrupted(signal.number), "interrupted while waiting for an address")
                }
            }
        }
    }

    /// Waits for the next event; false when nothing is missing any more.
    private mutating func waitForAddress(
        until deadline: UInt64,
        patience: UInt64,
        signals: Int32
    ) throws(StackError) -> Bool {
        guard let missing = try firstWaiting() else { return false }
        guard MonotonicClock.nanoseconds < deadline else { throw missing.error(after: patience) }
        do {
            _ = try Poll.readable(descriptors + [signals], deadline: min(deadline, nextDeadline ?? deadline))
        } catch {
            throw StackError(.failed, "cannot wait for addresses: \(error)")
        }
        try handleEvents()
        return true
    }

    /// An interface that still waits, and for whom.
    private struct Waiting {
        let interface: Interface
        let whom: String

        func error(after patience: UInt64) -> StackError {
            let seconds = patience / 1_000_000_000
            return StackError(
                .noAddress,
                "\(interface.name): no answer from \(whom) on \"\(interface.configuration.network)\" within \(seconds) s",
                hint: "join one to that network (etherloom gateway), or give an address with ip=ADDRESS/PREFIX"
            )
        }
    }

    private mutating func startDynamic() throws(StackError) {
        if interfaces.contains(where: \.configuration.usesAutoconfiguration) {
            switch events {
            case .some(let events): try? events.subscribe()
            case .none: break
            }
        }
        for (position, interface) in interfaces.enumerated() {
            guard interface.configuration.usesDHCP, let socket = packetSockets.take(position) else { continue }
            let driver: DHCPDriver
            do {
                driver = try DHCPDriver(
                    socket: socket,
                    interface: interface.index,
                    hardwareAddress: interface.configuration.hardwareAddress ?? interface.hardwareAddress,
                    hostName: hostname
                )
            } catch {
                throw StackError(.failed, "\(interface.name): cannot speak DHCP: \(error)")
            }
            dynamic.drivers.append((position, driver))
            apply(driver.start(), at: position)
        }
    }

    /// Nil when all interfaces have what they asked for.
    private mutating func firstWaiting() throws(StackError) -> Waiting? {
        if dynamic.isStale { try lookForAutoconfiguration() }
        for (position, interface) in interfaces.enumerated() {
            let configuration = interface.configuration
            let needsServer = configuration.usesDHCP && dynamic.leases[position] == nil
            let needsRouter = configuration.usesAutoconfiguration && !dynamic.autoconfigured.contains(position)
            if configuration.takesWhatComes {
                guard needsServer && needsRouter else { continue }
                return Waiting(interface: interface, whom: "a DHCP server or a router")
            }
            if needsServer { return Waiting(interface: interface, whom: "a DHCP server") }
            if needsRouter { return Waiting(interface: interface, whom: "a router") }
        }
        return nil
    }

    /// Looks which interfaces have an address that they did not get by hand.
    private mutating func lookForAutoconfiguration() throws(StackError) {
        dynamic.isStale = false
        guard interfaces.contains(where: \.configuration.usesAutoconfiguration) else { return }
        do {
            let addresses = try netlink!.addresses().filter { $0.bytes.count == 16 && $0.isGlobal && !$0.isTentative }
            dynamic.autoconfigured = Set(
                interfaces.indices.filter { position in
                    let interface = interfaces[position]
                    let own = interface.configuration.addresses.map(\.address.bytes)
                    return addresses.contains { $0.interface == interface.index && !own.contains($0.bytes) }
                }
            )
        } catch {
            throw StackError(.failed, "\(error)")
        }
    }

    /// What dynamic configuration waits for.
    var dynamicDescriptors: [Int32] {
        let drivers = dynamic.drivers.map(\.driver.rawDescriptor)
        guard interfaces.contains(where: \.configuration.usesAutoconfiguration) else { return drivers }
        return switch events {
        case .some(let events): drivers + [events.rawDescriptor]
        case .none: drivers
        }
    }

    /// When `handleEvents()` has work at the latest; monotonic nanoseconds, nil when it only waits for `descriptors`.
    public var nextDeadline: UInt64? { dynamic.drivers.compactMap(\.driver.client.nextDeadline).min() }

    mutating func handleDynamicEvents() {
        for (position, driver) in dynamic.drivers { apply(driver.handleEvents(), at: position) }
        var isChanged = false
        for event in nextEvents() {
            switch event {
            case .addressChanged, .linkChanged: dynamic.isStale = true
            case .routerOptions(let interface, let bytes):
                dynamic.routerOptions[interface, default: RouterOptions()].apply(bytes)
                isChanged = true
            }
        }
        if isChanged { updateResolverFile() }
    }

    private func nextEvents() -> [Netlink.Event] {
        switch events {
        case .some(let events): (try? events.nextEvents()) ?? []
        case .none: []
        }
    }

    /// Gives the leases back; the addresses go with the namespace.
    func releaseLeases() {
        for (_, driver) in dynamic.drivers { driver.release() }
    }
}

// Leases and the kernel.
extension NetworkStack {
    /// Carries a lease out. A failure is not the command's business: it ran with the address that it had; the next
    /// renewal tries again.
    private mutating func apply(_ changes: [DHCPDriver.Change], at position: Int) {
        guard !changes.isEmpty else { return }
        for change in changes {
            switch change {
            case .configure(let lease):
                if (try? configure(lease, at: position)) != nil { dynamic.leases[position] = lease }
            case .deconfigure(let lease):
                dynamic.leases[position] = nil
                let address = IPAddress.v4(lease.address.address).bytes
                try? netlink!.removeAddress(
                    interfaces[position].index,
                    address,
                    prefixLength: lease.address.prefixLength
                )
            }
        }
        updateResolverFile()
    }

    private mutating func configure(_ lease: DHCPLease, at position: Int) throws(NetlinkError) {
        let interface = interfaces[position]
        if let mtu = lease.mtu, interface.configuration.mtu == nil { try netlink!.setMTU(interface.index, mtu) }
        try netlink!.addAddress(
            interface.index,
            IPAddress.v4(lease.address.address).bytes,
            prefixLength: lease.address.prefixLength,
            lifetime: lease.duration
        )
        let network = InterfaceAddress(
            address: .v4(lease.address.address),
            prefixLength: lease.address.prefixLength
        )
        // A gateway given by hand is meant; the server's routes otherwise.
        let gateway = interface.configuration.gateways.first { network?.contains($0) == true }
        if let gateway {
            try netlink!.addRoute(
                via: gateway.bytes,
                interface: interface.index,
                metric: Self.metric(position, isVersion6: false)
            )
            return
        }
        for route in lease.routes {
            let isDefault = route.destination.prefixLength == 0
            let router = route.gateway
            try netlink!.addRoute(
                to: isDefault ? nil : IPAddress.v4(route.destination.networkAddress).bytes,
                prefixLength: route.destination.prefixLength,
                via: router.map { IPAddress.v4($0).bytes },
                interface: interface.index,
                metric: Self.metric(position, isVersion6: false),
                isOnLink: router.map { !lease.address.contains($0) } ?? false
            )
        }
    }

    /// What was given by hand first, then what the networks said.
    func updateResolverFile() {
        var servers = interfaces.flatMap(\.configuration.nameServers)
        var domains = interfaces.flatMap(\.configuration.searchDomains)
        for (position, interface) in interfaces.enumerated() {
            if let lease = dynamic.leases[position] {
                servers += lease.nameServers.map(IPAddress.v4)
                domains += lease.domain.map { [$0] } ?? []
            }
            if let options = dynamic.routerOptions[interface.index] {
                servers += options.servers.map(IPAddress.v6)
                domains += options.domains
            }
        }
        writeResolverFile(servers: servers, domains: domains)
    }
}
