// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LabFile
import Model
import Testing

/// The published schema says what the reader reads.
@Suite("JSON Schema of lab files")
struct SchemaTests {
    private static func schema() throws -> [String: Any] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let data = try Data(contentsOf: root.appendingPathComponent("Documentation/lab.schema.json"))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    private static func keys(_ value: Any?) -> [String] {
        ((value as? [String: Any])?["properties"] as? [String: Any])?.keys.sorted() ?? []
    }

    @Test("it has the keys that the reader knows, and no others")
    func sameKeys() throws {
        let schema = try Self.schema()
        #expect(Self.keys(schema) == LabKeys.lab.sorted())
        let definitions = try #require(schema["definitions"] as? [String: Any])
        for (name, known) in [
            ("guestDefaults", LabKeys.guestDefaults), ("guest", LabKeys.guest), ("interface", LabKeys.interface),
            ("segment", LabKeys.segment), ("link", LabKeys.link), ("gateway", LabKeys.gateway),
            ("tunnel", LabKeys.tunnel), ("delegation", LabKeys.delegation),
        ] {
            #expect(Self.keys(definitions[name]) == known.sorted(), "\(name)")
        }
        let guest = (definitions["guest"] as? [String: Any])?["properties"] as? [String: Any]
        #expect(Self.keys(guest?["ready"]) == LabKeys.ready.sorted())
    }

    @Test("choices are those of the reader")
    func choices() throws {
        let definitions = try #require(try Self.schema()["definitions"] as? [String: [String: Any]])
        func choices(_ definition: String, _ key: String) -> [String] {
            let properties = definitions[definition]?["properties"] as? [String: [String: Any]]
            return (properties?[key]?["enum"] as? [Any] ?? []).compactMap { $0 as? String }.sorted()
        }
        #expect(choices("guest", "kind") == GuestKind.allCases.map(\.rawValue).sorted())
        #expect(choices("guest", "restart") == RestartPolicy.allCases.map(\.rawValue).sorted())
        #expect(choices("segment", "kind") == SegmentKind.allCases.map(\.rawValue).sorted())
    }
}
