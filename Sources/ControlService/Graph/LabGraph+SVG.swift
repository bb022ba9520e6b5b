// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A drawing in three rows: guests, segments, and what leads out of the lab.
extension LabGraph {
    private static let width = 150
    private static let height = 64
    private static let gap = 30
    private static let rowGap = 110

    var svg: String {
        let rows: [[Node]] = [
            nodes.filter { $0.kind == .guest }, nodes.filter { $0.kind == .segment },
            nodes.filter { $0.kind != .guest && $0.kind != .segment },
        ].filter { !$0.isEmpty }
        let longest = rows.map(\.count).max() ?? 0
        let total = max(1, longest) * (Self.width + Self.gap) + Self.gap
        var places: [String: (x: Int, y: Int)] = [:]
        for (row, nodes) in rows.enumerated() {
            let share = total / max(1, nodes.count)
            for (index, node) in nodes.enumerated() {
                places[node.identifier] = (
                    index * share + share / 2, 60 + row * (Self.height + Self.rowGap) + Self.height / 2
                )
            }
        }
        let bottom = 60 + rows.count * (Self.height + Self.rowGap)
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(total) \(bottom)\" "
                + "font-family=\"sans-serif\" font-size=\"13\">",
            "<text x=\"\(Self.gap)\" y=\"30\" font-size=\"18\">\(Self.escaped(title))</text>",
        ]
        for (index, edge) in edges.enumerated() {
            guard let from = places[edge.from], let to = places[edge.to] else { continue }
            let dash = edge.isUp ? "" : " stroke-dasharray=\"5 5\""
            lines.append(
                "<line x1=\"\(from.x)\" y1=\"\(from.y)\" x2=\"\(to.x)\" y2=\"\(to.y)\" stroke=\"#64748b\"\(dash)/>"
            )
            // Labels of edges side by side would cover each other in the middle of them.
            let part = 35 + (index % 3) * 12
            let (x, y) = (from.x + (to.x - from.x) * part / 100, from.y + (to.y - from.y) * part / 100)
            lines.append(
                "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"middle\" font-size=\"11\" fill=\"#475569\" "
                    + "stroke=\"white\" stroke-width=\"3\" paint-order=\"stroke\">\(Self.escaped(edge.label))</text>"
            )
        }
        for node in nodes {
            guard let place = places[node.identifier] else { continue }
            lines += Self.box(node, place)
        }
        return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    private static func box(_ node: Node, _ place: (x: Int, y: Int)) -> [String] {
        let colour =
            switch node.kind {
            case .guest: node.isRunning ? "#dbeafe" : "#f1f5f9"
            case .segment: "#dcfce7"
            default: "#fef9c3"
            }
        let round = node.kind == .segment ? height / 2 : 6
        let dash = node.isRunning ? "" : " stroke-dasharray=\"4 3\""
        return [
            "<rect x=\"\(place.x - width / 2)\" y=\"\(place.y - height / 2)\" width=\"\(width)\" height=\"\(height)\" "
                + "rx=\"\(round)\" fill=\"\(colour)\" stroke=\"#334155\"\(dash)/>",
            "<text x=\"\(place.x)\" y=\"\(place.y - 6)\" text-anchor=\"middle\" font-weight=\"bold\">"
                + "\(escaped(node.name))</text>",
            "<text x=\"\(place.x)\" y=\"\(place.y + 14)\" text-anchor=\"middle\" font-size=\"11\">"
                + "\(escaped(node.notes.joined(separator: ", ")))</text>",
        ]
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
