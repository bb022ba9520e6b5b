// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import PacketFilter
import Testing
import Wire

/// Rules as users write them.
@Suite("Filter rules")
struct FilterRulesTests {
    static let mallory = HostFrames.mallory

    @Test("what was set is printed so that it can be set again")
    func texts() throws {
        var rules = FilterRules()
        let values: [(FilterRules.Key, String)] = [
            (.allow, "10.0.0.5,fd00::-fd00::f"), (.mac, "52:54:00:00:00:00/24,02:00:00:00:00:01"),
            (.ethertype, "0x88b5"),
            (.multicast, "224.0.0.251"), (.sendNetwork, "10.0.0.0-10.0.0.255"), (.send, "not port 25"),
            (.default, "deny"),
        ]
        for (key, text) in values {
            try rules.set(key, text)
            #expect(rules.text(key) == text)
        }
        try rules.add(FilterRules.Rule("send deny  mail tcp dst port 25"))
        #expect(rules.lines.contains("rule send deny mail tcp dst port 25"))
        for (key, _) in values { try rules.set(key, "") }
        #expect(rules.remove("mail") && !rules.remove("mail"))
        #expect(rules == FilterRules())
        #expect(rules.lines.isEmpty)
    }

    @Test("what is wrong changes nothing, and is said")
    func wrong() throws {
        var rules = FilterRules()
        try rules.set(.ethertype, "0x88b5")
        for (key, text, hint) in [
            (FilterRules.Key.ethertype, "0x8100", "VLAN"), (.ethertype, "0x100", "0x0600"),
            (.ethertype, "0x88b5,x", "x"),
            (.mac, "01:00:00:00:00:00", "station"), (.default, "maybe", "permit or deny"),
            (.allow, "10.0.0.1,,", "no IP address"),
        ] {
            let before = rules
            let error = #expect(throws: PolicyError.self) { try rules.set(key, text) }
            #expect(error.map { "\($0)".contains(hint) } == true, "\(text)")
            #expect(rules == before)
        }
        for text in ["send deny x", "send maybe x ip", "both deny x ip", "send deny a@b ip", "send deny a\"b ip"] {
            #expect(throws: PolicyError.self, "\(text)") { try FilterRules.Rule(text) }
        }
    }

    @Test("all kinds of rules narrow what the others let pass, and their order is told by who denies")
    func kinds() throws {
        var rules = FilterRules()
        #expect(try rules.policy(.send, address: nil) == nil)
        let (mail, own, other) = (
            Self.mallory.ipv4(6, Self.mallory.udp(1000, 25)), Self.mallory.ipv4(6, Self.mallory.udp(1000, 80)),
            Self.mallory.ipv4(6, Self.mallory.udp(1000, 80), from: [10, 0, 0, 67])
        )
        func names() throws -> [String] {
            let policy = try #require(try rules.policy(.send, address: MACAddress("52:54:00:00:00:66")))
            return [mail, own, other].map { policy.rule(for: $0).name }
        }
        try rules.add(FilterRules.Rule("send deny mail dst port 25"))
        #expect(try names() == ["mail", "default", "default"])
        try rules.set(.sendNetwork, "10.0.0.64/30")
        #expect(try names() == ["mail", "default", "default"])
        try rules.set(.allow, "10.0.0.66")
        #expect(try names() == ["mail", "default", "ipv4-source"])
        try rules.set(.send, "port 25")
        #expect(try names() == ["mail", "not-send", "ipv4-source"])
        try rules.set(.default, "deny")
        #expect(try rules.policy(.receive, address: nil) != nil)
    }

    @Test("the interface's address binds a client for which none was stated")
    func interfaceAddress() throws {
        var rules = FilterRules()
        try rules.set(.allow, "10.0.0.66")
        #expect(rules.dependsOnAddress)
        let frame = Self.mallory.ipv4(6, Self.mallory.udp(1, 2))
        #expect(try rules.policy(.send, address: MACAddress("52:54:00:00:00:66"))?.accepts(frame) == true)
        #expect(try rules.policy(.send, address: MACAddress("52:54:00:00:00:67"))?.accepts(frame) == false)
        try rules.set(.mac, "52:54:00:00:00:66")
        #expect(!rules.dependsOnAddress)
    }

    @Test("networks as eth-filter's options bind ARP's contents too")
    func networks() throws {
        var rules = FilterRules()
        try rules.set(.sendNetwork, "10.0.0.64/30")
        try rules.set(.receiveNetwork, "10.0.0.64/30")
        let (alice, mallory) = (HostFrames.alice, Self.mallory)
        let send = try #require(try rules.policy(.send, address: nil))
        #expect(send.accepts(mallory.arp()) && send.accepts(mallory.ipv4(17, mallory.udp(67, 68))))
        #expect(!send.accepts(mallory.arp(sender: alice.address)) && !send.accepts(mallory.ipv6(6, [])))
        #expect(!send.accepts(mallory.ipv4(6, [], from: alice.address)))
        let receive = try #require(try rules.policy(.receive, address: nil))
        #expect(receive.accepts(alice.ipv4(6, alice.udp(1, 2), to: mallory.address)))
        #expect(!receive.accepts(mallory.ipv4(6, mallory.udp(1, 2), to: alice.address)))
        #expect(
            receive.accepts(alice.arp(target: mallory.address)) && !receive.accepts(mallory.arp(target: alice.address))
        )
    }
}
