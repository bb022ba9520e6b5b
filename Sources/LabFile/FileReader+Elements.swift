// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
import Wire
import Yams

extension FileReader {
    /// The segment that an element is on; reported when there is none.
    private mutating func segment(_ fields: [String: Node], _ entry: Entry, _ what: String) -> String? {
        guard let node = fields["segment"] else {
            report(entry.keyNode, "\(what) is on no segment", hint: "say segment: NAME")
            return nil
        }
        return text(node, "segment of \(what)")
    }

    /// An element's name, what messages call it, its values, and the segment that it is on.
    private mutating func element(
        _ entry: Entry,
        _ kind: String,
        known: [String]
    ) -> (name: String, what: String, fields: [String: Node], segment: String)? {
        guard let name = name(entry, kind) else { return nil }
        let what = "\(kind) \"\(name)\""
        note("\(kind)s.\(name)", entry.keyNode)
        let fields = fields(entry.value, what, known: known)
        guard let segment = segment(fields, entry, what) else { return nil }
        return (name, what, fields, segment)
    }

    mutating func gateways(_ node: Node) -> [GatewayElement] {
        var gateways: [GatewayElement] = []
        for entry in entries(node, "gateways") {
            guard let (name, what, fields, segment) = element(entry, "gateway", known: LabKeys.gateway) else {
                continue
            }
            var gateway = GatewayElement(name: name, segment: segment)
            if let node = fields["address"] {
                gateway.address = value(node, "address of \(what)", wants: "an address with its prefix, 10.0.2.2/24") {
                    InterfaceAddress($0)
                }
            }
            if let node = fields["dhcp"] { gateway.servesDHCP = flag(node, "dhcp of \(what)") ?? true }
            if let node = fields["forward"] {
                for node in list(node, "forward of \(what)") {
                    let form = "[udp:][HOSTADDRESS:]HOSTPORT:GUEST:PORT, as in 8080:alice:80"
                    guard let forward = value(node, "forward of \(what)", wants: form, { Forward($0) }) else {
                        continue
                    }
                    note("gateways.\(name).forward.\(gateway.forwards.count)", node)
                    gateway.forwards.append(forward)
                }
            }
            gateways.append(gateway)
        }
        return gateways
    }

    mutating func tunnels(_ node: Node) -> [TunnelElement] {
        var tunnels: [TunnelElement] = []
        for entry in entries(node, "tunnels") {
            guard let (name, what, fields, segment) = element(entry, "tunnel", known: LabKeys.tunnel) else { continue }
            var tunnel = TunnelElement(name: name, segment: segment)
            if let node = fields["peer"] { tunnel.peer = text(node, "peer of \(what)") }
            if let node = fields["listen"] { tunnel.listen = text(node, "listen of \(what)") }
            if let node = fields["peer-key"] { tunnel.peerKey = text(node, "peer-key of \(what)") }
            if let node = fields["key"] { tunnel.key = text(node, "key of \(what)") }
            if let node = fields["plain"] { tunnel.isPlain = flag(node, "plain of \(what)") ?? false }
            if tunnel.peer == nil, tunnel.listen == nil {
                report(entry.keyNode, "\(what) goes nowhere", hint: "give peer: HOST:PORT, or listen: PORT")
            }
            if tunnel.isPlain, tunnel.peer == nil || tunnel.listen != nil {
                report(
                    entry.keyNode,
                    "\(what) is plain, where both ends use the port of peer:",
                    hint: "give peer: HOST:PORT, and no listen:"
                )
            } else if tunnel.isPlain, tunnel.peerKey != nil || tunnel.key != nil {
                report(entry.keyNode, "\(what) is plain and has keys", hint: "the plain form knows none; leave one out")
            } else if !tunnel.isPlain, tunnel.peerKey == nil {
                report(
                    entry.keyNode,
                    "\(what) does not say whom it trusts",
                    hint: "give peer-key: the other side's \"etherloom key\" prints it; or plain: true"
                )
            }
            tunnels.append(tunnel)
        }
        return tunnels
    }

    mutating func delegations(_ node: Node) -> [Delegation] {
        var delegations: [Delegation] = []
        for entry in entries(node, "delegations") {
            guard let (name, what, fields, segment) = element(entry, "delegation", known: LabKeys.delegation) else {
                continue
            }
            var delegation = Delegation(name: name, segment: segment)
            if let node = fields["user"] { delegation.user = text(node, "user of \(what)") }
            if let node = fields["group"] { delegation.group = text(node, "group of \(what)") }
            if (delegation.user == nil) == (delegation.group == nil) {
                let whom = delegation.user == nil ? "nobody" : "a user and a group"
                report(entry.keyNode, "\(what) is for \(whom)", hint: "give user: NAME, or group: NAME")
            }
            delegation.filter = filter(fields, what)
            delegations.append(delegation)
        }
        return delegations
    }
}
