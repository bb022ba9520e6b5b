// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import Model
import Wire

extension Planner {
    // MARK: Segments

    mutating func planSegments() {
        for segment in lab.segments {
            if segment.kind == .bridge {
                planBridge(segment)
                continue
            }
            if let device = segment.host {
                problems.append(
                    "segment \"\(segment.name)\" is to be \"\(device)\" of the host, which only a bridge can be; say kind: bridge"
                )
            }
            var words = ["fabric", "segment-add", segment.name, "kind=\(segment.kind.rawValue)"]
            if let mtu = segment.mtu { words.append("mtu=\(mtu)") }
            if segment.spanningTree { words.append("spanning-tree") }
            words.append("listen=\(places.segment(segment.name))")
            let key = Resource.key(.segment, segment.name)
            add(
                .segment,
                segment.name,
                make: [words],
                remove: [["fabric", "segment-remove", segment.name]],
                note: segment.kind.rawValue
            )
            // What members may call themselves is bound to the address of each: see `planRules`.
            let rules = Self.words(segment.filter, mac: nil)
            if !rules.isEmpty {
                add(
                    .rules,
                    segment.name,
                    make: [["fabric", "filter", segment.name] + rules],
                    remove: [["fabric", "filter", segment.name]],
                    needs: [key]
                )
            }
            planUplinks(of: segment)
        }
    }

    private mutating func planBridge(_ segment: Segment) {
        var words = ["bridge-add", segment.name]
        if let mtu = segment.mtu { words.append("mtu=\(mtu)") }
        if let device = segment.host { words.append("host=\(device)") }
        add(
            .bridge,
            segment.name,
            make: [words],
            remove: [["bridge-remove", segment.name]],
            note: segment.host.map { "kernel bridge \($0) of the host" } ?? "kernel bridge"
        )
        for (isWanted, what) in [(!segment.filter.isEmpty, "rules for all"), (segment.spanningTree, "spanning tree")]
        where isWanted {
            problems.append(
                "segment \"\(segment.name)\" is the kernel's bridge, which has no \(what); say kind: switch"
            )
        }
        planUplinks(of: segment)
    }

    private mutating func planUplinks(of segment: Segment) {
        for (number, url) in segment.uplinks.enumerated() {
            planPort("uplink:\(segment.name):\(number)", url, on: segment.name, note: url)
        }
    }

    /// Which segment of the fabric has what is on a segment besides interfaces of guests, and what that is built on: itself, or,
    /// of a bridge, its companion.
    mutating func place(on segment: String) -> (name: String, key: String) {
        guard lab.segment(segment)?.kind == .bridge else { return (segment, segmentKey(segment)) }
        companions.insert(segment)
        return (BridgeCompanion.segment(of: segment), Resource.key(.companion, segment))
    }

    /// Companions of those bridges that need one.
    mutating func planCompanions() {
        for segment in lab.segments where companions.contains(segment.name) {
            add(
                .companion,
                segment.name,
                make: [["companion-add", segment.name, "listen=\(places.segment(segment.name))"]],
                remove: [["companion-remove", segment.name]],
                needs: [segmentKey(segment.name)],
                note: "tap to the fabric"
            )
        }
    }

    mutating func planPort(_ port: String, _ url: String, on segment: String, note: String) {
        let place = place(on: segment)
        add(
            .port,
            port,
            make: [["fabric", "port-add", port, "url", url], ["fabric", "plug", port, place.name]],
            remove: [["fabric", "port-remove", port]],
            needs: [place.key],
            note: note
        )
    }

    /// A cable between two segments; what it does to frames is set at the port where they come in.
    mutating func planPatches() {
        var numbers: [String: Int] = [:]
        for link in lab.links {
            guard case (.segment(let first), .segment(let second)) = (link.first, link.second) else { continue }
            let plain = "\(first)--\(second)"
            let number = numbers[plain, default: 0]
            numbers[plain] = number + 1
            let name = number == 0 ? plain : "\(plain)-\(number + 1)"
            // A cable that is not connected is none.
            guard link.isUp else { continue }
            let ends = [place(on: first), place(on: second)]
            add(
                .patch,
                name,
                make: [["fabric", "patch-add", name] + ends.map(\.name)],
                remove: [["fabric", "patch-remove", name]],
                needs: ends.map(\.key)
            )
            for (port, impairment) in [("\(name):b", link.forth), ("\(name):a", link.back)] where !impairment.isEmpty {
                addImpairment(port, inward: impairment, outward: Impairment(), needs: [Resource.key(.patch, name)])
            }
        }
    }

    // MARK: Interfaces

    /// The name of the hub that is the cable between two interfaces.
    static func cable(_ link: Link) -> String? {
        guard case (.interface(let guest, let name), .interface(let other, let second)) = (link.first, link.second)
        else { return nil }
        return "\(guest).\(name)-\(other).\(second)"
    }

    mutating func planPlugs() {
        for link in lab.links {
            if let cable = Self.cable(link) {
                add(
                    .segment,
                    cable,
                    make: [["fabric", "segment-add", cable, "kind=hub", "listen=\(places.segment(cable))"]],
                    remove: [["fabric", "segment-remove", cable]],
                    note: "cable"
                )
                plug(link.first, into: cable, link, inward: link.forth, outward: Impairment())
                plug(link.second, into: cable, link, inward: link.back, outward: Impairment())
            } else if case .segment(let segment) = link.second {
                plug(link.first, into: segment, link, inward: link.forth, outward: link.back)
            } else if case .segment(let segment) = link.first {
                plug(link.second, into: segment, link, inward: link.back, outward: link.forth)
            }
        }
        for guest in lab.guests {
            for interface in guest.interfaces { planRules(guest, interface) }
        }
    }

    private mutating func plug(
        _ end: LinkEnd,
        into segment: String,
        _ link: Link,
        inward: Impairment,
        outward: Impairment
    ) {
        guard case .interface(let guest, let name) = end else { return }
        let port = GuestPlan.port(guest: guest, interface: name)
        let own = lab.guest(guest)?.interface(name)?.impairment ?? Impairment()
        let (inward, outward) = (inward.over(own), outward.over(own))
        let isImpaired = !inward.isEmpty || !outward.isEmpty
        // One that the planner has made a pair is on its bridge already: see `InterfacePlan.bridge`.
        let isOnBridge = lab.segment(segment)?.kind == .bridge
        let isPair =
            isOnBridge && lab.guest(guest).map { self.isPair($0, $0.interface(name) ?? Interface(name: name)) } == true
        if !isPair {
            add(
                .plug,
                port,
                make: [["plug", port, segment]],
                remove: [["unplug", port]],
                needs: [segmentKey(segment)],
                note: "→ \(segment)"
            )
        }
        if !link.isUp {
            add(.carrier, port, make: [["carrier", port, "down"]], remove: [["carrier", port, "up"]], note: "down")
        }
        if isImpaired { addImpairment(port, inward: inward, outward: outward, needs: []) }
    }

    private mutating func planRules(_ guest: Guest, _ interface: Interface) {
        let segment = segment(guest, interface)
        var rules = interface.filter
        if rules.allow.isEmpty { rules.allow = segment?.filter.allow ?? [] }
        guard !rules.isEmpty else { return }
        let port = GuestPlan.port(guest: guest.name, interface: interface.name)
        add(
            .filter,
            port,
            make: [["fabric", "filter", port] + Self.words(rules, mac: macs[port])],
            remove: [["fabric", "filter", port]]
        )
    }

    /// - Parameter mac: whose the addresses are that it allows; nil: none are allowed by name.
    static func words(_ rules: FilterRules, mac: MACAddress?) -> [String] {
        let allowed = mac.map { mac in rules.allow.isEmpty ? [] : ["mac=\(mac)"] + rules.allow.map { "allow=\($0)" } }
        return (allowed ?? []) + (rules.send.map { ["send=\($0)"] } ?? [])
            + (rules.receive.map { ["receive=\($0)"] } ?? [])
    }

    private mutating func addImpairment(_ port: String, inward: Impairment, outward: Impairment, needs: [String]) {
        var make: [[String]] = []
        for (direction, impairment) in [("in", inward), ("out", outward)] {
            make.append(["fabric", "impair", port, direction, "replace"] + impairment.words)
        }
        add(.impairment, port, make: make, remove: [["fabric", "impair", port, "clear"]], needs: needs)
    }
}

extension Impairment {
    /// As the fabric takes it.
    var words: [String] { (preset.map { ["preset=\($0)"] } ?? []) + values.map { "\($0.key)=\($0.text)" } }

    /// This one, with what it does not say taken from another.
    func over(_ other: Impairment) -> Impairment {
        var result = other
        if let preset { result = Impairment(); result.preset = preset }
        for value in values {
            result.values.removeAll { $0.key == value.key }
            result.values.append(value)
        }
        return result
    }
}
