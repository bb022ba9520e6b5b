// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import PacketFilter
import TestSupport
import Testing
import Wire

/// What a client may say of itself: all that mallory tries is denied by the rule made for it, and her own traffic passes.
@Suite("What a bound client may send")
struct SendBindingTests {
    static let (alice, mallory) = (HostFrames.alice, HostFrames.mallory)

    /// Mallory's address of each version, and the Ethernet address that she was given.
    private static func binding() throws -> AddressBinding {
        var binding = AddressBinding(
            addresses: try AllowedRange.list("10.0.0.66,fd00::66"),
            macs: [try AllowedMAC("52:54:00:00:00:66")]
        )
        binding.etherTypes = [0x88b5]
        return binding
    }

    private static func check(_ cases: [(String, [UInt8])], _ binding: AddressBinding) throws {
        let policy = try binding.send()
        #expect(policy.judgesSegmentsAlike)
        for (number, (expected, frame)) in cases.enumerated() {
            let rule = policy.rule(for: frame)
            #expect(rule.name == expected, "case \(number): \(frame)")
        }
    }

    static let own: [(String, [UInt8])] = [
        ("arp", mallory.arp()),
        ("arp", mallory.arp(2, to: alice.mac, targetMAC: alice.mac)),
        // An announcement, and a probe.
        ("arp", mallory.arp(2, target: mallory.address, targetMAC: HostFrames.broadcast)),
        ("arp", mallory.arp(sender: [0, 0, 0, 0], target: mallory.address)),
        ("ipv4", mallory.ipv4(6, mallory.udp(1000, 80))),
        ("ipv4", mallory.ipv4(17, mallory.udp(1000, 53))),
        ("ipv4", mallory.ipv4(17, mallory.udp(1000, 53), options: [0x94, 4, 0, 0])),
        ("ipv4", mallory.ipv4(1, [8, 0, 0, 0, 0, 0, 0, 1])),
        ("ipv4", mallory.ipv4(2, [0x22, 0, 0, 0], to: [224, 0, 0, 22], options: [0x94, 4, 0, 0])),
        ("ipv4", mallory.ipv4(17, mallory.udp(1000, 53), fragment: 0x2000)),
        ("ipv4", mallory.ipv4(17, [1, 2, 3, 4], fragment: 0x2001)),
        ("dhcp", mallory.ipv4(17, mallory.udp(68, 67, mallory.dhcp()), from: [0, 0, 0, 0], to: [255, 255, 255, 255])),
        ("dhcp", mallory.ipv4(17, mallory.udp(68, 67, mallory.dhcp(client: mallory.address)), to: [10, 0, 0, 1])),
        ("ipv6", mallory.ipv6(6, mallory.udp(1000, 80))),
        ("ipv6", mallory.ipv6(17, mallory.udp(1000, 53), from: mallory.linkLocal)),
        ("ipv6", mallory.ipv6(58, mallory.icmp6(128, [0, 0, 0, 1]))),
        ("ipv6", mallory.ipv6(58, mallory.solicitation(alice.address6, options: mallory.option(1)))),
        ("ipv6", mallory.ipv6(58, mallory.advertisement(mallory.address6, options: mallory.option(2)))),
        ("ipv6", mallory.ipv6(58, mallory.advertisement(mallory.linkLocal), from: mallory.linkLocal)),
        ("ipv6", mallory.ipv6(58, mallory.solicitation(mallory.address6), from: HostFrames.unspecified6)),
        // With a nonce, as Linux looks for duplicates.
        (
            "ipv6",
            mallory.ipv6(
                58,
                mallory.solicitation(mallory.linkLocal, options: [14, 1, 1, 2, 3, 4, 5, 6]),
                from: HostFrames.unspecified6
            )
        ),
        ("ipv6", mallory.ipv6(58, mallory.icmp6(133, [0, 0, 0, 0] + mallory.option(1)), from: mallory.linkLocal)),
        ("ipv6", mallory.ipv6(58, mallory.icmp6(133, [0, 0, 0, 0]), from: HostFrames.unspecified6)),
        (
            "ipv6",
            mallory.ipv6(
                0,
                [58, 0, 5, 2, 0, 0, 1, 0] + mallory.icmp6(143, [0, 0, 0, 0]),
                from: HostFrames.unspecified6,
                hops: 1
            )
        ),
        ("dhcp", mallory.ipv6(17, mallory.udp(546, 547), from: mallory.linkLocal)),
        // UDP in a first fragment, and what follows it.
        ("ipv6", mallory.ipv6(44, [17, 0, 0, 1, 0, 0, 0, 1] + mallory.udp(1000, 53))),
        ("ipv6", mallory.ipv6(44, [17, 0, 0, 9, 0, 0, 0, 1] + [1, 2, 3])),
        ("other", mallory.ethernet(0x88b5, [1, 2, 3])),
    ]

    @Test("her own traffic passes")
    func ownTraffic() throws { try Self.check(Self.own, Self.binding()) }

    @Test("her own traffic passes when any Ethernet address will do")
    func ownTrafficOfAnyMAC() throws {
        var binding = try Self.binding()
        binding.macs = []
        try Self.check(Self.own, binding)
        binding.macs = try [AllowedMAC("52:54:00:00:00:00/40"), AllowedMAC("02:00:00:00:00:01")]
        try Self.check(Self.own, binding)
    }

    /// What mallory does to be alice, a router or a server.
    static let forged: [(String, [UInt8])] = [
        ("source-mac", mallory.ethernet(0x0800, from: alice.mac, Array(alice.ipv4(6, alice.udp(1, 2)).dropFirst(14)))),
        ("source-mac", mallory.ethernet(0x88b5, from: alice.mac, [1])),
        ("source-mac", mallory.ethernet(0x88b5, from: [0x53, 0x54, 0, 0, 0, 0x66], [1])),
        ("arp-mac", mallory.arp(senderMAC: alice.mac)),
        ("arp-address", mallory.arp(sender: alice.address)),
        ("arp-address", mallory.arp(2, sender: alice.address)),
        ("arp-address", mallory.arp(2, sender: [0, 0, 0, 0])),
        ("arp-probe", mallory.arp(sender: [0, 0, 0, 0], target: alice.address)),
        ("arp-target", mallory.arp(2, to: alice.mac, targetMAC: [2, 0, 0, 0, 0, 9])),
        ("arp-form", mallory.arp(3)),
        ("arp-form", mallory.arp(0)),
        ("malformed", Array(mallory.arp().prefix(30))),
        ("ipv4-source", mallory.ipv4(6, mallory.udp(1, 2), from: alice.address)),
        ("ipv4-source", mallory.ipv4(6, mallory.udp(1, 2), from: [0, 0, 0, 0])),
        ("ipv4-source", mallory.ipv4(17, mallory.udp(68, 67, mallory.dhcp()), from: [0, 0, 0, 0], to: [10, 0, 0, 1])),
        (
            "ipv4-source",
            mallory.ipv4(
                17,
                mallory.udp(68, 67, mallory.dhcp()),
                from: [0, 0, 0, 0],
                to: [255, 255, 255, 255],
                fragment: 0x2000
            )
        ),
        ("ipv4-source", mallory.ipv4(17, [1, 2, 3], from: alice.address, fragment: 100)),
        ("ipv4-fragment", mallory.ipv4(17, [0, 1], fragment: 0x2000)),
        ("ipv4-fragment", mallory.ipv4(17, mallory.udp(68, 67, mallory.dhcp()), fragment: 0x2000)),
        ("dhcp-server", mallory.ipv4(17, mallory.udp(67, 68, mallory.dhcp(2)))),
        ("dhcp-server", mallory.ipv4(17, mallory.udp(1067, 68, mallory.dhcp(2)))),
        ("dhcp-server", mallory.ipv4(17, mallory.udp(67, 68, mallory.dhcp(2)), options: [1, 1, 1, 1])),
        ("dhcp-server", mallory.ipv4(17, mallory.udp(67, 68), fragment: 0x2000)),
        ("dhcp-client", mallory.ipv4(17, mallory.udp(68, 67, mallory.dhcp(mac: alice.mac)))),
        ("dhcp-client", mallory.ipv4(17, mallory.udp(68, 67, mallory.dhcp(client: alice.address)))),
        ("dhcp-client", mallory.ipv4(17, mallory.udp(68, 67, mallory.dhcp(relay: 1)))),
        ("dhcp-client", mallory.ipv4(17, mallory.udp(68, 67, mallory.dhcp(2)))),
        ("dhcp-client", mallory.ipv4(17, mallory.udp(1068, 67, mallory.dhcp()))),
        (
            "dhcp-client",
            mallory.ipv4(
                17,
                mallory.udp(68, 67, mallory.dhcp(mac: alice.mac)),
                from: [0, 0, 0, 0],
                to: [255, 255, 255, 255]
            )
        ),
        ("icmp-redirect", mallory.ipv4(1, [5, 1, 0, 0, 10, 0, 0, 66])),
        ("icmp-router", mallory.ipv4(1, [9, 0, 0, 0, 1, 2, 0, 60])),
        ("group-query", mallory.ipv4(2, [0x11, 100, 0, 0, 0, 0, 0, 0])),
        ("router-protocol", mallory.ipv4(112, [0x21, 1, 255, 1, 0, 0, 0, 0])),
        ("ipv4-form", mallory.ethernet(0x0800, [0x65] + Array(repeating: 0, count: 40))),
        ("ipv4-form", mallory.ethernet(0x0800, [0x44] + Array(repeating: 0, count: 40))),
        ("ipv6-source", mallory.ipv6(6, mallory.udp(1, 2), from: alice.address6)),
        ("ipv6-source", mallory.ipv6(6, mallory.udp(1, 2), from: alice.linkLocal)),
        ("ipv6-source", mallory.ipv6(6, mallory.udp(1, 2), from: HostFrames.unspecified6)),
        ("ipv6-source", mallory.ipv6(58, mallory.advertisement(alice.address6), from: alice.address6)),
        ("nd-target", mallory.ipv6(58, mallory.advertisement(alice.address6, options: mallory.option(2)))),
        ("nd-target", mallory.ipv6(58, mallory.solicitation(alice.address6), from: HostFrames.unspecified6)),
        ("nd-option", mallory.ipv6(58, mallory.advertisement(mallory.address6, options: mallory.option(2, alice.mac)))),
        ("nd-option", mallory.ipv6(58, mallory.solicitation(alice.address6, options: mallory.option(1, alice.mac)))),
        (
            "nd-option",
            mallory.ipv6(
                58,
                mallory.solicitation(alice.address6, options: mallory.option(1) + mallory.option(1, alice.mac))
            )
        ),
        (
            "nd-option",
            mallory.ipv6(
                58,
                mallory.solicitation(mallory.address6, options: mallory.option(1)),
                from: HostFrames.unspecified6
            )
        ),
        ("nd-hop-limit", mallory.ipv6(58, mallory.solicitation(alice.address6), hops: 254)),
        (
            "router-advertisement",
            mallory.ipv6(58, mallory.icmp6(134, Array(repeating: 0, count: 12)), from: mallory.linkLocal)
        ),
        ("nd-redirect", mallory.ipv6(58, mallory.icmp6(137, Array(repeating: 0, count: 36)), from: mallory.linkLocal)),
        ("group-query", mallory.ipv6(58, mallory.icmp6(130, Array(repeating: 0, count: 20)), from: mallory.linkLocal)),
        ("icmpv6-type", mallory.ipv6(58, mallory.icmp6(138, Array(repeating: 0, count: 20)))),
        // A router advertisement behind headers that hide it.
        (
            "ipv6-extension",
            mallory.ipv6(60, [58, 0, 1, 4, 0, 0, 0, 0] + mallory.icmp6(134, Array(repeating: 0, count: 12)))
        ),
        (
            "ipv6-extension",
            mallory.ipv6(0, [58, 0, 1, 4, 0, 0, 0, 0] + mallory.icmp6(134, Array(repeating: 0, count: 12)))
        ),
        (
            "ipv6-extension",
            mallory.ipv6(0, [58, 0, 5, 2, 0, 0, 1, 0] + mallory.icmp6(134, Array(repeating: 0, count: 12)))
        ),
        (
            "ipv6-extension",
            mallory.ipv6(43, [58, 0, 1, 4, 0, 0, 0, 0] + mallory.icmp6(134, Array(repeating: 0, count: 12)))
        ),
        (
            "ipv6-fragment",
            mallory.ipv6(44, [58, 0, 0, 1, 0, 0, 0, 1] + mallory.icmp6(134, Array(repeating: 0, count: 12)))
        ),
        ("ipv6-fragment", mallory.ipv6(44, [58, 0, 0, 0, 0, 0, 0, 1] + mallory.advertisement(alice.address6))),
        ("ipv6-extension", mallory.ipv6(44, [60, 0, 0, 1, 0, 0, 0, 1] + [58, 0, 1, 4, 0, 0, 0, 0, 134, 0, 0, 0])),
        ("ipv6-fragment", mallory.ipv6(44, [17, 0, 0, 1, 0, 0, 0, 1]) + mallory.udp(1, 2)),
        ("dhcpv6-server", mallory.ipv6(44, [17, 0, 0, 1, 0, 0, 0, 1] + mallory.udp(547, 546))),
        ("dhcpv6-server", mallory.ipv6(17, mallory.udp(547, 546))),
        ("dhcpv6-server", mallory.ipv6(17, mallory.udp(1547, 546))),
        ("dhcpv6-server", mallory.ipv6(17, mallory.udp(546, 547, [12] + Array(repeating: 0, count: 20)))),
        ("router-protocol", mallory.ipv6(89, [3, 1, 0, 44])),
        ("vlan", mallory.ethernet(0x8100, [0, 5, 8, 0] + Array(mallory.ipv4(6, mallory.udp(1, 2)).dropFirst(14)))),
        ("vlan", mallory.ethernet(0x88a8, [0, 5, 0x81, 0, 0, 6, 8, 0] + Array(mallory.arp().dropFirst(14)))),
        ("llc", mallory.ethernet(38, to: [1, 0x80, 0xc2, 0, 0, 0], [0x42, 0x42, 3] + Array(repeating: 0, count: 35))),
        ("ethertype", mallory.ethernet(0x8035, Array(mallory.arp().dropFirst(14)))),
        ("ethertype", mallory.ethernet(0x88cc, [2, 7, 4])),
        ("ethertype", mallory.ethernet(0x8847, [0, 0, 0, 0])),
    ]

    @Test("forged frames are denied, each by its rule")
    func forgedFrames() throws { try Self.check(Self.forged, Self.binding()) }

    @Test("no frame of hers that was cut anywhere passes as more than it is, and none traps")
    func cut() throws {
        let policy = try Self.binding().send()
        for (_, frame) in Self.forged {
            for count in 0..<frame.count {
                let cut = Array(frame.prefix(count))
                // A cut frame may be another, harmless one; it never becomes one that names alice as its sender.
                if policy.accepts(cut) {
                    #expect(!cut[..<min(cut.count, 34)].dropFirst(6).starts(with: Self.alice.mac))
                }
            }
        }
    }

    @Test("a client without IPv4 addresses sends no IPv4 and no ARP; one without IPv6 sends no IPv6")
    func oneVersion() throws {
        let only6 = AddressBinding(
            addresses: [try AllowedRange("fd00::66")],
            macs: [try AllowedMAC("52:54:00:00:00:66")]
        )
        let only4 = AddressBinding(
            addresses: [try AllowedRange("10.0.0.66")],
            macs: [try AllowedMAC("52:54:00:00:00:66")]
        )
        let mallory = Self.mallory
        #expect(try !only6.send().accepts(mallory.ipv4(6, mallory.udp(1, 2))))
        #expect(try !only6.send().accepts(mallory.arp()))
        #expect(try !only6.send().accepts(mallory.arp(sender: [0, 0, 0, 0], target: [0, 0, 0, 0])))
        #expect(try only6.send().accepts(mallory.ipv6(6, mallory.udp(1, 2))))
        #expect(try !only4.send().accepts(mallory.ipv6(6, mallory.udp(1, 2), from: mallory.linkLocal)))
        #expect(try !only4.receive().accepts(Self.alice.ipv6(6, [], to: mallory.linkLocal, toMAC: mallory.mac)))
    }

    @Test("ranges let pass exactly what is in them", arguments: [1, 2, 4, 5, 9, 40])
    func ranges(_ count: Int) throws {
        var random = SeededGenerator(seed: UInt64(count))
        var ranges: [AllowedRange] = []
        for _ in 0..<count {
            let first = UInt32(random.number(0...600))
            let last = first + UInt32(random.number(0...3) == 0 ? 0 : random.number(0...30))
            ranges.append(
                try AllowedRange(
                    "\(IPv4Address(rawValue: 0x0a00_0000 + first))-\(IPv4Address(rawValue: 0x0a00_0000 + last))"
                )
            )
        }
        let policy = try AddressBinding(addresses: ranges).send()
        for number in 0..<700 {
            let source: [UInt8] = [10, 0, UInt8(number >> 8), UInt8(number & 255)]
            let isIn = ranges.contains { ($0.first...$0.last).contains(UInt128(0x0a00_0000 + number)) }
            #expect(policy.accepts(Self.mallory.ipv4(6, [], from: source)) == isIn)
        }
    }

    @Test("IPv6 ranges, prefixes and single addresses let pass exactly what is in them")
    func ranges6() throws {
        let lists = [
            "fd00::/64", "fd00::5", "fd00::5-fd00::1:3", "fd00::ffff:ffff:0-fd01::2", "fd00::/7", "fd00:0:0:1::/63",
        ]
        for text in lists {
            guard let ranges = try? AllowedRange.list(text) else {
                #expect(text.hasSuffix("/63") || text.hasSuffix("/7"))
                continue
            }
            var random = SeededGenerator(seed: 5)
            var binding = AddressBinding(addresses: ranges + [try AllowedRange("fe80::1")])
            binding.groups = []
            let policy = try binding.send()
            for _ in 0..<3000 {
                let edge = [ranges[0].first, ranges[0].last].randomElement(using: &random)!
                let number =
                    edge &+ UInt128(random.number(0...4)) &- 2
                    &+ (random.number(0...2) == 0 ? UInt128(random.next()) << UInt128(random.number(0...100)) : 0)
                let bytes = (0..<16).map { UInt8(truncatingIfNeeded: number >> UInt128(8 * (15 - $0))) }
                if bytes == HostFrames.unspecified6 { continue }
                let isIn = (ranges[0].first...ranges[0].last).contains(number) || number == UInt128(0xfe80) << 112 + 1
                #expect(policy.accepts(Self.mallory.ipv6(6, [], from: bytes)) == isIn, "\(text): \(number)")
            }
        }
    }
}
