// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ControlService
import Foundation
import Hummingbird
import Model
import Testing

@testable import ControlAPI

@Suite("The daemon's requests")
struct DocumentTests {
    private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Documentation/openapi.json")

    @Test("The document in the repository is the one that the daemon gives")
    func document() throws {
        let made = OpenAPIDocument.json(version: "0.1.0").indented + "\n"
        if ProcessInfo.processInfo.environment["ETHERLOOM_WRITE_OPENAPI"] == "1" {
            try made.write(to: Self.file, atomically: true, encoding: .utf8)
            return
        }
        let written = try String(contentsOf: Self.file, encoding: .utf8)
        #expect(written == made, "write it anew: ETHERLOOM_WRITE_OPENAPI=1 swift test --filter DocumentTests")
    }

    @Test("Each request of the table has a handler, and no two are the same")
    func routes() throws {
        let directory = "/nonexistent-\(UInt32.random(in: 0...UInt32.max))"
        let service = try ServiceThread(program: "/bin/false", userDirectory: directory)
        // Ends the process when a handler is missing.
        let router = APIRouter(service: service, version: "1").router()
        #expect(router.routes.count == APIRoute.all.count)
        #expect(Set(APIRoute.all.map { "\($0.method) \($0.path)" }).count == APIRoute.all.count)
        #expect(Set(APIRoute.all.map(\.name)).count == APIRoute.all.count)
    }

    @Test("Names in paths are decoded; what is no text is none")
    func decoding() {
        #expect("a%20b%C3%A4".removingPercentEncoding == "a bä")
        #expect("a%2".removingPercentEncoding == nil)
        #expect("%ff".removingPercentEncoding == nil)
    }

    @Test("What is not of its type, not known or missing is refused")
    func bodies() throws {
        let up = try #require(APIRoute.all.first { $0.name == "up" })
        let base: [(String, JSON)] = [("directory", "/d"), ("file", "x")]
        func check(_ more: (String, JSON)...) throws {
            try APIBody.check(.object((base + more).map { JSON.Member($0.0, $0.1) }), up)
        }
        try check(("guests", ["a"]), ("down-for", 0), ("environment", ["A": "b"]))
        for wrong: (String, JSON) in [
            ("guests", "a"), ("guests", [1]), ("down-for", "5"), ("down-for", -1), ("environment", ["A": 1]),
            ("guest", []),
            ("lab-name", .null),
        ] {
            let error = #expect(throws: ControlError.self) { try check(wrong) }
            #expect(error?.status == 2 && error?.message.contains(wrong.0) == true)
        }
        #expect(throws: ControlError.self) { try APIBody.check(["file": "x"], up) }
        let change = try #require(APIRoute.all.first { $0.name == "change" })
        for wrong: JSON in [["changes": []], ["changes": ["link up a:b"]], ["changes": [[]]], []] {
            #expect(throws: ControlError.self) { try APIBody.check(wrong, change) }
        }
    }
}
