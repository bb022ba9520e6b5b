// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LabFile
public import Model
import Wire

/// A change of a lab, in the words of the command line: `link move alice:eth0 wan`. It edits what is wanted; the running lab
/// follows by the same comparison that `up` makes.
public struct LabChange: Sendable, Equatable {
    public let words: [String]

    public init(_ words: [String]) { self.words = words }

    /// All the changes that there are, for messages and documents.
    public static let forms = [
        "segment add NAME [KEY=VALUE]…", "segment set NAME KEY=VALUE…", "segment remove NAME",
        "link add END END [up=no]", "link remove END [END]", "link move GUEST:IF END", "link up|down END",
        "link impair END [forth|back|both] [replace] KEY=VALUE… | link impair END clear",
        "interface add GUEST:IF [KEY=VALUE]…", "interface remove GUEST:IF",
        "guest create NAME [KEY=VALUE]…", "guest delete NAME",
        "address add|remove GUEST:IF ADDRESS/PREFIX", "route add|remove GUEST DESTINATION|default ROUTER",
        "forward add|remove [GATEWAY] SPEC", "policy set GUEST:IF|SEGMENT [allow=…]… [send=…] [receive=…]",
        "policy clear GUEST:IF|SEGMENT", "overlay push GUEST DIRECTORY", "overlay pop GUEST",
        "template load NAME…", "template none",
    ]

    /// Edits the lab.
    public func apply(to lab: inout Lab) throws(ControlError) {
        guard words.count >= 2 else { throw usage() }
        let rest = Array(words.dropFirst(2))
        switch (words[0], words[1]) {
        case ("segment", _): try changeSegment(words[1], rest, &lab)
        case ("link", _): try LinkChange(words[1], rest).apply(to: &lab)
        case ("interface", _): try changeInterface(words[1], rest, &lab)
        case ("guest", _): try changeGuest(words[1], rest, &lab)
        case ("address", _): try changeAddress(words[1], rest, &lab)
        case ("route", _): try changeRoute(words[1], rest, &lab)
        case ("forward", _): try changeForward(words[1], rest, &lab)
        case ("policy", _): try changePolicy(words[1], rest, &lab)
        case ("overlay", _): try changeOverlays(words[1], rest, &lab)
        case ("template", "load") where !rest.isEmpty: lab.templates = rest
        case ("template", "none") where rest.isEmpty: lab.templates = []
        default: throw usage()
        }
    }

    private func usage() -> ControlError {
        let forms = Self.forms.filter { $0.hasPrefix((words.first ?? "") + " ") }
        let known = forms.isEmpty ? Self.forms : forms
        return .usage(
            "\"\(words.joined(separator: " "))\" is no change of a lab; there are: \(known.joined(separator: "; "))"
        )
    }

    /// Checks an edited lab as a whole, as if it had been read from a file. Interfaces that only a link names are added.
    static func validate(_ lab: inout Lab) throws(ControlError) {
        do throws(LabFileError) {
            lab = try LabFile(LabWriter.text(lab), labName: lab.name).lab
        } catch {
            let lines = error.problems.map { $0.message + ($0.hint.map { "; \($0)" } ?? "") }
            throw .usage(lines.joined(separator: "\n"))
        }
    }

    // MARK: By the words of a lab file

    /// Things of a lab from `KEY=VALUE` words, read by the reader of lab files: the same keys, checks and suggestions.
    private func read(_ section: String, _ body: String) throws(ControlError) -> Lab {
        do throws(LabFileError) {
            // Only what these lines say is looked at, so that what they refer to need not be there.
            return try LabFile("\(section):\n\(body)", labName: "lab").lab
        } catch {
            let problem = error.problems.first
            throw .usage((problem?.message ?? "") + (problem?.hint.map { "; \($0)" } ?? ""))
        }
    }

    private static func mapping(_ pairs: [String], indentation: Int) throws(ControlError) -> String {
        var values: [(key: String, values: [String])] = []
        for pair in pairs {
            guard let sign = pair.firstIndex(of: "=") else { throw .usage("\"\(pair)\": wanted is KEY=VALUE") }
            let (key, value) = (String(pair[..<sign]), String(pair[pair.index(after: sign)...]))
            if let index = values.firstIndex(where: { $0.key == key }) {
                values[index].values.append(value)
            } else {
                values.append((key, [value]))
            }
        }
        let margin = String(repeating: " ", count: indentation)
        if values.isEmpty { return " {}\n" }
        return "\n"
            + values.map { key, values in
                let list = values.map { JSON.string($0.replacing("$", with: "$$")).description }
                return "\(margin)\(key): \(list.count == 1 ? list[0] : "[\(list.joined(separator: ", "))]")\n"
            }.joined()
    }

    private func changeSegment(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
        guard let name = rest.first else { throw usage() }
        let index = lab.segments.firstIndex { $0.name == name }
        switch verb {
        case "add":
            guard index == nil else { throw .usage("segment \"\(name)\" exists; change it with: segment set") }
            let made = try read("segments", "  \(name):" + Self.mapping(Array(rest.dropFirst()), indentation: 4))
            guard let segment = made.segments.first else { throw usage() }
            lab.segments.append(segment)
        case "set":
            guard let index else { throw .usage("there is no segment \"\(name)\"") }
            let made = try read("segments", "  \(name):" + Self.mapping(Array(rest.dropFirst()), indentation: 4))
            guard let new = made.segments.first else { throw usage() }
            let keys = Set(rest.dropFirst().map { $0.prefix { $0 != "=" } })
            if keys.contains("kind") { lab.segments[index].kind = new.kind }
            if keys.contains("mtu") { lab.segments[index].mtu = new.mtu }
            if keys.contains("host") { lab.segments[index].host = new.host }
            if keys.contains("spanning-tree") { lab.segments[index].spanningTree = new.spanningTree }
            if keys.contains("uplinks") { lab.segments[index].uplinks = new.uplinks }
        case "remove":
            guard let index else { throw .usage("there is no segment \"\(name)\"") }
            lab.segments.remove(at: index)
            // Its members stay, unplugged.
            lab.links.removeAll { $0.first == .segment(name) || $0.second == .segment(name) }
        default: throw usage()
        }
    }

    private func changeInterface(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
        guard let end = rest.first else { throw usage() }
        let (guest, name) = try Self.interface(end)
        guard let index = lab.guests.firstIndex(where: { $0.name == guest }) else {
            throw .usage("there is no guest \"\(guest)\"")
        }
        switch verb {
        case "add":
            guard lab.guests[index].interface(name) == nil else { throw .usage("\(end) exists") }
            let pairs = rest.dropFirst()
            let segment = pairs.first { $0.hasPrefix("segment=") }?.dropFirst("segment=".count)
            let others = pairs.filter { !$0.hasPrefix("segment=") }
            let body = try Self.mapping(Array(others), indentation: 8)
            let made = try read("guests", "  \(guest):\n    interfaces:\n      \(JSON.string(name)):" + body)
            guard let interface = made.guests.first?.interfaces.first else { throw usage() }
            lab.guests[index].interfaces.append(interface)
            if let segment {
                lab.links.append(Link(.interface(guest: guest, name: name), .segment(String(segment))))
            }
        case "remove":
            guard lab.guests[index].interface(name) != nil else { throw .usage("there is no interface \(end)") }
            lab.guests[index].interfaces.removeAll { $0.name == name }
            let gone = LinkEnd.interface(guest: guest, name: name)
            lab.links.removeAll { $0.first == gone || $0.second == gone }
        default: throw usage()
        }
    }

    private func changeGuest(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
        guard let name = rest.first else { throw usage() }
        switch verb {
        case "create":
            guard lab.guest(name) == nil else { throw .usage("guest \"\(name)\" exists") }
            let body = try Self.mapping(Array(rest.dropFirst()), indentation: 4)
            guard let guest = try read("guests", "  \(name):" + body).guests.first else { throw usage() }
            lab.guests.append(guest)
        case "delete":
            guard lab.guest(name) != nil else { throw .usage("there is no guest \"\(name)\"") }
            lab.guests.removeAll { $0.name == name }
            lab.links.removeAll { link in
                [link.first, link.second].contains { if case .interface(name, _) = $0 { true } else { false } }
            }
            for index in lab.guests.indices { lab.guests[index].after.removeAll { $0 == name } }
            for index in lab.gateways.indices {
                lab.gateways[index].forwards.removeAll { $0.target == .guest(name) }
            }
        default: throw usage()
        }
    }

    // MARK: Values

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

    private func changeAddress(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
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

    private func changeRoute(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
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
        case "add": lab.guests[index].routes.append(route)
        case "remove":
            guard lab.guests[index].routes.contains(route) else { throw .usage("\(rest[0]) has no such route") }
            lab.guests[index].routes.removeAll { $0 == route }
        default: throw usage()
        }
    }

    private func changeForward(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
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

    private func changePolicy(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
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

    private func changeOverlays(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
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
