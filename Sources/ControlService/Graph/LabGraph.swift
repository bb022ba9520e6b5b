// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
public import Model
import Wire

/// A lab as nodes and edges, to be drawn.
public struct LabGraph: Sendable, Equatable {
    public enum Kind: String, Sendable { case guest, segment, gateway, tunnel, delegation }

    public struct Node: Sendable, Equatable {
        public let kind: Kind
        public let name: String
        /// More lines under the name.
        public let notes: [String]
        public let isRunning: Bool
        /// For languages that want plain names.
        let identifier: String
    }

    public struct Edge: Sendable, Equatable {
        public let from: String
        public let to: String
        public let label: String
        public let isUp: Bool
    }

    public private(set) var nodes: [Node] = []
    public private(set) var edges: [Edge] = []
    let title: String

    public static let formats = ["text", "mermaid", "dot", "svg"]

    /// A running lab.
    public init(_ session: LabSession) {
        self.init(session.intent.lab) { session.actual.guests[$0]?.state.rawValue ?? "stopped" }
    }

    /// - Parameter state: what state a guest is in.
    public init(_ lab: Lab, state: (String) -> String? = { _ in nil }) {
        title = lab.name
        for guest in lab.guests {
            let state = state(guest.name)
            let notes = [guest.kind.rawValue] + (state.map { [$0] } ?? [])
            add(.guest, guest.name, notes, isRunning: state == nil || state == "running")
        }
        for segment in lab.segments { add(.segment, segment.name, [segment.kind.rawValue]) }
        for gateway in lab.gateways {
            let forwards = gateway.forwards.map { "↦ \($0)" }
            add(.gateway, gateway.name, ["gateway"] + (gateway.address.map { ["\($0)"] } ?? []) + forwards)
            connect("gateway-\(gateway.name)", "segment-\(gateway.segment)", "")
        }
        for tunnel in lab.tunnels {
            add(.tunnel, tunnel.name, ["tunnel", tunnel.peer ?? "waits"])
            connect("tunnel-\(tunnel.name)", "segment-\(tunnel.segment)", "")
        }
        for delegation in lab.delegations {
            add(.delegation, delegation.name, ["delegation", delegation.user ?? delegation.group ?? ""])
            connect("delegation-\(delegation.name)", "segment-\(delegation.segment)", "")
        }
        for link in lab.links { connect(link, lab) }
    }

    private mutating func add(_ kind: Kind, _ name: String, _ notes: [String], isRunning: Bool = true) {
        nodes.append(
            Node(kind: kind, name: name, notes: notes, isRunning: isRunning, identifier: "\(kind.rawValue)-\(name)")
        )
    }

    private mutating func connect(_ from: String, _ to: String, _ label: String, isUp: Bool = true) {
        edges.append(Edge(from: from, to: to, label: label, isUp: isUp))
    }

    private mutating func connect(_ link: Link, _ lab: Lab) {
        var labels: [String] = []
        func node(_ end: LinkEnd) -> String {
            switch end {
            case .segment(let name): return "segment-\(name)"
            case .interface(let guest, let name):
                let addresses = lab.guest(guest)?.interface(name)?.addresses.map(\.description) ?? []
                labels.append(([name] + addresses).joined(separator: " "))
                return "guest-\(guest)"
            }
        }
        let (from, to) = (node(link.first), node(link.second))
        let impairments = [link.forth, link.back].filter { !$0.isEmpty }.flatMap(\.words)
        let what =
            labels.joined(separator: " – ") + (impairments.isEmpty ? "" : " (\(impairments.joined(separator: " ")))")
        connect(from, to, what, isUp: link.isUp)
    }

    func node(_ identifier: String) -> Node? { nodes.first { $0.identifier == identifier } }

    /// The graph in a form of `formats`.
    public func text(_ format: String) throws(ControlError) -> String {
        switch format {
        case "text": plain
        case "mermaid": mermaid
        case "dot": dot
        case "svg": svg
        default: throw .usage("\"\(format)\": wanted is \(Self.formats.joined(separator: ", "))")
        }
    }

    // MARK: Forms

    /// Each segment with what is on it; then cables between guests.
    private var plain: String {
        var lines: [String] = ["lab \(title)"]
        for segment in nodes where segment.kind == .segment {
            lines.append("")
            lines.append("\(segment.name) ═══ \(segment.notes.joined(separator: " "))")
            for edge in edges {
                let other = edge.from == segment.identifier ? edge.to : edge.to == segment.identifier ? edge.from : nil
                guard let other = other.flatMap({ node($0) }) else { continue }
                let label = edge.label.isEmpty ? other.notes.joined(separator: " ") : edge.label
                lines.append("  \(edge.isUp ? "├──" : "├╌╌") \(other.name)  \(label)\(edge.isUp ? "" : "  (down)")")
            }
        }
        let cables = edges.filter { node($0.from)?.kind == .guest && node($0.to)?.kind == .guest }
        if !cables.isEmpty { lines.append("") }
        for edge in cables {
            lines.append(
                "\(node(edge.from)?.name ?? "") \(edge.isUp ? "───" : "╌╌╌") \(node(edge.to)?.name ?? "")  \(edge.label)"
            )
        }
        let linked = Set(edges.flatMap { [$0.from, $0.to] })
        let alone = nodes.filter { $0.kind == .guest && !linked.contains($0.identifier) }
        if !alone.isEmpty { lines += ["", "unplugged: \(alone.map(\.name).joined(separator: ", "))"] }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func quoted(_ text: String) -> String {
        "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }

    /// https://mermaid.js.org/syntax/flowchart.html
    private var mermaid: String {
        var lines = ["graph TD"]
        // Dots and dashes mean something to it.
        func name(_ identifier: String) -> String {
            guard let index = nodes.firstIndex(where: { $0.identifier == identifier }) else { return "x" }
            return "n\(index)"
        }
        func text(_ text: String) -> String { "\"\(text.replacing("\"", with: "#quot;"))\"" }
        for node in nodes {
            let label = text(([node.name] + node.notes).joined(separator: "<br>"))
            let shape = node.kind == .segment ? "([\(label)])" : node.kind == .guest ? "[\(label)]" : "{{\(label)}}"
            lines.append("  \(name(node.identifier))\(shape)")
        }
        for edge in edges {
            let line = edge.isUp ? "---" : "-.-"
            let label = edge.label.isEmpty ? "" : "|\(text(edge.label))|"
            lines.append("  \(name(edge.from)) \(line)\(label) \(name(edge.to))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Graphviz, https://graphviz.org/doc/info/lang.html
    private var dot: String {
        var lines = ["graph \(Self.quoted(title)) {", "  node [fontname=\"sans-serif\"];"]
        for node in nodes {
            let shape = node.kind == .segment ? "ellipse" : node.kind == .guest ? "box" : "hexagon"
            let style = node.isRunning ? "solid" : "dashed"
            // Its own "\n" is a line's end.
            let label = ([node.name] + node.notes).map { Self.quoted($0).dropFirst().dropLast() }.joined(
                separator: "\\n"
            )
            lines.append("  \(Self.quoted(node.identifier)) [label=\"\(label)\" shape=\(shape) style=\(style)];")
        }
        for edge in edges {
            let style = edge.isUp ? "solid" : "dotted"
            lines.append(
                "  \(Self.quoted(edge.from)) -- \(Self.quoted(edge.to)) "
                    + "[label=\(Self.quoted(edge.label)) style=\(style)];"
            )
        }
        return (lines + ["}"]).joined(separator: "\n") + "\n"
    }
}
