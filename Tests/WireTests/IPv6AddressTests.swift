// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct IPv6AddressTests {
    /// Inputs of RFC 4291 section 2.2 and RFC 5952 sections 1 to 5, with the canonical form of the latter.
    @Test(arguments: [
        ("ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"),
        ("2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"),
        ("FF01:0:0:0:0:0:0:101", "ff01::101"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("0:0:0:0:0:0:0:0", "::"),
        ("::", "::"),
        ("::1", "::1"),
        ("1::", "1::"),
        ("2001:db8::0001", "2001:db8::1"),
        ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),  // one zero group is not shortened
        ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),  // the longest run
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),  // the first of equals
        ("0:0:0:0:0:FFFF:129.144.52.38", "::ffff:129.144.52.38"),
        ("::13.1.68.3", "::d01:4403"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        ("fe80::5054:ff:fe12:3456", "fe80::5054:ff:fe12:3456"),
    ])
    func readsAndPrintsCanonically(_ text: String, _ canonical: String) throws {
        let address = try #require(IPv6Address(text))
        #expect(address.description == canonical)
        #expect(IPv6Address(canonical) == address)
    }

    @Test(arguments: [
        "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8::",
        "1:2:3:4::5:6:7:8", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "12345::", "g::", "::1.2.3", "::1.2.3.4.5", "1.2.3.4",
        "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "fe80::1%eth0", "::1 ", "[::1]", "::01.2.3.4", "::00001",
    ])
    func refusesText(_ text: String) {
        #expect(IPv6Address(text) == nil)
    }

    @Test func everyAddressSurvivesPrintingAndReading() {
        var generator = SeededGenerator(seed: 6)
        for _ in 0..<2000 {
            // Many zero groups, so that every position of a run occurs.
            let mask = (0..<8).reduce(UInt64(0)) { mask, _ in mask << 16 | (generator.number(0...2) == 0 ? 0xffff : 0) }
            let address = IPv6Address(
                high: UInt64.random(in: 0...(.max), using: &generator) & mask,
                low: UInt64.random(in: 0...(.max), using: &generator) & UInt64.random(in: 0...(.max), using: &generator)
                    & ~mask
            )
            #expect(IPv6Address(address.description) == address)
        }
    }

    @Test func firstOctetOnTheWireIsMostSignificant() {
        let bytes = hex("20 01 0d b8 00 00 00 00  00 08 08 00 20 0c 41 7a")
        let address = IPv6Address(bytes.span, at: 0)
        #expect(address.description == "2001:db8::8:800:200c:417a")
        let stored = emitted(16) { span in
            address.store(to: &span, at: 0)
            return 16
        }
        #expect(stored == bytes)
    }

    @Test func knowsSpecialRanges() throws {
        let linkLocal = try #require(IPv6Address("fe80::1"))
        #expect(linkLocal.isLinkLocal && !linkLocal.isMulticast)
        let group = try #require(IPv6Address("ff02::1"))
        #expect(group.isMulticast && !group.isLinkLocal)
        #expect(IPv6Address.loopback.isLoopback && IPv6Address.unspecified.isUnspecified)
        let mapped = try #require(IPv6Address("::ffff:192.0.2.1"))
        #expect(mapped.mappedIPv4 == IPv4Address(192, 0, 2, 1))
        let high = try #require(IPv6Address("febf::1")), above = try #require(IPv6Address("fec0::1"))
        #expect(high.isLinkLocal && !above.isLinkLocal)
    }
}
