// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Attach
import LinuxSystem
import Wire

/// An address by DHCP for an interface of a process guest, asked for from outside.
final class InterfaceLease {
    private let driver: DHCPDriver
    private let interface: InterfacePlan
    private let index: Int32
    private let position: Int
    private unowned let network: ProcessNetwork
    private let host: any GuestHost
    private var token: ControlLoop.Token?
    private var timer: ControlLoop.Token?
    private(set) var nameServers: [IPAddress] = []

    init(
        socket: SharedDescriptor,
        interface: InterfacePlan,
        index: Int32,
        position: Int,
        network: ProcessNetwork,
        host: any GuestHost
    ) throws(Errno) {
        self.interface = interface
        self.index = index
        self.position = position
        self.network = network
        self.host = host
        driver = try DHCPDriver(
            socket: try socket.duplicate(),
            interface: index,
            hardwareAddress: interface.hardwareAddress,
            hostName: host.plan.hostName
        )
        token = try host.loop.watch(driver.rawDescriptor) { [weak self] _ in self?.turn() }
        apply(driver.start())
        arm()
    }

    private func turn() {
        apply(driver.handleEvents())
        arm()
    }

    private func arm() {
        if let timer { host.loop.cancel(timer) }
        timer = driver.nextDeadline.map { deadline in
            let now = MonotonicClock.nanoseconds
            let time = deadline <= now ? 0 : (deadline - now) / 1_000_000 + 1
            return host.loop.after(milliseconds: time) { [weak self] in self?.turn() }
        }
    }

    private func apply(_ changes: [DHCPDriver.Change]) {
        for change in changes {
            do throws(NetlinkError) {
                switch change {
                case .configure(let lease):
                    try configure(lease)
                    nameServers = lease.nameServers.map(IPAddress.v4)
                case .deconfigure(let lease):
                    nameServers = []
                    try network.netlink!.removeAddress(
                        index,
                        IPAddress.v4(lease.address.address).bytes,
                        prefixLength: lease.address.prefixLength
                    )
                }
            } catch {
                host.log("\(interface.name): \(error)")
            }
            network.resolversChanged()
        }
    }

    private func configure(_ lease: DHCPLease) throws(NetlinkError) {
        if let mtu = lease.mtu, interface.mtu == nil { try network.netlink!.setMTU(index, mtu) }
        let address = IPAddress.v4(lease.address.address)
        let length = lease.address.prefixLength
        try network.netlink!.addAddress(index, address.bytes, prefixLength: length, lifetime: lease.duration)
        let own = InterfaceAddress(address: address, prefixLength: length)
        let metric = ProcessNetwork.metric(position, isVersion6: false)
        // A router given by hand is meant; the server's routes otherwise.
        if let router = interface.via.first(where: { own?.contains($0) == true }) {
            return try network.netlink!.addRoute(via: router.bytes, interface: index, metric: metric)
        }
        for route in lease.routes {
            let isDefault = route.destination.prefixLength == 0
            try network.netlink!.addRoute(
                to: isDefault ? nil : IPAddress.v4(route.destination.networkAddress).bytes,
                prefixLength: route.destination.prefixLength,
                via: route.gateway.map { IPAddress.v4($0).bytes },
                interface: index,
                metric: metric,
                isOnLink: route.gateway.map { !lease.address.contains($0) } ?? false
            )
        }
    }

    func close() {
        driver.release()
        if let token { host.loop.cancel(token) }
        if let timer { host.loop.cancel(timer) }
        token = nil
        timer = nil
    }
}
