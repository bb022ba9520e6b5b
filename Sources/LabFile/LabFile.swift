// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Model
import Yams

/// A lab file that was read: the lab, and where in the file each part of it stands.
///
/// The format is YAML 1.1 as libyaml reads it, described in etherloom-lab.yaml(5) and, for editors, by a JSON Schema.
public struct LabFile: Sendable {
    public let lab: Lab
    /// Places by path: `guests.alice.interfaces.eth0`, `links.3`.
    public let places: [String: Place]

    /// Reads a lab file.
    ///
    /// - Parameters:
    ///   - text: the file.
    ///   - name: what messages call it.
    ///   - labName: the lab's name when the file gives none.
    ///   - environment: the value that `${NAME}` stands for, nil when the variable is not set.
    /// - Throws: everything that is wrong, at once.
    public init(
        _ text: String,
        name: String = "lab.yaml",
        labName: String,
        environment: @escaping (String) -> String? = { _ in nil }
    ) throws(LabFileError) {
        var reader = FileReader(file: name, interpolation: Interpolation(variable: environment))
        guard let root = try Self.compose(text, name: name) else {
            throw LabFileError(problems: [
                Problem(
                    file: name,
                    place: Place(line: 1, column: 1),
                    message: "the file is empty",
                    hint: "a lab has guests: and links: at least"
                )
            ])
        }
        var lab = reader.lab(root, name: labName)
        if reader.problems.isEmpty { reader.validate(&lab) }
        guard reader.problems.isEmpty else {
            throw LabFileError(problems: reader.problems.sorted { $0.place < $1.place })
        }
        self.lab = lab
        places = reader.places
    }

    /// The document's root, nil when there is nothing in it.
    private static func compose(_ text: String, name: String) throws(LabFileError) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch {
            throw LabFileError(problems: [problem(error, name: name)])
        }
    }

    /// A syntax error in our form.
    private static func problem(_ error: any Error, name: String) -> Problem {
        func at(_ mark: Mark?, _ message: String, hint: String? = nil) -> Problem {
            Problem(
                file: name,
                place: Place(line: mark?.line ?? 1, column: mark?.column ?? 1),
                message: message,
                hint: hint
            )
        }
        switch error as? YamlError {
        case .scanner(_, let message, let mark, _), .parser(_, let message, let mark, _),
            .composer(_, let message, let mark, _):
            return at(mark, "no YAML: \(message)")
        case .duplicatedKeysInMapping(let duplicates, let context):
            let keys = duplicates.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
            return at(context.mark, "twice in one mapping: \(keys)", hint: "keep one")
        case .reader(let message, _, _, _): return at(nil, "no text: \(message)", hint: "the file is UTF-8")
        default: return at(nil, "no YAML: \(error)")
        }
    }
}

extension FileReader {
    /// The lab that a document describes, as far as it can be read.
    mutating func lab(_ root: Node, name: String) -> Lab {
        let fields = fields(root, "the lab", known: LabKeys.lab)
        var lab = Lab(name: name)
        if let node = fields["name"] {
            lab.name =
                value(node, "the lab's name", wants: "letters, digits, - _ .") {
                    LabName.objection(to: $0) == nil ? $0 : nil
                } ?? name
        }
        if let node = fields["templates"] { lab.templates = texts(node, "templates") }
        if let node = fields["segments"] { lab.segments = segments(node) }
        let inherited = inheritance(defaults: fields["defaults"], kinds: fields["kinds"])
        if let node = fields["guests"] {
            for entry in entries(node, "guests") {
                guard let guest = guest(entry, inherited, &lab.links) else { continue }
                lab.guests.append(guest)
            }
        }
        if let node = fields["links"] { links(node, &lab) }
        if let node = fields["gateways"] { lab.gateways = gateways(node) }
        if let node = fields["tunnels"] { lab.tunnels = tunnels(node) }
        if let node = fields["delegations"] { lab.delegations = delegations(node) }
        return lab
    }
}
