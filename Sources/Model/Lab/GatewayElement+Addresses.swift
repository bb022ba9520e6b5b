// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

extension GatewayElement {
    /// The network of guests: the address says it, or it is slirp's 10.0.2.0/24. Nil for one that a gateway cannot have.
    public var network: IPv4Network? {
        guard let address else {
            return IPv4Network(address: IPv4Address(rawValue: 10 << 24 | 2 << 8), prefixLength: 24)
        }
        guard case .v4(let own) = address.address, (1...29).contains(address.prefixLength) else { return nil }
        return IPv4Network(address: own, prefixLength: address.prefixLength)
    }

    /// What the gateway has of its network for itself: its own address, host number 2 when none is given, and its name
    /// server's, host number 3, or 4 where it is 3 itself. No guest can have either.
    public var ownAddresses: (router: IPv4Address, nameServer: IPv4Address)? {
        guard let network, let second = network.host(2), let third = network.host(3), let fourth = network.host(4)
        else { return nil }
        let router = network.address == network.networkAddress ? second : network.address
        return (router, router == third ? fourth : third)
    }
}
