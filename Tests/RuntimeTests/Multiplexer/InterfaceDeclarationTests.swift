// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import Wire

@testable import Runtime

@Suite("Declarations of interfaces")
struct InterfaceDeclarationTests {
    @Test("every word is understood")
    func words() throws {
        let plain = try InterfaceDeclaration("alice")
        #expect(plain == InterfaceDeclaration(name: "alice"))
        #expect(plain.mode == 0o660 && plain.owner == nil && plain.address == nil)
        var full = InterfaceDeclaration(name: "bob")
        full.owner = 0
        full.group = 7
        full.mode = 0o600
        full.address = MACAddress("52:54:01:02:03:04")
        #expect(try InterfaceDeclaration("bob,owner=root,group=7,mode=0600,mac=52:54:01:02:03:04") == full)
    }

    @Test(
        "what is wrong is said",
        arguments: [
            ("", "needs a name"), ("ctl", "socket of the switch"), ("a,owner=nobody-of-this-name", "no such user"),
            ("a,group=", "no such group"), ("a,mode=888", "octal"), ("a,mode=1777", "octal"),
            ("a,mac=x", "one station"),
            ("a,mac=ff:ff:ff:ff:ff:ff", "one station"), ("a,color=red", "unknown"), ("a,", "unknown"),
            ("a/b", "no blanks"),
        ]
    )
    func mistakes(text: String, words: String) {
        #expect {
            _ = try InterfaceDeclaration(text)
        } throws: {
            "\($0)".contains(words)
        }
    }

    @Test("permission bits count as the kernel counts those of a file")
    func permissions() {
        let mine = Interface.Permissions(owner: 1000, group: nil, mode: 0o600)
        #expect(mine.admit(1000) && mine.admit(0) && mine.admit(nil))
        #expect(!mine.admit(1001))
        #expect(Interface.Permissions(owner: 1000, mode: 0o606).admit(1001))
        #expect(!Interface.Permissions(owner: 1000, mode: 0o466).admit(1000))
    }
}
