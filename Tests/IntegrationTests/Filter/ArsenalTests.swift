// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

extension Integration {
    /// Three users on one multiplexer, each through a filter of his own; one of them wants to be another.
    @Suite("Filters")
    struct Filters {
        private static let forged = Array("FORGED".utf8)

        /// A multiplexer, and filters for the users.
        private struct Network {
            let host: HostNamespace
            let multiplexer: RunningSwitch
            let alice: RunningFilter
            let bob: RunningFilter
            let mallory: RunningFilter

            init(_ host: HostNamespace) throws {
                self.host = host
                let multiplexer = try host.startMultiplexer("lan")
                self.multiplexer = multiplexer
                func filter(_ user: NetworkUser) throws -> RunningFilter {
                    try host.startFilter(
                        user.name,
                        "\(multiplexer.directory)[\(user.name)]",
                        ["--owner", "\(user.userID)", "--allow", "\(user.address),\(user.address6)"]
                    )
                }
                alice = try filter(.alice)
                bob = try filter(.bob)
                mallory = try filter(.mallory)
            }
        }

        private static func arsenal(_ host: HostNamespace, _ victimAddress: String) throws -> [String] {
            let (own, victim) = (NetworkUser.mallory, NetworkUser.alice)
            return [
                "python3", "-u", try script("arsenal.py", host), "vd0", own.address, victim.address, own.address6,
                victim.address6, victimAddress,
            ]
        }

        private static func requireArsenal() throws {
            try require("python3", "scapy", "arping", "hping3", "nmap", "ping")
            if geteuid() != 0 { try skip("several users need root") }
        }

        @Test("forged frames reach everybody without a filter: what the next test shows can fail")
        func withoutFilters() throws {
            try Self.requireArsenal()
            try withHost { host in
                let multiplexer = try host.startMultiplexer("lan", ["--mode", "666", "--directory-mode", "755"])
                let alice = try host.startListener(of: .alice, multiplexer.directory + "[alice]")
                let mallory = try host.startStack(
                    of: .mallory,
                    multiplexer.directory + "[mallory]",
                    try Self.arsenal(host, "02:00:00:00:00:0a")
                )
                try mallory.waitForEnd()
                #expect(mallory.output.contains("sent 48"), "\(mallory.transcript)")
                try wait(for: "the forged frames at alice's") {
                    alice.heard.filter { $0.suffix(6).elementsEqual(Self.forged) }.count == 48
                }
                alice.closeInput()
                try alice.stop()
            }
        }

        @Test("nothing of mallory's arsenal gets through; every frame of it is in a counter")
        func arsenal() throws {
            try Self.requireArsenal()
            try withHost { host in
                let network = try Network(host)
                let alice = try host.startListener(of: .alice, network.alice.directory)
                let bob = try host.startListener(of: .bob, network.bob.directory)
                let interface = try network.alice.element.ask("interface/list")
                let mark = try #require(interface.range(of: " MAC "))
                let victim = String(interface[mark.upperBound...].prefix(17))

                // By hand, frame by frame.
                let mallory = try host.startStack(
                    of: .mallory,
                    network.mallory.directory,
                    try Self.arsenal(host, victim)
                )
                try mallory.waitForEnd()
                #expect(mallory.output.contains("sent 48"), "\(mallory.transcript)")
                let denied = try network.mallory.denied()
                let expected = [
                    "source-mac": 2, "arp-address": 3, "arp-mac": 1, "arp-probe": 1, "arp-target": 1, "ipv4-source": 4,
                    "icmp-redirect": 1, "icmp-router": 1, "router-protocol": 1, "group-query": 2, "dhcp-server": 4,
                    "ipv4-fragment": 1, "dhcp-client": 2, "ipv6-source": 2, "nd-target": 2, "nd-option": 2,
                    "nd-hop-limit": 1, "router-advertisement": 1, "nd-redirect": 1, "ipv6-extension": 3,
                    "ipv6-fragment": 3, "dhcpv6-server": 2, "vlan": 3, "llc": 1, "ethertype": 3,
                ]
                #expect(expected.values.reduce(0, +) == 48)
                for (rule, count) in expected {
                    #expect(denied["send \(rule)"] ?? 0 >= count, "\(rule): \(denied)")
                }

                // With the tools that others have made.
                let tools: [(String, String)] = [
                    ("arping -q -c 3 -w 1 -i vd0 -S 10.0.0.10 10.0.0.11", "arp-address"),
                    ("arping -q -c 3 -w 1 -i vd0 -s \(victim) -S 10.0.0.66 10.0.0.11", "source-mac"),
                    ("hping3 -q -c 3 -i u1000 -1 -a 10.0.0.10 10.0.0.11", "ipv4-source"),
                    ("hping3 -q -c 3 -i u1000 -2 -s 67 -k -p 68 10.0.0.11", "dhcp-server"),
                    (
                        "nmap --privileged -sS -n -Pn -p 22,80 -D 10.0.0.10 --max-retries 0 --host-timeout 2s 10.0.0.11",
                        "ipv4-source"
                    ),
                    (
                        "nmap --privileged -n -e vd0 --spoof-mac \(victim) -PR -sn --host-timeout 2s 10.0.0.11",
                        "source-mac"
                    ),
                ]
                for (tool, rule) in tools {
                    let before = try network.mallory.denied()["send \(rule)"] ?? 0
                    // hping3 has to know the way to whom it asks.
                    let stack = try host.startStack(
                        of: .mallory,
                        network.mallory.directory,
                        ["sh", "-c", "ping -c 1 -W 2 10.0.0.11 > /dev/null; timeout 6 \(tool); true"]
                    )
                    try stack.waitForEnd()
                    #expect(try network.mallory.denied()["send \(rule)"] ?? 0 > before, "\(tool): \(stack.transcript)")
                }

                // Nobody has heard any of it.
                for listener in [alice, bob] { #expect(!listener.hasHeard(Self.forged)) }
                let forgedByTools = bob.heard.filter {
                    $0.count > 34 && $0[12..<14].elementsEqual([8, 0]) && $0[26..<30].elementsEqual([10, 0, 0, 10])
                }
                #expect(forgedByTools.isEmpty)
                for listener in [alice, bob] {
                    listener.closeInput()
                    try listener.stop()
                }
            }
        }

        @Test("mallory hears nothing of others, gets at nobody's interface, and cannot widen her rules")
        func listening() throws {
            try Self.requireArsenal()
            try withHost { host in
                let network = try Network(host)
                let mallory = try host.startListener(of: .mallory, network.mallory.directory)
                let bob = try host.startListener(of: .bob, network.bob.directory)
                let alice = try host.startStack(
                    of: .alice,
                    network.alice.directory,
                    [
                        "sh", "-c",
                        "ping -c 5 -i 0.2 -W 2 10.0.0.11 && ping -c 5 -i 0.2 -W 2 fd00::b && ping -c 1 -W 2 10.0.0.66",
                    ]
                )
                try alice.waitForEnd()
                #expect(alice.end == .exited(0), "\(alice.transcript)")
                #expect(bob.heard.contains { $0.count > 34 && $0[26..<30].elementsEqual([10, 0, 0, 10]) })
                // Her own ping arrived, and nothing that was for bob.
                let toHer = mallory.heard.filter { $0.count > 34 && $0[12..<14].elementsEqual([8, 0]) }
                #expect(!toHer.isEmpty)
                #expect(toHer.allSatisfy { $0[30..<34].elementsEqual([10, 0, 0, 66]) })
                let own6 = mallory.heard.filter { $0.count > 54 && $0[12..<14].elementsEqual([0x86, 0xdd]) }
                #expect(
                    own6.allSatisfy { !$0[38..<54].elementsEqual([0xfd] + Array(repeating: 0, count: 14) + [0x0b]) }
                )
                let requests = mallory.heard.filter { $0.count >= 42 && $0[12..<14].elementsEqual([8, 6]) }
                #expect(requests.allSatisfy { $0[38..<42].elementsEqual([10, 0, 0, 66]) })
                let denied = try network.mallory.denied()
                #expect(denied["receive other-address"] ?? 0 > 0 && denied["receive other-arp"] ?? 0 > 0, "\(denied)")

                // Others' directories, the multiplexer's, her own filter's console.
                for place in [network.alice.directory, network.multiplexer.directory + "[alice]"] {
                    let attempt = try host.run(
                        NetworkUser.mallory.entry + [host.etherloom, "run", "--net", place, "--", "true"]
                    )
                    #expect(
                        attempt.end != .exited(0) && attempt.errorOutput.contains("ermission denied"),
                        "\(attempt.transcript)"
                    )
                }
                let widening = try host.run(
                    NetworkUser.mallory.entry + [
                        host.etherloom, "term", network.mallory.element.console, "filter/set allow",
                    ]
                )
                #expect(
                    widening.end != .exited(0) && widening.errorOutput.contains("ermission denied"),
                    "\(widening.transcript)"
                )
                for listener in [mallory, bob] {
                    listener.closeInput()
                    try listener.stop()
                }
            }
        }
    }
}
