// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
import Wire

/// What leads out of segments leads from somewhere, to somebody, and once.
extension FileReader {
    mutating func validateElements(_ lab: Lab) {
        let known = lab.segments.map(\.name)
        let elements =
            lab.gateways.map { ("gateways", "gateway", $0.name, $0.segment) }
            + lab.tunnels.map { ("tunnels", "tunnel", $0.name, $0.segment) }
            + lab.delegations.map { ("delegations", "delegation", $0.name, $0.segment) }
        for (section, what, name, segment) in elements where !known.contains(segment) {
            report(
                place("\(section).\(name)"),
                "\(what) \"\(name)\" is on segment \"\(segment)\", which is none",
                hint: nearest(segment, known) ?? "describe it under segments:"
            )
        }
        for name in Set(known).intersection(lab.guests.map(\.name)).sorted() {
            report(
                place("segments.\(name)"),
                "\"\(name)\" is a guest and a segment",
                hint: "links could mean either; rename one"
            )
        }
    }

    mutating func validateForwards(_ lab: Lab) {
        var taken: [String: String] = [:]
        let networks = Networks(lab)
        for gateway in lab.gateways {
            for (index, forward) in gateway.forwards.enumerated() {
                let place = place("gateways.\(gateway.name).forward.\(index)")
                let host = forward.hostAddress.map { "\($0):" } ?? ""
                let port = "\(forward.transport.rawValue) \(host)\(forward.hostPort)"
                if let other = taken.updateValue(gateway.name, forKey: port) {
                    let whose = other == gateway.name ? "" : ", by gateway \"\(other)\" too"
                    report(place, "\(port) is forwarded twice\(whose)", hint: "a port of the host leads to one guest")
                }
                guard case .guest(let name) = forward.target else { continue }
                guard let guest = lab.guest(name) else {
                    let hint = nearest(name, lab.guests.map(\.name))
                    report(place, "a forward leads to \"\(name)\", which is no guest", hint: hint)
                    continue
                }
                let network = networks.number(of: .segment(gateway.segment))
                let isThere = guest.interfaces.contains {
                    networks.number(of: .interface(guest: name, name: $0.name)) == network
                }
                if !isThere {
                    report(
                        place,
                        "a forward leads to \"\(name)\", which is not on segment \"\(gateway.segment)\"",
                        hint: "give an address, or link the guest to that segment"
                    )
                }
            }
        }
    }
}
