// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem
import Model
import Wire

/// What leads out of segments: gateways with their forwards, tunnels, delegations.
extension Planner {
    mutating func planElements() {
        let networks = Networks(lab)
        for gateway in lab.gateways where mayServe(gateway) {
            let place = place(on: gateway.segment)
            var words = ["fabric", "gateway-add", gateway.name, place.name]
            if let address = gateway.address { words.append("address=\(address)") }
            if !gateway.servesDHCP { words.append("dhcp=no") }
            // It has that of its segment as it was when it was made: with another one it is made anew.
            if let mtu = lab.segment(gateway.segment)?.mtu { words.append("mtu=\(max(576, min(mtu, 65_520)))") }
            add(
                .gateway,
                gateway.name,
                make: [words],
                remove: [["fabric", "gateway-remove", gateway.name]],
                needs: [place.key],
                note: "on \(gateway.segment)"
            )
            for forward in gateway.forwards {
                guard let specification = resolve(forward, gateway, networks) else { continue }
                add(
                    .forward,
                    "\(gateway.name) \(forward)",
                    make: [["fabric", "forward-add", gateway.name, specification]],
                    remove: [["fabric", "forward-remove", gateway.name, specification]],
                    needs: [Resource.key(.gateway, gateway.name)]
                )
            }
        }
        for tunnel in lab.tunnels {
            if let key = tunnel.key.map({ places.path($0) }), !exists(key) {
                problems.append(
                    "tunnel \"\(tunnel.name)\" has no key: \(key) does not exist; make one: etherloom key \(key)"
                )
            }
            planPort("tunnel:\(tunnel.name)", url(tunnel), on: tunnel.segment, note: tunnel.peer ?? "waits")
        }
        for delegation in lab.delegations { planDelegation(delegation) }
    }

    /// Not on a bridge of the host's, whose other stations would take its addresses and its word for who is who.
    private mutating func mayServe(_ gateway: GatewayElement) -> Bool {
        guard let segment = lab.segment(gateway.segment), segment.kind == .bridge, let device = segment.host else {
            return true
        }
        problems.append(
            "gateway \"\(gateway.name)\" cannot be on segment \"\(segment.name)\", the bridge \(device) of the host: it would "
                + "serve all who are there; let the host route, or leave host: out"
        )
        return false
    }

    private mutating func planDelegation(_ delegation: Delegation) {
        var words = [program, giving(delegation), "--ready-fd", "3"]
        words += [places.segment(delegation.segment), places.delegation(delegation.name)]
        if let user = delegation.user, owner == 0 { words += ["--uid", user] }
        if let group = delegation.group { words += ["--group", group] }
        for allow in delegation.filter.allow { words += ["--allow", allow] }
        if let send = delegation.filter.send { words += ["--send", send] }
        if let receive = delegation.filter.receive { words += ["--receive", receive] }
        add(
            .element,
            delegation.name,
            make: [["element-start", delegation.name, "ready"] + words],
            remove: [["element-stop", delegation.name]],
            needs: [place(on: delegation.segment).key],
            note: "delegation of \(delegation.segment)"
        )
    }

    /// Root gives away what he likes; anybody else keeps the process that serves, so that only he and groups of his can be
    /// given something.
    private mutating func giving(_ delegation: Delegation) -> String {
        guard owner != 0 else { return "delegate" }
        if let user = delegation.user, CurrentProcess.userID(named: user) != owner {
            problems.append(
                "delegation \"\(delegation.name)\" is for user \(user): only root's labs can give something to other users; "
                    + "give it to a group of yours, group: NAME"
            )
        }
        return "filter"
    }

    private func url(_ tunnel: TunnelElement) -> String {
        if tunnel.isPlain { return "umlswitch2://\(tunnel.peer ?? "")" }
        var url = "tunnel://\(tunnel.peer ?? "")/peer=\(tunnel.peerKey ?? "")"
        if let key = tunnel.key { url += "/key=\(places.path(key))" }
        if let listen = tunnel.listen { url += "/listen=\(listen)" }
        return url
    }

    /// A forward with an address for its guest's name.
    private mutating func resolve(_ forward: Forward, _ gateway: GatewayElement, _ networks: Networks) -> String? {
        guard case .guest(let name) = forward.target else { return forward.description }
        let network = networks.number(of: .segment(gateway.segment))
        var address: IPAddress?
        if let guest = lab.guest(name) {
            for interface in guest.interfaces where address == nil {
                guard let segment = segment(guest, interface), networks.number(of: .segment(segment.name)) == network
                else {
                    continue
                }
                // The gateway's forwards are IPv4's, and lead to its own network.
                address = interface.addresses.map(\.address).first { address in
                    if case .v4(let address) = address { gateway.network?.contains(address) == true } else { false }
                }
            }
        }
        guard let address else {
            problems.append(
                "gateway \"\(gateway.name)\" forwards to \"\(name)\", which has no IPv4 address of its own on segment "
                    + "\"\(gateway.segment)\"; give its interface one, or forward to an address"
            )
            return nil
        }
        var resolved = forward
        resolved.target = .address(address)
        return resolved.description
    }
}
