// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LabFile
import Model

/// A change of a lab's cables: `link VERB …`.
struct LinkChange {
    let verb: String
    let words: [String]

    init(_ verb: String, _ words: [String]) {
        self.verb = verb
        self.words = words
    }

    func apply(to lab: inout Lab) throws(ControlError) {
        switch verb {
        case "add": try add(&lab)
        case "remove": try remove(&lab)
        case "move": try move(&lab)
        case "up", "down":
            guard words.count == 1 else { throw usage() }
            let index = try index(of: try end(words[0]), lab)
            lab.links[index].isUp = verb == "up"
        case "impair": try impair(&lab)
        default: throw usage()
        }
    }

    private func usage() -> ControlError {
        let forms = LabChange.forms.filter { $0.hasPrefix("link \(verb)") || $0.contains("|\(verb)") }
        let known = forms.isEmpty ? LabChange.forms.filter { $0.hasPrefix("link ") } : forms
        return .usage("link \(verb): wanted is \(known.joined(separator: "; "))")
    }

    private func end(_ text: String) throws(ControlError) -> LinkEnd {
        guard let end = LinkEnd(text) else {
            throw .usage("\"\(text)\": wanted is GUEST:INTERFACE or a segment's name")
        }
        return end
    }

    /// The one link that an end has.
    private func index(of end: LinkEnd, _ lab: Lab) throws(ControlError) -> Int {
        let all = lab.links.indices.filter { lab.links[$0].first == end || lab.links[$0].second == end }
        guard let first = all.first else { throw .usage("\(end) is plugged into nothing") }
        guard all.count == 1 else {
            throw .usage("\(end) has \(all.count) cables; name the interface, or both ends")
        }
        return first
    }

    private func add(_ lab: inout Lab) throws(ControlError) {
        let ends = words.filter { !$0.contains("=") }
        guard ends.count == 2 else { throw usage() }
        var link = Link(try end(ends[0]), try end(ends[1]))
        for word in words where word.contains("=") {
            guard word == "up=no" || word == "up=yes" else { throw .usage("\"\(word)\": wanted is up=no") }
            link.isUp = word == "up=yes"
        }
        lab.links.append(link)
    }

    private func remove(_ lab: inout Lab) throws(ControlError) {
        let ends = try words.map { (word) throws(ControlError) in try end(word) }
        switch ends.count {
        case 1: lab.links.remove(at: try index(of: ends[0], lab))
        case 2:
            guard
                let index = lab.links.firstIndex(where: {
                    [$0.first, $0.second] == ends || [$0.second, $0.first] == ends
                })
            else { throw .usage("there is no link \(ends[0]) -- \(ends[1])") }
            lab.links.remove(at: index)
        default: throw usage()
        }
    }

    /// The interface keeps its cable, with what that does to frames; the cable's other end goes elsewhere.
    private func move(_ lab: inout Lab) throws(ControlError) {
        guard words.count == 2 else { throw usage() }
        let (moved, target) = (try end(words[0]), try end(words[1]))
        guard case .interface = moved else { throw .usage("link move: \(moved) is a segment; interfaces are moved") }
        guard let index = lab.links.firstIndex(where: { $0.first == moved || $0.second == moved }) else {
            lab.links.append(Link(moved, target))
            return
        }
        if lab.links[index].first == moved { lab.links[index].second = target } else { lab.links[index].first = target }
    }

    private func impair(_ lab: inout Lab) throws(ControlError) {
        guard let first = words.first, words.count > 1 else { throw usage() }
        let index = try index(of: try end(first), lab)
        if words.count == 2, words[1] == "clear" {
            (lab.links[index].forth, lab.links[index].back) = (Impairment(), Impairment())
            return
        }
        var directions: Set<String> = ["forth", "back"]
        var replaces = false
        var pairs: [String] = []
        for word in words.dropFirst() {
            switch word {
            case "forth", "back": directions = [word]
            case "both": directions = ["forth", "back"]
            case "replace": replaces = true
            default: pairs.append(word.contains("=") ? word : "preset=\(word)")
            }
        }
        guard !pairs.isEmpty || replaces else { throw usage() }
        let new = try Self.impairment(pairs)
        if directions.contains("forth") {
            lab.links[index].forth = replaces ? new : new.over(lab.links[index].forth)
        }
        if directions.contains("back") { lab.links[index].back = replaces ? new : new.over(lab.links[index].back) }
    }

    /// By the reader of lab files.
    private static func impairment(_ pairs: [String]) throws(ControlError) -> Impairment {
        var lines = ""
        for pair in pairs {
            let sign = pair.firstIndex(of: "=") ?? pair.startIndex
            let value = LabWriter.quoted(String(pair[pair.index(after: sign)...]))
            lines += "          \(pair[..<sign]): \(value)\n"
        }
        let text = "guests:\n  a:\n    interfaces:\n      b:\n        impair:\n\(lines)"
        do throws(LabFileError) {
            return try LabFile(text, labName: "lab").lab.guests[0].interfaces[0].impairment
        } catch {
            let problem = error.problems[0]
            throw .usage("link impair: \(problem.message)" + (problem.hint.map { "; \($0)" } ?? ""))
        }
    }
}
