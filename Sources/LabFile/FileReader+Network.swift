// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Model
import Wire
import Yams

extension FileReader {
    /// An interface of a guest. A segment that it names is a link.
    mutating func interface(_ entry: Entry, of guest: String, _ links: inout [Link]) -> Interface? {
        let what = "interface \"\(guest):\(entry.key)\""
        if let objection = LabName.objection(toInterface: entry.key) {
            report(entry.keyNode, "\(what): \(objection)")
            return nil
        }
        note("guests.\(guest).interfaces.\(entry.key)", entry.keyNode)
        var interface = Interface(name: entry.key)
        let fields = fields(entry.value, what, known: LabKeys.interface)
        if let node = fields["segment"], let segment = text(node, "segment of \(what)") {
            note("links.\(links.count)", node)
            links.append(Link(.interface(guest: guest, name: entry.key), .segment(segment)))
        }
        if let node = fields["address"] { addresses(node, what, &interface) }
        if let node = fields["via"] {
            interface.via = list(node, "via of \(what)").compactMap { address($0, "via of \(what)") }
        }
        if let node = fields["mac"] {
            interface.hardwareAddress = value(
                node,
                "mac of \(what)",
                wants: "an address of one station, 02:00:00:00:00:01"
            ) {
                text in MACAddress(text).flatMap { $0.isMulticast || $0.rawValue == 0 ? nil : $0 }
            }
        }
        if let node = fields["mtu"] { interface.mtu = number(node, "mtu of \(what)", 68...65_535) }
        interface.filter = filter(fields, what)
        if let node = fields["impair"] { interface.impairment = impairment(node, "impair of \(what)") }
        return interface
    }

    private mutating func addresses(_ node: Node, _ what: String, _ interface: inout Interface) {
        for node in list(node, "address of \(what)") {
            guard let text = text(node, "address of \(what)") else { continue }
            switch text {
            case "dhcp": interface.usesDHCP = true
            case "slaac": interface.usesAutoconfiguration = true
            default:
                guard let address = InterfaceAddress(text) else {
                    report(
                        node,
                        "address of \(what) \"\(text)\" is none",
                        hint: "wanted is an address with its network's prefix, 10.0.0.1/24, or dhcp, or slaac"
                    )
                    continue
                }
                note("guests.\(what).\(address.address)", node)
                interface.addresses.append(address)
            }
        }
    }

    /// The rules among a thing's fields.
    mutating func filter(_ fields: [String: Node], _ what: String) -> FilterRules {
        var rules = FilterRules()
        if let node = fields["allow"] {
            for node in list(node, "allow of \(what)") {
                let form = "an address or a network, 10.0.0.1 or 10.0.0.0/28"
                guard let text = value(node, "allow of \(what)", wants: form, Self.addressOrNetwork) else { continue }
                rules.allow.append(text)
            }
        }
        if let node = fields["send"] { rules.send = text(node, "send of \(what)") }
        if let node = fields["receive"] { rules.receive = text(node, "receive of \(what)") }
        return rules
    }

    private static func addressOrNetwork(_ text: String) -> String? {
        IPAddress(text) != nil || InterfaceAddress(text) != nil ? text : nil
    }

    mutating func segments(_ node: Node) -> [Segment] {
        var segments: [Segment] = []
        for entry in entries(node, "segments") {
            guard let name = name(entry, "segment") else { continue }
            let what = "segment \"\(name)\""
            note("segments.\(name)", entry.keyNode)
            var segment = Segment(name: name)
            let fields = fields(entry.value, what, known: LabKeys.segment)
            if let node = fields["kind"] { segment.kind = choice(node, "kind of \(what)", SegmentKind.self) ?? .switch }
            if let node = fields["mtu"] { segment.mtu = number(node, "mtu of \(what)", 68...65_535) }
            if let node = fields["host"], let device = text(node, "host of \(what)") {
                if let objection = LabName.objection(toInterface: device) {
                    report(node, "host of \(what) \"\(device)\": \(objection)")
                }
                segment.host = device
            }
            if let node = fields["spanning-tree"] {
                segment.spanningTree = flag(node, "spanning-tree of \(what)") ?? false
            }
            if let node = fields["uplinks"] { segment.uplinks = texts(node, "uplinks of \(what)") }
            segment.filter = filter(fields, what)
            segments.append(segment)
        }
        return segments
    }

    // MARK: Links

    /// `alice:eth0 -- bob:eth0`, or a mapping with `ends`.
    mutating func links(_ node: Node, _ lab: inout Lab) {
        for node in list(node, "links") {
            guard let link = link(node) else { continue }
            note("links.\(lab.links.count)", node)
            lab.links.append(link)
        }
    }

    private mutating func link(_ node: Node) -> Link? {
        guard case .mapping = node else {
            return value(node, "link", wants: "\"alice:eth0 -- bob:eth0\" or \"alice:eth0 -- lan\"") { text in
                Self.ends(text.replacing("--", with: " ").split(separator: " ").map(String.init))
            }
        }
        let fields = fields(node, "link", known: LabKeys.link)
        guard let endsNode = fields["ends"] else {
            report(node, "a link has no ends", hint: "write ends: [alice:eth0, bob:eth0]")
            return nil
        }
        guard var link = Self.ends(texts(endsNode, "ends of a link")) else {
            report(endsNode, "a link has two ends", hint: "wanted is GUEST:INTERFACE or a segment's name, twice")
            return nil
        }
        if let node = fields["impair"] {
            link.forth = impairment(node, "impair of a link")
            link.back = link.forth
        }
        if let node = fields["forth"] { link.forth = impairment(node, "forth of a link") }
        if let node = fields["back"] { link.back = impairment(node, "back of a link") }
        if let node = fields["up"] { link.isUp = flag(node, "up of a link") ?? true }
        return link
    }

    private static func ends(_ words: [String]) -> Link? {
        let ends = words.compactMap { LinkEnd($0) }
        return words.count == 2 && ends.count == 2 ? Link(ends[0], ends[1]) : nil
    }

    /// A preset's name, or quantities by name.
    mutating func impairment(_ node: Node, _ what: String) -> Impairment {
        var impairment = Impairment()
        let presets = ImpairmentPreset.allCases.map(\.rawValue)
        if case .scalar = node {
            let form = "one of \(presets.joined(separator: ", ")), or delay: 20 and such"
            impairment.preset = value(node, what, wants: form) { presets.contains($0) ? $0 : nil }
            return impairment
        }
        for entry in entries(node, what) {
            if entry.key == "preset" {
                let form = presets.joined(separator: ", ")
                impairment.preset = value(entry.value, "preset of \(what)", wants: form) {
                    presets.contains($0) ? $0 : nil
                }
                continue
            }
            guard let key = ImpairmentKey(name: entry.key) else {
                let known = ImpairmentKey.allCases.map(\.rawValue) + ["preset"]
                reportUnknown(entry, "key \"\(entry.key)\" of \(what)", known: known)
                continue
            }
            let form = "a number, perhaps with +SPREAD, K, M, G, ms or %, as in 20ms, 20+5N, 1%, 10M"
            if let value = value(entry.value, "\(entry.key) of \(what)", wants: form, { Self.quantity($0, key) }) {
                impairment.values.append(Impairment.Value(key: key.rawValue, text: value))
            }
        }
        return impairment
    }

    /// A quantity in `wire`'s words: people write units, which each key has anyway.
    private static func quantity(_ text: String, _ key: ImpairmentKey) -> String? {
        var number = text
        switch key {
        case .delay, .jitter:
            if let span = TimeSpan(text), text.last?.isLetter == true, !text.hasSuffix("N"), !text.hasSuffix("U") {
                number = String(Double(span.nanoseconds) / 1e6)
            }
        case .loss, .duplicate, .reorder, .corrupt: if number.hasSuffix("%") { number.removeLast() }
        default: break
        }
        guard number.first?.isNumber == true, ImpairmentValue(text: number) != nil else { return nil }
        return number
    }
}
