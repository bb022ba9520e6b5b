// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Gateway
import PacketFilter
import TestSupport
import Testing

@testable import Runtime

@Suite("Requests to a fabric")
struct FabricRequestTests {
    private static func parse(_ line: String) throws(FabricError) -> FabricRequest {
        try FabricRequest(words: line.split(separator: " ").map(String.init))
    }

    @Test("are read as they are written")
    func reads() throws {
        #expect(try Self.parse("hello") == .hello)
        #expect(try Self.parse("state") == .state)
        #expect(try Self.parse("watch") == .watch)
        var settings = FabricSegmentSettings()
        #expect(try Self.parse("segment-add lan") == .segmentAdd("lan", settings))
        settings.kind = .hub
        settings.mtu = 9000
        settings.portCount = 2
        settings.usesSpanningTree = true
        settings.listen = "/tmp/lan"
        let words = "kind=hub mtu=9000 ports=2 spanning-tree listen=/tmp/lan"
        #expect(try Self.parse("segment-add lan \(words)") == .segmentAdd("lan", settings))
        var change = FabricSegmentSettings()
        change.usesSpanningTree = false
        #expect(try Self.parse("segment-set lan spanning-tree=off") == .segmentSet("lan", change))
        #expect(try Self.parse("segment-remove lan") == .segmentRemove("lan"))
        #expect(try Self.parse("port-add a:eth0 tap") == .portAdd("a:eth0", .tap))
        #expect(try Self.parse("port-add a:eth0 fd") == .portAdd("a:eth0", .descriptor))
        #expect(
            try Self.parse("port-add a:eth0 vhost /tmp/v/1 mtu=1400 keep")
                == .portAdd("a:eth0", .vhost(path: "/tmp/v/1", mtu: 1400, isKept: true))
        )
        #expect(try Self.parse("port-add up url udp://1->h:2") == .portAdd("up", .url("udp://1->h:2")))
        #expect(try Self.parse("port-remove up") == .portRemove("up"))
        #expect(try Self.parse("plug a lan") == .plug("a", segment: "lan", downFor: nil))
        #expect(try Self.parse("plug a lan down-for=1100") == .plug("a", segment: "lan", downFor: 1100))
        #expect(try Self.parse("unplug a") == .unplug("a"))
        #expect(try Self.parse("carrier a down") == .carrier("a", false))
        #expect(try Self.parse("carrier a up") == .carrier("a", true))
        #expect(try Self.parse("patch-add p a b") == .patchAdd("p", "a", "b"))
        #expect(try Self.parse("patch-remove p") == .patchRemove("p"))
        #expect(try Self.parse("gateway-remove g") == .gatewayRemove("g"))
    }

    @Test("about wires and rates name quantities and directions")
    func readsWires() throws {
        guard case .impair("a", let impairment) = try Self.parse("impair a in delay=20+5N loss=1") else {
            Issue.record("no impairment")
            return
        }
        #expect(impairment.directions == .inbound)
        var settings = ImpairmentSettings()
        settings.corrupt.value = 3
        let applied = impairment.applied(to: settings)
        #expect(applied.delay == ImpairmentValue(20, spread: 5, .normal))
        #expect(applied.loss.value == 1)
        #expect(applied.corrupt.value == 3)
        guard case .impair(_, let other) = try Self.parse("impair a out replace preset=satellite rate=8000") else {
            Issue.record("no impairment")
            return
        }
        #expect(other.directions == .outbound)
        let replaced = other.applied(to: settings)
        #expect(replaced.corrupt.value == 0)
        #expect(replaced.bandwidth.value == 1000)
        #expect(replaced.loss.value == 0.5)
        guard case .impair(_, let cleared) = try Self.parse("impair a clear") else {
            Issue.record("no impairment")
            return
        }
        #expect(cleared.applied(to: settings).isPerfect)
        #expect(
            try Self.parse("rate a out bits=1000000 frames=10")
                == .rate("a", .outbound, .init(bitsPerSecond: 1_000_000, framesPerSecond: 10))
        )
    }

    @Test("about filters take the keys of filters")
    func readsFilters() throws {
        var rules = FilterRules()
        #expect(try Self.parse("filter lan") == .filter("lan", rules))
        try rules.set(.allow, "10.0.0.1,10.0.0.2")
        try rules.set(.mac, "02:00:00:00:00:01")
        try rules.set(.send, "ip")
        #expect(
            try Self.parse("filter a allow=10.0.0.1 allow=10.0.0.2 mac=02:00:00:00:00:01 send=ip")
                == .filter("a", rules)
        )
    }

    @Test("about gateways have addresses and forwards")
    func readsGateways() throws {
        guard
            case .gatewayAdd("g", segment: "lan", let configuration) = try Self.parse(
                "gateway-add g lan address=10.1.0.9/16 dhcp=no dns=10.1.0.3 mtu=1400 forward=8080:10.1.0.5:80"
                    + " forward=udp:127.0.0.1:53:10.1.0.5:53"
            )
        else {
            Issue.record("no gateway")
            return
        }
        #expect("\(configuration.gatewayAddress)" == "10.1.0.9")
        #expect("\(configuration.dnsAddress)" == "10.1.0.3")
        #expect(!configuration.isDHCPEnabled)
        #expect(configuration.mtu == 1400)
        #expect(
            configuration.forwards.map(\.description) == [
                "tcp 8080 -> 10.1.0.5:80", "udp 127.0.0.1:53 -> 10.1.0.5:53",
            ]
        )
        guard case .forwardAdd("g", let forward) = try Self.parse("forward-add g tcp:1:10.1.0.5:2") else {
            Issue.record("no forward")
            return
        }
        #expect(forward.transport == .tcp)
        #expect(try Self.parse("forward-remove g 1:10.1.0.5:2") == .forwardRemove("g", forward))
    }

    @Test(
        "that are wrong are refused in one line that names what is wrong",
        arguments: [
            ("", "empty request"), ("nonsense", "nonsense: unknown"), ("hello you", "you: more words"),
            ("segment-add", "name is missing"), ("segment-add -", "not \"-\""), ("segment-add a=b", "\"=\""),
            ("segment-add a kind=bus", "kind=bus"), ("segment-add a mtu=12", "mtu=12: a number from 68"),
            ("segment-add a ports=1", "from 2"), ("segment-add a spanning-tree=maybe", "on or off"),
            ("segment-add a listen=", "listen=: not a word"), ("segment-add a colour=red", "colour=red: not a word"),
            ("port-add a", "tap, fd, vhost or url is missing"), ("port-add a veth", "veth: tap, fd"),
            ("port-add a tap now", "now: more words"), ("port-add a vhost", "a path is missing"),
            ("port-add a vhost /x mtu=0", "from 68"), ("port-add a vhost /x mtu", "mtu: not a word"),
            ("port-add a url", "a URL is missing"), ("port-add a url fd://3", "come with the request"),
            ("port-add a url stdio://3,4", "come with the request"), ("port-add a url -", "come with the request"),
            ("plug a", "segment's name is missing"), ("plug a b down-for=x", "down-for=x"),
            ("plug a b down-for=-1", "down-for=-1"), ("plug a b soon", "soon: not a word"),
            ("carrier a", "up or down is missing"), ("carrier a left", "up or down is wanted"),
            ("impair a", "KEY=VALUE"), ("impair a in", "KEY=VALUE"), ("impair a delay=much", "a number is wanted"),
            ("impair a taste=1", "taste=1: not a word"), ("impair a preset=dsl", "known are lan"),
            ("impair a sideways", "sideways: not a word"), ("rate a bits=-1", "bits=-1"),
            ("rate a speed=1", "speed=1: not a word"), ("rate a up", "up: not a word"),
            ("filter a allow", "allow: not a word"), ("filter a allow=10.0.0.1", "allow= goes with mac="),
            ("filter a allow=nobody mac=02:00:00:00:00:01", "filter a: "), ("filter a mac=zz", "filter a: "),
            ("filter a send=ip send=arp", "more than once"), ("filter a colour=red", "colour=red: unknown"),
            ("patch-add p a", "segment's name is missing"), ("gateway-add g", "segment's name is missing"),
            ("gateway-add g a address=10.0.0.1", "an address and a length"),
            ("gateway-add g a address=10.0.0.0/30", "an address and a length"),
            ("gateway-add g a address=1/2/3", "an address and a length"),
            ("gateway-add g a dns=here", "dns=here"), ("gateway-add g a dns=1.2.3.4", "1.2.3.4"),
            ("gateway-add g a dhcp=perhaps", "yes or no"), ("gateway-add g a mtu=5", "mtu=5"),
            ("gateway-add g a forward=80", "80"), ("gateway-add g a forward=80:1.2.3.4:80", "1.2.3.4"),
            ("gateway-add g a what", "what: not a word"), ("forward-add g", "a forward is missing"),
            ("forward-add g x:y:z", "\"x\""), ("forward-remove g 1:2:3:4:5", "no forward"),
        ]
    )
    func refuses(line: String, hint: String) throws {
        let error = #expect(throws: FabricError.self) { try Self.parse(line) }
        #expect(error?.status == 2)
        #expect(error?.message.contains(hint) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("\n") == false)
    }

    @Test("have names of a limited length and without blanks")
    func limitsNames() throws {
        for name in ["", String(repeating: "x", count: 129), "a b", "a\tb", "a\u{7f}"] {
            #expect(throws: FabricError.self) { try FabricRequest(words: ["unplug", name]) }
        }
        let longest = String(repeating: "x", count: 128)
        #expect(try FabricRequest(words: ["unplug", longest]) == .unplug(longest))
    }

    @Test("that make no sense are refused, whatever they are")
    func survivesNoise() {
        var generator = SeededGenerator(seed: 11)
        let words = [
            "segment-add", "segment-set", "port-add", "plug", "impair", "rate", "filter", "gateway-add", "forward-add",
            "carrier", "vhost", "url", "tap", "lan", "a:eth0", "mtu=9999999999999999999", "ports=-1", "delay=1e999+",
            "delay=+K", "allow=10.0.0.0/0", "mac=::/99", "ethertype=0x10000", "rule=send permit x ip", "default=", "=",
            "in",
            "address=255.255.255.255/0", "forward=65536:0.0.0.0:0", "down-for=18446744073709551616", "bits=1e9",
            "clear",
            "udp:1:2:3", "up", "preset=", "listen=", "spanning-tree=", "", "\u{301}=\u{301}",
        ]
        var taken = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...6, using: &generator)
            let line = (0..<count).map { _ in words.randomElement(using: &generator)! }
            do {
                _ = try FabricRequest(words: line)
                taken += 1
            } catch {
                #expect(error.status == 2 && !error.message.isEmpty)
            }
        }
        #expect(taken > 0)
    }

    @Test("have long answers, which come in pages of whole words")
    func paginates() {
        #expect(FabricServer.pages([]) == [["ok", "end"]])
        #expect(FabricServer.pages(["a", "b"]) == [["ok", "end", "a", "b"]])
        let words = (0..<10_000).map { "word=\($0)" }
        let pages = FabricServer.pages(words)
        #expect(pages.count > 1)
        #expect(pages.dropLast().allSatisfy { $0.starts(with: ["ok", "more"]) })
        #expect(pages.flatMap { $0.dropFirst(2) } == words)
    }
}
