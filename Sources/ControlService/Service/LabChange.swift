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

    func usage() -> ControlError {
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
    func read(_ section: String, _ body: String) throws(ControlError) -> Lab {
        do throws(LabFileError) {
            // Only what these lines say is looked at, so that what they refer to need not be there.
            return try LabFile("\(section):\n\(body)", labName: "lab").lab
        } catch {
            let problem = error.problems.first
            throw .usage((problem?.message ?? "") + (problem?.hint.map { "; \($0)" } ?? ""))
        }
    }

    static func mapping(_ pairs: [String], indentation: Int) throws(ControlError) -> String {
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
                let list = values.map(LabWriter.quoted)
                return "\(margin)\(key): \(list.count == 1 ? list[0] : "[\(list.joined(separator: ", "))]")\n"
            }.joined()
    }

    private func changeSegment(_ verb: String, _ rest: [String], _ lab: inout Lab) throws(ControlError) {
        guard let name = rest.first else { throw usage() }
        let index = lab.segments.firstIndex { $0.name == name }
        switch verb {
        case "add":
            guard index == nil else { throw .usage("segment \"\(name)\" exists; change it with: segment set") }
            let body = try Self.mapping(Array(rest.dropFirst()), indentation: 4)
            let made = try read("segments", "  \(JSON.string(name)):" + body)
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
            if keys.contains("allow") { lab.segments[index].filter.allow = new.filter.allow }
            if keys.contains("send") { lab.segments[index].filter.send = new.filter.send }
            if keys.contains("receive") { lab.segments[index].filter.receive = new.filter.receive }
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
            guard let guest = try read("guests", "  \(JSON.string(name)):" + body).guests.first else { throw usage() }
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
}
