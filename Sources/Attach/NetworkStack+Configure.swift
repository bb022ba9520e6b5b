// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Wire

extension NetworkStack {
    /// Brings loopback and interfaces up, with their hardware addresses, MTUs, static addresses and routes, and writes
    /// the name servers that were given.
    public mutating func configure() throws(StackError) {
        do {
            try netlink!.setUp(try netlink!.link(named: "lo").index)
        } catch {
            throw StackError(.failed, "lo: \(error)")
        }
        for (position, interface) in interfaces.enumerated() {
            do {
                try configure(interface, at: position)
            } catch {
                throw StackError(.configuration, "\(interface.name): \(error)")
            }
        }
        updateResolverFile()
    }

    private mutating func configure(_ interface: Interface, at position: Int) throws(NetlinkError) {
        let (configuration, index) = (interface.configuration, interface.index)
        if let address = configuration.hardwareAddress {
            try netlink!.setHardwareAddress(index, (0..<6).map { address.octet($0) })
        }
        if let mtu = configuration.mtu { try netlink!.setMTU(index, mtu) }
        try netlink!.setUp(index)
        for address in configuration.addresses {
            try netlink!.addAddress(index, address.address.bytes, prefixLength: address.prefixLength)
        }
        for gateway in configuration.gateways {
            // A gateway that only a lease will make reachable goes in then.
            let isReachable = configuration.addresses.contains { $0.contains(gateway) }
            if !isReachable, case .v4 = gateway { continue }
            try netlink!.addRoute(
                via: gateway.bytes,
                interface: index,
                metric: Self.metric(position, isVersion6: gateway.bytes.count == 16)
            )
        }
    }

    /// The default routes of several interfaces stand side by side, the first interface's preferred.
    ///
    /// - Returns: nil for the kernel's own choice, which is 0 for IPv4 and 1024 for IPv6 (IP6_RT_PRIO_USER).
    static func metric(_ position: Int, isVersion6: Bool) -> UInt32? {
        position == 0 ? nil : UInt32(position) + (isVersion6 ? 1024 : 0)
    }
}
