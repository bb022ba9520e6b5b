// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import PacketFilter
import Testing

/// What a client gets: what is for it, and nothing by which it could listen to others.
@Suite("What a bound client receives")
struct ReceiveBindingTests {
    static let (alice, mallory) = (HostFrames.alice, HostFrames.mallory)

    static let cases: [(String, [UInt8])] = [
        ("arp", alice.arp(target: mallory.address)),
        ("arp", alice.arp(2, to: mallory.mac, target: mallory.address)),
        ("arp", alice.arp(2, to: mallory.mac, target: [0, 0, 0, 0])),
        ("other-arp", alice.arp(target: [10, 0, 0, 1])),
        ("other-arp", alice.arp(2, target: alice.address)),
        ("other-arp", alice.arp(target: [0, 0, 0, 0])),
        ("ipv4", alice.ipv4(6, [], to: mallory.address, toMAC: mallory.mac)),
        ("ipv4", alice.ipv4(2, [0x11], to: [224, 0, 0, 1], toMAC: [1, 0, 0x5e, 0, 0, 1])),
        ("other-mac", alice.ipv4(6, [], to: mallory.address, toMAC: [2, 0, 0, 0, 0, 9])),
        ("other-address", alice.ipv4(6, alice.udp(1, 2), to: [10, 0, 0, 1], toMAC: mallory.mac)),
        (
            "other-address",
            alice.ipv4(17, alice.udp(5353, 5353), to: [224, 0, 0, 251], toMAC: [1, 0, 0x5e, 0, 0, 251])
        ),
        (
            "other-address",
            alice.ipv4(17, alice.udp(68, 67, alice.dhcp()), to: [255, 255, 255, 255], toMAC: HostFrames.broadcast)
        ),
        (
            "other-address",
            alice.ipv4(17, alice.udp(67, 68, alice.dhcp(2)), to: [255, 255, 255, 255], toMAC: HostFrames.broadcast)
        ),
        (
            "dhcp",
            alice.ipv4(17, alice.udp(67, 68, mallory.dhcp(2)), to: [255, 255, 255, 255], toMAC: HostFrames.broadcast)
        ),
        ("ipv6", alice.ipv6(6, [], to: mallory.address6, toMAC: mallory.mac)),
        ("ipv6", alice.ipv6(6, [], to: mallory.linkLocal, toMAC: mallory.mac)),
        ("ipv6", alice.ipv6(58, alice.icmp6(134, []), to: HostFrames.allNodes, toMAC: [0x33, 0x33, 0, 0, 0, 1])),
        ("other-address", alice.ipv6(6, alice.udp(1, 2), to: alice.address6, toMAC: mallory.mac)),
        (
            "ipv6",
            alice.ipv6(
                58,
                alice.solicitation(mallory.address6),
                to: solicited(0x66),
                toMAC: [0x33, 0x33, 0xff, 0, 0, 0x66]
            )
        ),
        (
            "other-address",
            alice.ipv6(
                58,
                alice.solicitation(alice.address6),
                to: solicited(0x0a),
                toMAC: [0x33, 0x33, 0xff, 0, 0, 0x0a]
            )
        ),
        ("other-address", alice.ipv6(17, alice.udp(1, 2), to: solicited(0x66), toMAC: [0x33, 0x33, 0xff, 0, 0, 0x66])),
        ("vlan", alice.ethernet(0x8100, to: mallory.mac, [0, 5, 8, 0])),
        ("ethertype", alice.ethernet(0x88cc, to: [1, 0x80, 0xc2, 0, 0, 14], [1])),
        ("llc", alice.ethernet(38, to: [1, 0x80, 0xc2, 0, 0, 0], [0x42, 0x42, 3])),
    ]

    private static func solicited(_ suffix: UInt8) -> [UInt8] {
        [0xff, 2] + Array(repeating: 0, count: 9) + [1, 0xff, 0, 0, suffix]
    }

    @Test("what is for others does not arrive")
    func receive() throws {
        let binding = AddressBinding(
            addresses: try AllowedRange.list("10.0.0.66,fd00::66"),
            macs: [try AllowedMAC("52:54:00:00:00:66")]
        )
        let policy = try binding.receive()
        for (number, (expected, frame)) in Self.cases.enumerated() {
            #expect(policy.rule(for: frame).name == expected, "case \(number): \(frame)")
        }
    }

    @Test("groups that were asked for arrive")
    func groups() throws {
        var binding = AddressBinding(addresses: [try AllowedRange("10.0.0.66")])
        binding.groups = try AllowedRange.list("224.0.0.251,10.0.0.255")
        let policy = try binding.receive()
        for group: [UInt8] in [[224, 0, 0, 251], [10, 0, 0, 255], [224, 0, 0, 1]] {
            #expect(policy.accepts(Self.alice.ipv4(17, [], to: group)))
        }
        #expect(!policy.accepts(Self.alice.ipv4(17, Self.alice.udp(1, 2), to: [224, 0, 0, 252])))
    }

    @Test("addresses as users write them, and what is wrong with others")
    func texts() throws {
        #expect(try AllowedRange("10.0.0.5").description == "10.0.0.5")
        #expect(try AllowedRange("10.0.0.0/30").description == "10.0.0.0-10.0.0.3")
        #expect(try AllowedRange("fd00::/126").description == "fd00::-fd00::3")
        #expect(try AllowedRange("10.0.0.5-10.0.0.9").last == UInt128(0x0a00_0009))
        #expect(try AllowedRange("0.0.0.0/0").last == UInt128(UInt32.max))
        #expect(try AllowedRange("::/0").last == .max)
        for (text, hint) in [
            ("10.0.0.5/24", "10.0.0.0/24"), ("10.0.0.9-10.0.0.5", "first"), ("10.0.0.1-fd00::1", "kind"),
            ("bob", "fd00::/64"),
            ("10.0.0.0/33", "32"), ("", "no IP address"),
        ] {
            let error = #expect(throws: PolicyError.self) { try AllowedRange(text) }
            #expect(error.map { "\($0)".contains(hint) } == true, "\(text)")
        }
        #expect(try AllowedMAC("52:54:00:00:00:00/24").description == "52:54:00:00:00:00/24")
        for text in ["01:00:00:00:00:00", "52:54", "52:54:00:00:00:00/49", "52:54:00:00:00:00/0"] {
            #expect(throws: PolicyError.self) { try AllowedMAC(text) }
        }
    }
}
