// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
import Wire

/// What no single value shows: names that lead nowhere, things that clash.
extension FileReader {
    func place(_ path: String) -> Place { places[path] ?? Place(line: 1, column: 1) }

    /// Checks the lab as a whole. Interfaces that only a link names are added to their guests.
    mutating func validate(_ lab: inout Lab) {
        addLinkedInterfaces(&lab)
        validateLinks(lab)
        validateOrder(lab)
        validateAddresses(lab)
        validateGuests(lab)
        validateElements(lab)
        validateForwards(lab)
        validateGateways(lab)
    }

    func nearest(_ name: String, _ known: [String]) -> String? {
        Suggestion.nearest(name, of: known).map { "did you mean \"\($0)\"?" }
    }

    /// A link may name an interface that its guest does not describe: it is plugged, and configured by the guest itself.
    private mutating func addLinkedInterfaces(_ lab: inout Lab) {
        for link in lab.links {
            for case .interface(let guest, let name) in [link.first, link.second] {
                guard let index = lab.guests.firstIndex(where: { $0.name == guest }),
                    lab.guests[index].interface(name) == nil
                else { continue }
                lab.guests[index].interfaces.append(Interface(name: name))
            }
        }
    }

    private mutating func validateLinks(_ lab: Lab) {
        var used: [LinkEnd: Int] = [:]
        for (index, link) in lab.links.enumerated() {
            let place = place("links.\(index)")
            if link.first == link.second {
                report(place, "a link from \(link.first) to itself", hint: "a link has two ends")
                continue
            }
            for end in [link.first, link.second] {
                switch end {
                case .segment(let name):
                    guard lab.segment(name) == nil else { continue }
                    let isGuest = lab.guest(name) != nil
                    report(
                        place,
                        "there is no segment \"\(name)\"",
                        hint: isGuest
                            ? "\"\(name)\" is a guest: write \(name):INTERFACE"
                            : nearest(name, lab.segments.map(\.name)) ?? "describe it under segments:"
                    )
                case .interface(let guest, _):
                    guard lab.guest(guest) != nil else {
                        let hint = nearest(guest, lab.guests.map(\.name)) ?? "describe it under guests:"
                        report(place, "there is no guest \"\(guest)\"", hint: hint)
                        continue
                    }
                    if let other = used[end] {
                        report(
                            place,
                            "\(end) is plugged in twice, first at \(self.place("links.\(other)"))",
                            hint: "an interface has one cable; a segment joins several"
                        )
                    }
                    used[end] = index
                }
            }
        }
    }

    private mutating func validateOrder(_ lab: Lab) {
        for guest in lab.guests {
            for name in guest.after where lab.guest(name) == nil {
                report(
                    place("guests.\(guest.name)"),
                    "guest \"\(guest.name)\" starts after \"\(name)\", which is no guest",
                    hint: nearest(name, lab.guests.map(\.name))
                )
            }
        }
        guard let circle = Self.circle(lab) else { return }
        report(
            place("guests.\(circle[0])"),
            "guests wait for each other: \((circle + [circle[0]]).joined(separator: " after "))",
            hint: "leave one \"after\" out"
        )
    }

    /// Guests that wait for each other in a circle.
    private static func circle(_ lab: Lab) -> [String]? {
        var settled: Set<String> = []
        func walk(_ name: String, _ path: [String]) -> [String]? {
            if let start = path.firstIndex(of: name) { return Array(path[start...]) }
            guard !settled.contains(name), let guest = lab.guest(name) else { return nil }
            for next in guest.after {
                if let circle = walk(next, path + [name]) { return circle }
            }
            settled.insert(name)
            return nil
        }
        for guest in lab.guests {
            if let circle = walk(guest.name, []) { return circle }
        }
        return nil
    }

    private mutating func validateAddresses(_ lab: Lab) {
        let networks = Networks(lab)
        var owners: [String: String] = [:]
        var stations: [String: String] = [:]
        func key(_ network: Int, _ address: some CustomStringConvertible) -> String { "\(network) \(address)" }
        for gateway in lab.gateways {
            guard let address = gateway.address, let network = networks.number(of: .segment(gateway.segment)) else {
                continue
            }
            owners[key(network, address.address)] = "gateway \"\(gateway.name)\""
        }
        for guest in lab.guests {
            for interface in guest.interfaces {
                let end = LinkEnd.interface(guest: guest.name, name: interface.name)
                let place = place("guests.\(guest.name).interfaces.\(interface.name)")
                guard let network = networks.number(of: end) else { continue }
                for address in interface.addresses {
                    if let other = owners.updateValue("\(end)", forKey: key(network, address.address)) {
                        report(place, "\(end) and \(other) both have \(address.address)", hint: "change one")
                    }
                }
                if let mac = interface.hardwareAddress,
                    let other = stations.updateValue("\(end)", forKey: key(network, mac))
                {
                    report(place, "\(end) and \(other) both have \(mac)", hint: "change one")
                }
            }
        }
    }

    /// What `run/` of a lab's directory has beside a directory for each guest.
    private static let reservedGuestNames = ["runtime", "delegated"]

    private mutating func validateGuests(_ lab: Lab) {
        for guest in lab.guests {
            let place = place("guests.\(guest.name)")
            if Self.reservedGuestNames.contains(guest.name) {
                report(
                    place,
                    "guest \"\(guest.name)\": run/\(guest.name) of a lab is something else",
                    hint: "give it another name"
                )
            }
            for (option, value) in [("kernel", guest.kernel), ("initrd", guest.initialRAMDisk), ("image", guest.image)]
            where value != nil && guest.kind == .process {
                report(
                    place,
                    "guest \"\(guest.name)\" is a process and has \(option)",
                    hint: "give kind: uml or kind: qemu, or leave it out"
                )
            }
            if guest.kind == .uml, guest.image != nil {
                report(
                    place,
                    "guest \"\(guest.name)\" is User Mode Linux and has image",
                    hint: "its root is a directory; images are for kind: qemu"
                )
            }
            let routers = guest.interfaces.flatMap(\.via)
            let addresses = guest.interfaces.flatMap(\.addresses)
            let isDynamic = guest.interfaces.contains { $0.usesDHCP || $0.usesAutoconfiguration }
            for router in routers + guest.routes.map(\.via) where !isDynamic && !addresses.isEmpty {
                guard !addresses.contains(where: { $0.contains(router) }) else { continue }
                report(
                    place,
                    "guest \"\(guest.name)\" cannot reach its router \(router): no interface is on its network",
                    hint: "its addresses are \(addresses.map(\.description).joined(separator: ", "))"
                )
            }
        }
    }
}
