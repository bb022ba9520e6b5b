// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LabFile
import Model
import Wire

/// Changes of what guests, gateways and segments have: addresses, routes, forwards, rules, layers.
extension LabChange {
    /// Guest and interface of `alice:eth0`.
    static func interface(_ text: String) throws(ControlError) -> (guest: String, name: String) {
        guard case .interface(let guest, let name)? = LinkEnd(text) else {
            throw .usage("\"\(text)\": wanted is GUEST:INTERFACE")
        }
        return (guest, name)
    }

    private func place(_ text: String, _ lab: Lab) throws(ControlError) -> (guest: Int, interface: Int) {
        let (guest, name) = try Self.interface(text)
        guard let index = lab.guests.firstIndex(where: { $0.name == guest }) else {
            throw .usage("there is no guest \"\(guest)\"")
        }
        guard let interface = lab.guests[index].interfaces.firstIndex(where: { $0.name == name }) else {
            throw .usage("guest \"\(guest)\" has no interface \"\(name)\"")
        }
        return (index, interface)
    }

    func changeAddress(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
        guard rest.count == 2 else { throw usage() }
        let (guest, interface) = try place(rest[0], lab)
        guard let address = InterfaceAddress(rest[1]) else {
            throw .usage("\"\(rest[1])\": wanted is an address with its network's prefix, 10.0.0.1/24")
        }
        var addresses = lab.guests[guest].interfaces[interface].addresses
        switch verb {
        case "add":
            guard !addresses.contains(address) else { throw .usage("\(rest[0]) has \(address)") }
            addresses.append(address)
        case "remove":
            guard addresses.contains(address) else { throw .usage("\(rest[0]) has no \(address)") }
            addresses.removeAll { $0 == address }
        default: throw usage()
        }
        lab.guests[guest].interfaces[interface].addresses = addresses
    }

    func changeRoute(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
        guard rest.count == 3 else { throw usage() }
        guard let index = lab.guests.firstIndex(where: { $0.name == rest[0] }) else {
            throw .usage("there is no guest \"\(rest[0])\"")
        }
        guard let router = IPAddress(rest[2]) else { throw .usage("\"\(rest[2])\": wanted is a router's address") }
        let destination = InterfaceAddress(rest[1])
        guard rest[1] == "default" || destination != nil else {
            throw .usage("\"\(rest[1])\": wanted is a network like 10.0.0.0/8, or default")
        }
        let route = Route(destination: destination, via: router)
        switch verb {
        case "add":
            guard !lab.guests[index].routes.contains(route) else { throw .usage("\(rest[0]) has this route") }
            lab.guests[index].routes.append(route)
        case "remove":
            guard lab.guests[index].routes.contains(route) else { throw .usage("\(rest[0]) has no such route") }
            lab.guests[index].routes.removeAll { $0 == route }
        default: throw usage()
        }
    }

    func changeForward(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
        guard let text = rest.last, rest.count <= 2, verb == "add" || verb == "remove" else { throw usage() }
        guard let forward = Forward(text) else {
            throw .usage("\"\(text)\": wanted is [udp:][HOSTADDRESS:]HOSTPORT:GUEST:PORT, as in 8080:alice:80")
        }
        var name = rest.count == 2 ? rest[0] : nil
        if name == nil {
            guard lab.gateways.count == 1 else {
                let names = lab.gateways.map(\.name).joined(separator: ", ")
                throw .usage(names.isEmpty ? "the lab has no gateway" : "by which gateway? there are \(names)")
            }
            name = lab.gateways[0].name
        }
        guard let index = lab.gateways.firstIndex(where: { $0.name == name }) else {
            throw .usage("there is no gateway \"\(name ?? "")\"")
        }
        if verb == "add" {
            lab.gateways[index].forwards.append(forward)
        } else {
            guard lab.gateways[index].forwards.contains(forward) else { throw .usage("\(text) is not forwarded") }
            lab.gateways[index].forwards.removeAll { $0 == forward }
        }
    }

    func changePolicy(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
        guard let target = rest.first, verb == "set" || verb == "clear" && rest.count == 1 else { throw usage() }
        var rules = FilterRules()
        if verb == "set" {
            guard rest.count > 1 else { throw usage() }
            let made = try read("segments", "  lan:" + Self.mapping(Array(rest.dropFirst()), indentation: 4))
            rules = made.segments.first?.filter ?? FilterRules()
        }
        if let index = lab.segments.firstIndex(where: { $0.name == target }) {
            lab.segments[index].filter = rules
        } else {
            let (guest, interface) = try place(target, lab)
            lab.guests[guest].interfaces[interface].filter = rules
        }
    }

    func changeOverlays(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
        guard let name = rest.first, let index = lab.guests.firstIndex(where: { $0.name == name }) else {
            throw rest.isEmpty ? usage() : .usage("there is no guest \"\(rest[0])\"")
        }
        switch (verb, rest.count) {
        case ("push", 2): lab.guests[index].overlays.insert(rest[1], at: 0)
        case ("pop", 1):
            guard !lab.guests[index].overlays.isEmpty else { throw .usage("guest \"\(name)\" has no overlays") }
            lab.guests[index].overlays.removeFirst()
        default: throw usage()
        }
    }
}
