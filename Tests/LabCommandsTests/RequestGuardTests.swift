// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LabCommands

@Suite("Who may use the server")
struct RequestGuardTests {
    let rules = RequestGuard(token: Secret("0123456789abcdef"), names: ["teacher"])

    func refusal(
        _ authority: String? = "127.0.0.1:80",
        origin: String? = nil,
        authorization: String? = nil,
        query: String? = "0123456789abcdef"
    ) -> RequestGuard.Refusal? {
        rules.refusal(authority: authority, origin: origin, authorization: authorization, query: query)
    }

    @Test(
        "its own addresses",
        arguments: [
            "127.0.0.1:80", "127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:80", "[::1]", "192.0.2.7:80",
            "teacher:80",
            "Teacher",
        ]
    )
    func own(authority: String) { #expect(refusal(authority) == nil) }

    @Test(
        "addresses that a stranger may have made lead here",
        arguments: [
            "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::1", "[]", "[127.0.0.1]",
            "teacher.",
            "2130706433", "0x7f.1",
        ]
    )
    func foreign(authority: String) { #expect(refusal(authority) == .host) }

    @Test("no address at all") func none() { #expect(refusal(nil) == .host) }

    @Test("pages that may ask")
    func origins() {
        #expect(refusal(origin: "http://127.0.0.1:80") == nil)
        #expect(refusal("Localhost:80", origin: "http://localhost:80") == nil)
        for origin in [
            "null", "http://127.0.0.1:81", "http://localhost:80", "https://127.0.0.1:80", "http://evil.example", "",
        ] {
            #expect(refusal(origin: origin) == .origin, "\(origin)")
        }
    }

    @Test("the token")
    func token() {
        #expect(refusal(query: nil) == .noToken)
        #expect(refusal(query: "") == .wrongToken)
        #expect(refusal(query: "0123456789abcdeF") == .wrongToken)
        #expect(refusal(authorization: "Bearer 0123456789abcdef", query: nil) == nil)
        #expect(refusal(authorization: "bearer 0123456789abcdef", query: nil) == nil)
        for wrong in ["Bearer ", "Bearer 0123456789abcde", "Basic 0123456789abcdef", "0123456789abcdef", "Bearer"] {
            #expect(refusal(authorization: wrong) == .wrongToken, "\(wrong)")
        }
    }
}
