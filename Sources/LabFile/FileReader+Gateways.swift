// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
import Wire

/// Addresses that gateways have for themselves, and where their forwards may lead.
extension FileReader {
    mutating func validateGateways(_ lab: Lab) {
        let networks = Networks(lab)
        for gateway in lab.gateways {
            guard gateway.network != nil, let own = gateway.ownAddresses else {
                report(
                    place("gateways.\(gateway.name)"),
                    "gateway \"\(gateway.name)\" cannot have \(gateway.address?.description ?? "")",
                    hint: "wanted is an IPv4 address with a prefix of 1 to 29 bits, 10.0.2.2/24"
                )
                continue
            }
            for guest in lab.guests {
                for interface in guest.interfaces {
                    let end = LinkEnd.interface(guest: guest.name, name: interface.name)
                    guard networks.number(of: end) == networks.number(of: .segment(gateway.segment)) else { continue }
                    for address in interface.addresses {
                        check(address, of: end, gateway, own)
                    }
                }
            }
            for (index, forward) in gateway.forwards.enumerated() {
                validate(forward, gateway, own, lab, place: place("gateways.\(gateway.name).forward.\(index)"))
            }
        }
    }

    /// A gateway that was given its address clashes as any other owner does; what it has without being told is said here.
    private mutating func check(
        _ address: InterfaceAddress,
        of end: LinkEnd,
        _ gateway: GatewayElement,
        _ own: (router: IPv4Address, nameServer: IPv4Address)
    ) {
        guard case .v4(let taken) = address.address, case .interface(let guest, let name) = end else { return }
        let isGiven = gateway.address.map { $0.address == .v4(own.router) } ?? false
        let what: String
        if taken == own.nameServer {
            what = "the name server of gateway \"\(gateway.name)\""
        } else if taken == own.router, !isGiven {
            what = "gateway \"\(gateway.name)\""
        } else {
            return
        }
        report(
            place("guests.\(guest).interfaces.\(name)"),
            "\(end) and \(what) both have \(taken)",
            hint: "a gateway has its own address and \(own.nameServer) of its network; change the guest's"
        )
    }

    private mutating func validate(
        _ forward: Forward,
        _ gateway: GatewayElement,
        _ own: (router: IPv4Address, nameServer: IPv4Address),
        _ lab: Lab,
        place: Place
    ) {
        guard let network = gateway.network else { return }
        func isGuests(_ address: IPAddress) -> Bool {
            guard case .v4(let address) = address else { return false }
            return network.contains(address)
                && ![
                    own.router, own.nameServer, network.networkAddress, network.broadcastAddress,
                ].contains(address)
        }
        let mask = "\(network.networkAddress)/\(network.prefixLength)"
        switch forward.target {
        case .address(let address):
            guard !isGuests(address) else { return }
            report(
                place,
                "forward \"\(forward)\" leads to \(address), which no guest of gateway \"\(gateway.name)\" can have",
                hint: "its network is \(mask), of which it has \(own.router) and \(own.nameServer) itself"
            )
        case .guest(let name):
            let networks = Networks(lab)
            let number = networks.number(of: .segment(gateway.segment))
            let addresses = (lab.guest(name)?.interfaces ?? []).filter {
                networks.number(of: .interface(guest: name, name: $0.name)) == number
            }.flatMap(\.addresses)
            // Without any it is said elsewhere what is missing; one that is the gateway's own is said above.
            let candidates = addresses.filter { if case .v4 = $0.address { true } else { false } }
            guard !candidates.isEmpty, !candidates.contains(where: { gateway.reaches($0.address) }) else { return }
            report(
                place,
                "a forward leads to \"\(name)\", which has no address of \(mask), the network of gateway "
                    + "\"\(gateway.name)\"",
                hint: "give the gateway an address of the guest's network, or the guest one of the gateway's"
            )
        }
    }
}

extension GatewayElement {
    /// Whether an address is in its network.
    func reaches(_ address: IPAddress) -> Bool {
        guard case .v4(let address) = address, let network else { return false }
        return network.contains(address)
    }
}
