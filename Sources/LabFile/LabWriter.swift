// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Model
import Wire

/// A lab as the text of a lab file, which `LabFile` reads to an equal lab. What has its usual value is left out.
public enum LabWriter {
    public static func text(_ lab: Lab) -> String {
        var writer = Writer()
        writer.line(0, "name: \(scalar(lab.name))")
        if !lab.templates.isEmpty { writer.line(0, "templates: \(list(lab.templates))") }
        writer.section("segments", lab.segments) { writer, segment in writer.segment(segment) }
        // A link to a segment without anything else stands at its interface.
        var short: [LinkEnd: String] = [:]
        var others: [Link] = []
        for link in lab.links {
            if case (.interface, .segment(let name)) = (link.first, link.second), link.isPlain,
                short[link.first] == nil
            {
                short[link.first] = name
            } else {
                others.append(link)
            }
        }
        writer.section("guests", lab.guests) { writer, guest in writer.guest(guest, short) }
        if !others.isEmpty {
            writer.line(0, "links:")
            for link in others { writer.link(link) }
        }
        writer.section("gateways", lab.gateways) { writer, gateway in writer.gateway(gateway) }
        writer.section("tunnels", lab.tunnels) { writer, tunnel in writer.tunnel(tunnel) }
        writer.section("delegations", lab.delegations) { writer, delegation in writer.delegation(delegation) }
        return writer.text
    }

    /// A text as YAML takes it for exactly this text: plain where nothing could be misread, else quoted.
    static func scalar(_ text: String) -> String {
        let isPlain =
            text.utf8.first.map { byte in (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2f }
            == true
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || "-_./".utf8.contains(byte)
            } && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(text.lowercased())
        return isPlain ? text : quoted(text)
    }

    /// A text between quotes. A plain "$" is written twice in the values of a lab file.
    public static func quoted(_ text: String) -> String { quotedAsItIs(text.replacing("$", with: "$$")) }

    /// A key, in which nothing stands for a variable.
    static func key(_ text: String) -> String { text.contains("$") ? quotedAsItIs(text) : scalar(text) }

    /// YAML's double-quoted form, which escapes as JSON does. What it takes for the end of a line or does not take at all is
    /// written by its number: YAML 1.1, section 5.1 and 5.4.
    private static func quotedAsItIs(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5c: result += "\\\(scalar)"
            case 0x20...0x7e, 0xa0...0x2027, 0x202a...0xd7ff, 0xe000...0xfefe, 0xff00...0xfffd, 0x10000...:
                result.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return result + "\""
    }

    static func list(_ texts: [String]) -> String { "[\(texts.map(scalar).joined(separator: ", "))]" }
}

extension Link {
    /// It says no more than its ends.
    fileprivate var isPlain: Bool { forth.isEmpty && back.isEmpty && isUp }
}

private struct Writer {
    var text = ""

    mutating func line(_ depth: Int, _ line: String) {
        text += String(repeating: "  ", count: depth) + line + "\n"
    }

    mutating func section<Element>(_ name: String, _ elements: [Element], _ body: (inout Writer, Element) -> Void) {
        guard !elements.isEmpty else { return }
        line(0, "\(name):")
        for element in elements { body(&self, element) }
    }

    private mutating func field(_ depth: Int, _ key: String, _ value: String?) {
        if let value { line(depth, "\(key): \(LabWriter.scalar(value))") }
    }

    private mutating func field(_ depth: Int, _ key: String, each values: [String]) {
        if !values.isEmpty { line(depth, "\(key): \(LabWriter.list(values))") }
    }

    private mutating func rules(_ depth: Int, _ rules: FilterRules) {
        field(depth, "allow", each: rules.allow)
        field(depth, "send", rules.send)
        field(depth, "receive", rules.receive)
    }

    private func impairment(_ impairment: Impairment) -> String {
        var parts = impairment.values.map { "\($0.key): \(LabWriter.scalar($0.text))" }
        if let preset = impairment.preset { parts.insert("preset: \(LabWriter.scalar(preset))", at: 0) }
        return "{\(parts.joined(separator: ", "))}"
    }

    mutating func segment(_ segment: Segment) {
        let start = text.endIndex
        line(1, "\(LabWriter.scalar(segment.name)):")
        let end = text.endIndex
        if segment.kind != .switch { field(2, "kind", segment.kind.rawValue) }
        if let mtu = segment.mtu { line(2, "mtu: \(mtu)") }
        field(2, "host", segment.host)
        if segment.spanningTree { line(2, "spanning-tree: true") }
        field(2, "uplinks", each: segment.uplinks)
        rules(2, segment.filter)
        if text.endIndex == end { text.replaceSubrange(start..., with: "  \(LabWriter.scalar(segment.name)): {}\n") }
    }

    mutating func guest(_ guest: Guest, _ short: [LinkEnd: String]) {
        line(1, "\(LabWriter.scalar(guest.name)):")
        line(2, "kind: \(guest.kind.rawValue)")
        if guest.master != "master" { field(2, "master", guest.master) }
        field(2, "overlays", each: guest.overlays)
        field(2, "kernel", guest.kernel)
        field(2, "initrd", guest.initialRAMDisk)
        field(2, "image", guest.image)
        field(2, "memory", guest.memory?.description)
        if guest.processors != 1 { line(2, "cpus: \(guest.processors)") }
        field(2, "arguments", each: guest.arguments)
        field(2, "command", each: guest.command)
        field(2, "hostname", guest.hostName)
        field(2, "user", guest.user)
        field(2, "dns", each: guest.nameServers.map(\.description))
        field(2, "routes", each: guest.routes.map { "\($0.destination?.description ?? "default") via \($0.via)" })
        if guest.restart != .never { field(2, "restart", guest.restart.rawValue) }
        field(2, "after", each: guest.after)
        if let ready = guest.ready { line(2, "ready: \(Self.check(ready))") }
        mapping(2, "environment", guest.environment)
        mapping(2, "labels", guest.labels)
        guard !guest.interfaces.isEmpty else { return }
        line(2, "interfaces:")
        for one in guest.interfaces {
            interface(one, segment: short[.interface(guest: guest.name, name: one.name)])
        }
    }

    private mutating func mapping(_ depth: Int, _ key: String, _ values: [String: String]) {
        guard !values.isEmpty else { return }
        line(depth, "\(key):")
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            line(depth + 1, "\(LabWriter.key(name)): \(LabWriter.scalar(value))")
        }
    }

    private static func check(_ check: ReadyCheck) -> String {
        let test =
            switch check.test {
            case .command(let words): "command: \(LabWriter.list(words))"
            case .console(let text): "console: \(LabWriter.scalar(text))"
            case .port(let port): "port: \(port)"
            }
        return "{\(test), interval: \(check.interval), timeout: \(check.timeout)}"
    }

    private mutating func interface(_ interface: Interface, segment: String?) {
        line(3, "\(LabWriter.scalar(interface.name)):")
        field(4, "segment", segment)
        let addresses =
            interface.addresses.map(\.description) + (interface.usesDHCP ? ["dhcp"] : [])
            + (interface.usesAutoconfiguration ? ["slaac"] : [])
        field(4, "address", each: addresses)
        field(4, "via", each: interface.via.map(\.description))
        field(4, "mac", interface.hardwareAddress?.description)
        if let mtu = interface.mtu { line(4, "mtu: \(mtu)") }
        rules(4, interface.filter)
        if !interface.impairment.isEmpty { line(4, "impair: \(impairment(interface.impairment))") }
    }

    mutating func link(_ link: Link) {
        if link.forth.isEmpty, link.back.isEmpty, link.isUp {
            line(1, "- \(LabWriter.scalar("\(link.first) -- \(link.second)"))")
            return
        }
        line(1, "- ends: \(LabWriter.list([link.first.description, link.second.description]))")
        if !link.forth.isEmpty { line(2, "forth: \(impairment(link.forth))") }
        if !link.back.isEmpty { line(2, "back: \(impairment(link.back))") }
        if !link.isUp { line(2, "up: false") }
    }

    mutating func gateway(_ gateway: GatewayElement) {
        line(1, "\(LabWriter.scalar(gateway.name)):")
        field(2, "segment", gateway.segment)
        field(2, "address", gateway.address?.description)
        if !gateway.servesDHCP { line(2, "dhcp: false") }
        field(2, "forward", each: gateway.forwards.map(\.description))
    }

    mutating func tunnel(_ tunnel: TunnelElement) {
        line(1, "\(LabWriter.scalar(tunnel.name)):")
        field(2, "segment", tunnel.segment)
        field(2, "peer", tunnel.peer)
        field(2, "listen", tunnel.listen)
        field(2, "peer-key", tunnel.peerKey)
        field(2, "key", tunnel.key)
        if tunnel.isPlain { line(2, "plain: true") }
    }

    mutating func delegation(_ delegation: Delegation) {
        line(1, "\(LabWriter.scalar(delegation.name)):")
        field(2, "segment", delegation.segment)
        field(2, "user", delegation.user)
        field(2, "group", delegation.group)
        rules(2, delegation.filter)
    }
}
