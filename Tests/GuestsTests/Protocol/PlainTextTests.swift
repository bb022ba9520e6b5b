// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Guests

@Suite("What a guest says, on a terminal")
struct PlainTextTests {
    @Test("has no control characters but ends of lines and tabulators")
    func plain() {
        #expect("a\u{1b}]0;x\u{7}b\u{7f}\u{9b}c\r".withoutControls == "a?]0;x?b??c?")
        #expect("two\nlines\tä☃".withoutControls == "two\nlines\tä☃")
        #expect(GuestError("no \u{1b}[2J", status: 2).words == ["error", "2", "no ?[2J"])
    }
}
