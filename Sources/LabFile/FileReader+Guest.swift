// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
import Wire
import Yams

extension FileReader {
    /// What guests have when they do not say otherwise.
    struct Inheritance {
        var defaults: [String: Node] = [:]
        var kinds: [GuestKind: [String: Node]] = [:]
    }

    mutating func inheritance(defaults: Node?, kinds: Node?) -> Inheritance {
        var result = Inheritance()
        if let defaults { result.defaults = fields(defaults, "defaults", known: LabKeys.guestDefaults) }
        guard let kinds else { return result }
        for entry in entries(kinds, "kinds") {
            guard let kind = GuestKind(rawValue: entry.key) else {
                let known = GuestKind.allCases.map(\.rawValue)
                reportUnknown(entry, "kind \"\(entry.key)\"", known: known)
                continue
            }
            let known = LabKeys.guestDefaults.filter { $0 != "kind" }
            result.kinds[kind] = fields(entry.value, "kind \"\(entry.key)\"", known: known)
        }
        return result
    }

    /// A guest, with what it inherits; links that its interfaces name are added to `links`.
    mutating func guest(_ entry: Entry, _ inherited: Inheritance, _ links: inout [Link]) -> Guest? {
        guard let name = name(entry, "guest") else { return nil }
        let what = "guest \"\(name)\""
        note("guests.\(name)", entry.keyNode)
        let own = fields(entry.value, what, known: LabKeys.guest)
        var guest = Guest(name: name)
        if let node = own["kind"] ?? inherited.defaults["kind"] {
            guest.kind = choice(node, "kind of \(what)", GuestKind.self) ?? .process
        }
        apply(inherited.defaults, to: &guest, what)
        if let fields = inherited.kinds[guest.kind] { apply(fields, to: &guest, what) }
        apply(own, to: &guest, what)
        if let node = own["interfaces"] {
            for entry in entries(node, "interfaces of \(what)") {
                if let interface = interface(entry, of: name, &links) { guest.interfaces.append(interface) }
            }
        }
        return guest
    }

    private mutating func apply(_ fields: [String: Node], to guest: inout Guest, _ what: String) {
        if let node = fields["master"] { guest.master = text(node, "master of \(what)") ?? guest.master }
        if let node = fields["overlays"] { guest.overlays = texts(node, "overlays of \(what)") }
        if let node = fields["kernel"] { guest.kernel = text(node, "kernel of \(what)") }
        if let node = fields["initrd"] { guest.initialRAMDisk = text(node, "initrd of \(what)") }
        if let node = fields["image"] { guest.image = text(node, "image of \(what)") }
        if let node = fields["memory"] {
            guest.memory = value(node, "memory of \(what)", wants: "an amount like 64M or 1G") { text in
                ByteCount(text).flatMap { $0.bytes >= 1 << 20 ? $0 : nil }
            }
        }
        if let node = fields["cpus"] { guest.processors = number(node, "cpus of \(what)", 1...256) ?? 1 }
        if let node = fields["arguments"] { guest.arguments = texts(node, "arguments of \(what)") }
        if let node = fields["command"] { guest.command = words(node, "command of \(what)") }
        if let node = fields["hostname"] { guest.hostName = text(node, "hostname of \(what)") }
        if let node = fields["user"] { guest.user = text(node, "user of \(what)") }
        if let node = fields["restart"] {
            // YAML 1.1 reads a plain no as "false"; its text is what counts here.
            guest.restart = choice(node, "restart of \(what)", RestartPolicy.self) ?? .never
        }
        if let node = fields["after"] { guest.after = texts(node, "after of \(what)") }
        if let node = fields["dns"] {
            guest.nameServers = list(node, "dns of \(what)").compactMap { address($0, "name server of \(what)") }
        }
        if let node = fields["routes"] {
            guest.routes = list(node, "routes of \(what)").compactMap { route($0, what) }
        }
        if let node = fields["ready"] { guest.ready = ready(node, what) }
        for (key, path) in [("environment", \Guest.environment), ("labels", \Guest.labels)] {
            guard let node = fields[key] else { continue }
            for entry in entries(node, "\(key) of \(what)") {
                if entry.key.isEmpty || entry.key.contains("=") || entry.key.contains("\0") {
                    report(
                        entry.keyNode,
                        "\(key) of \(what): \"\(entry.key)\" is no name",
                        hint: "a name has no = in it"
                    )
                    continue
                }
                guest[keyPath: path][entry.key] = text(entry.value, "\(entry.key) of \(what)")
            }
        }
    }

    /// `{to: 10.0.0.0/8, via: 10.1.0.1}`, or `10.0.0.0/8 via 10.1.0.1`, `default via 10.1.0.1`.
    private mutating func route(_ node: Node, _ what: String) -> Route? {
        if case .mapping = node {
            let fields = fields(node, "route of \(what)", known: LabKeys.route)
            guard let via = fields["via"] else {
                report(node, "a route of \(what) has no via", hint: "write {to: 10.0.0.0/8, via: 10.1.0.1}")
                return nil
            }
            guard let router = address(via, "via of \(what)") else { return nil }
            guard let to = fields["to"] else { return Route(destination: nil, via: router) }
            return destination(to, what).map { Route(destination: $0.network, via: router) }
        }
        return value(node, "route of \(what)", wants: "\"10.0.0.0/8 via 10.1.0.1\" or \"default via 10.1.0.1\"") {
            text in
            let words = text.split(separator: " ")
            guard words.count == 3, words[1] == "via", let router = IPAddress(words[2]) else { return nil }
            if words[0] == "default" { return Route(destination: nil, via: router) }
            return InterfaceAddress(words[0]).map { Route(destination: $0, via: router) }
        }
    }

    private struct Destination {
        var network: InterfaceAddress?
    }

    private mutating func destination(_ node: Node, _ what: String) -> Destination? {
        value(node, "destination of \(what)", wants: "a network like 10.0.0.0/8, or default") { text in
            if text == "default" { return Destination(network: nil) }
            return InterfaceAddress(text).map { Destination(network: $0) }
        }
    }

    mutating func address(_ node: Node, _ what: String) -> IPAddress? {
        value(node, what, wants: "an address like 10.0.0.1 or 2001:db8::1") { IPAddress($0) }
    }

    private mutating func ready(_ node: Node, _ what: String) -> ReadyCheck? {
        let fields = fields(node, "ready of \(what)", known: LabKeys.ready)
        let tests = ["command", "console", "port"].filter { fields[$0] != nil }
        guard tests.count == 1 else {
            report(node, "ready of \(what) has \(tests.count) tests", hint: "give one of command, console, port")
            return nil
        }
        var test: ReadyCheck.Test?
        if let node = fields["command"] { test = .command(words(node, "command of ready of \(what)")) }
        if let node = fields["console"] { test = text(node, "console of ready of \(what)").map { .console($0) } }
        if let node = fields["port"] {
            test = number(node, "port of ready of \(what)", 1...65_535).map { .port(UInt16($0)) }
        }
        if case .command([])? = test {
            report(
                node,
                "ready of \(what) has a command without words",
                hint: "name a program, or give a line of a shell"
            )
        }
        guard var check = test.map({ ReadyCheck($0) }) else { return nil }
        if let node = fields["interval"] {
            check.interval = span(node, "interval of ready of \(what)") ?? check.interval
        }
        if let node = fields["timeout"] { check.timeout = span(node, "timeout of ready of \(what)") ?? check.timeout }
        return check
    }

    private mutating func span(_ node: Node, _ what: String) -> TimeSpan? {
        value(node, what, wants: "a time like 500ms, 2s or 1m") { text in
            TimeSpan(text).flatMap { $0.nanoseconds > 0 ? $0 : nil }
        }
    }
}
