// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
import Yams

/// Takes the nodes of a YAML document apart and notes everything that is wrong, with its place.
///
/// A value that cannot be read is reported once and left out; reading goes on, so that one run shows all mistakes.
struct FileReader {
    let file: String
    let interpolation: Interpolation
    private(set) var problems: [Problem] = []
    /// Where things stand, by their path: `guests.alice.interfaces.eth0`.
    private(set) var places: [String: Place] = [:]

    init(file: String, interpolation: Interpolation) {
        self.file = file
        self.interpolation = interpolation
    }

    static func place(_ node: Node) -> Place {
        Place(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    mutating func note(_ path: String, _ node: Node) { places[path] = Self.place(node) }

    mutating func report(_ node: Node, _ message: String, hint: String? = nil) {
        report(Self.place(node), message, hint: hint)
    }

    mutating func report(_ place: Place, _ message: String, hint: String? = nil) {
        problems.append(Problem(file: file, place: place, message: message, hint: hint))
    }

    // MARK: Values

    /// A scalar's text, its variables replaced.
    mutating func text(_ node: Node, _ what: String) -> String? {
        guard case .scalar(let scalar) = node else {
            report(node, "\(what) is a single value", hint: "this is a \(Self.kind(node))")
            return nil
        }
        do throws(Interpolation.Failure) {
            return try interpolation.apply(scalar.string)
        } catch {
            report(node, error.message, hint: error.hint)
            return nil
        }
    }

    static func kind(_ node: Node) -> String {
        switch node {
        case .scalar: "single value"
        case .mapping: "mapping (key: value)"
        case .sequence: "list"
        case .alias: "alias"
        }
    }

    /// Nothing stands behind a key.
    static func isEmpty(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node else { return false }
        return scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
    }

    /// A value that `parse` makes of the text.
    mutating func value<Value>(
        _ node: Node,
        _ what: String,
        wants form: String,
        _ parse: (String) -> Value?
    ) -> Value? {
        guard let text = text(node, what) else { return nil }
        guard let value = parse(text) else {
            report(node, "\(what) \"\(text)\" is none", hint: "wanted is \(form)")
            return nil
        }
        return value
    }

    mutating func number(_ node: Node, _ what: String, _ range: ClosedRange<Int>) -> Int? {
        value(node, what, wants: "a number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    mutating func flag(_ node: Node, _ what: String) -> Bool? {
        value(node, what, wants: "true or false") { text in
            switch text.lowercased() {
            case "true", "yes", "on": true
            case "false", "no", "off": false
            default: nil
            }
        }
    }

    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ node: Node,
        _ what: String,
        _: Choice.Type
    ) -> Choice? {
        value(node, what, wants: Choice.allCases.map(\.rawValue).joined(separator: ", ")) { Choice(rawValue: $0) }
    }

    /// The nodes of a list; one value is a list of one.
    mutating func list(_ node: Node, _ what: String) -> [Node] {
        switch node {
        case .sequence(let sequence): return Array(sequence)
        case .scalar: return Self.isEmpty(node) ? [] : [node]
        case .mapping, .alias:
            report(node, "\(what) is a list or a single value", hint: "this is a \(Self.kind(node))")
            return []
        }
    }

    mutating func texts(_ node: Node, _ what: String) -> [String] {
        list(node, what).compactMap { text($0, what) }
    }

    /// The words of a command: a list, or a line for the shell.
    mutating func words(_ node: Node, _ what: String) -> [String] {
        if case .sequence = node { return texts(node, what) }
        guard !Self.isEmpty(node), let line = text(node, what) else { return [] }
        return ["/bin/sh", "-c", line]
    }

    // MARK: Mappings

    struct Entry {
        let key: String
        let keyNode: Node
        let value: Node
    }

    /// The entries of a mapping whose keys are names that the user gives. Nothing at all is an empty mapping.
    mutating func entries(_ node: Node, _ what: String) -> [Entry] {
        if Self.isEmpty(node) { return [] }
        guard case .mapping(let mapping) = node else {
            report(node, "\(what) is a mapping (key: value)", hint: "this is a \(Self.kind(node))")
            return []
        }
        var entries: [Entry] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else {
                report(key, "a key of \(what) is a single value")
                continue
            }
            entries.append(Entry(key: scalar.string, keyNode: key, value: value))
        }
        return entries
    }

    /// The values of a mapping whose keys are known; others are reported.
    mutating func fields(_ node: Node, _ what: String, known: [String]) -> [String: Node] {
        var fields: [String: Node] = [:]
        for entry in entries(node, what) {
            guard known.contains(entry.key) else {
                reportUnknown(entry, "key \"\(entry.key)\" of \(what)", known: known)
                continue
            }
            fields[entry.key] = entry.value
        }
        return fields
    }

    /// A key that is none of those that are known, with the nearest of them.
    mutating func reportUnknown(_ entry: Entry, _ what: String, known: [String]) {
        let nearest = Suggestion.nearest(entry.key, of: known)
        report(
            entry.keyNode,
            "unknown \(what)",
            hint: nearest.map { "did you mean \"\($0)\"?" } ?? "known are \(known.joined(separator: ", "))"
        )
    }

    /// A name that the user gives; nil when it cannot be one.
    mutating func name(_ entry: Entry, _ what: String) -> String? {
        if let objection = LabName.objection(to: entry.key) {
            report(entry.keyNode, "\(what) \"\(entry.key)\": \(objection)")
            return nil
        }
        return entry.key
    }
}
