// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import Wire

@testable import Attach

@Suite("Name servers of router advertisements")
struct RouterOptionsTests {
    /// RFC 8106 section 5.1: type 25, three units of eight bytes, reserved, lifetime, one address.
    private func servers(_ last: UInt8, lifetime: [UInt8] = [0, 0, 1, 0], first: UInt8 = 0xfd) -> [UInt8] {
        [25, 3, 0, 0] + lifetime + [first, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]
    }

    @Test("addresses are collected, and go when their lifetime is said to be over")
    func collectsServers() {
        var options = RouterOptions()
        options.apply(servers(1) + servers(2) + servers(1))
        #expect(options.servers.map(\.description) == ["fd00::2", "fd00::1"])
        options.apply(servers(2, lifetime: [0, 0, 0, 0]))
        #expect(options.servers.map(\.description) == ["fd00::1"])
    }

    @Test("link-local, multicast and unspecified servers are passed over", arguments: [0xfe, 0xff])
    func passesOver(first: UInt8) {
        var options = RouterOptions()
        var bytes = servers(1, first: first)
        bytes[9] = 0x80
        options.apply(bytes)
        #expect(options.servers.isEmpty)
    }

    @Test("domains are read from their labels")
    func collectsDomains() {
        var options = RouterOptions()
        // RFC 8106 section 5.2: type 31, four units: "example.org", "a", padding.
        let names: [UInt8] = [7] + Array("example".utf8) + [3] + Array("org".utf8) + [0, 1, UInt8(ascii: "a"), 0]
        options.apply([31, 3, 0, 0, 0, 0, 1, 0] + names)
        #expect(options.domains == ["example.org", "a"])
    }

    @Test(
        "what is cut short or lies about its length is not read",
        arguments: [
            [], [25], [25, 0, 0, 0, 0, 0, 1, 0], [25, 9, 0, 0, 0, 0, 1, 0], [25, 1, 0, 0, 0, 0, 1, 0],
            [25, 2, 0, 0, 0, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8],
            [31, 2, 0, 0, 0, 0, 1, 0, 63, 65, 65, 65, 65, 65, 65, 65],
            [31, 2, 0, 0, 0, 0, 1, 0, 0xc0, 1, 0, 0, 0, 0, 0, 0], [31, 2, 0, 0, 0, 0, 1, 0, 3, 10, 10, 10, 0, 0, 0, 0],
        ]
    )
    func refuses(bytes: [UInt8]) {
        var options = RouterOptions()
        options.apply(bytes)
        #expect(options == RouterOptions())
    }

    @Test("a router cannot make the lists grow without end")
    func bounds() {
        var options = RouterOptions()
        for number in 0..<200 as Range<UInt8> { options.apply(servers(number)) }
        #expect(options.servers.count <= RouterOptions.limit)
    }
}
