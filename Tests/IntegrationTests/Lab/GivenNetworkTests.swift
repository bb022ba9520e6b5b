// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import TestSupport
import Testing

extension Integration {
    /// What labs give to others, and what joins them to other labs: `delegations` and `tunnels` of a lab file.
    @Suite("Delegations and tunnels of labs")
    struct LabGivenNetworkTests {
        private func file(_ delegations: String) -> String {
            """
            guests: {alice: {interfaces: {eth0: {segment: lan, address: 10.1.0.1/24}}}}
            segments: {lan: {}}
            \(delegations)
            """
        }

        private func killFabric(_ lab: RunningLab) throws {
            let client = try KeeperClient(runtimeDirectory: lab.directory + "/run/runtime")
            let before = try client.request(["hello"]).value("fabric")
            kill(try #require(before.flatMap { Int32($0) }), SIGKILL)
            try wait(for: "another fabric") {
                try client.request(["hello"]).value("fabric").map { $0 != "-" && $0 != before } == true
            }
        }

        /// Whether alice answers a stack of the ordinary user's that is plugged in there.
        private func ping(_ host: HostNamespace, _ place: String, from address: String) throws -> Program {
            try host.run(
                [
                    host.etherloom, "run", "--net", place, "--address", address + "/24", "--", "ping", "-c", "1", "-w",
                    "3",
                    "10.1.0.1",
                ],
                as: .ordinary
            )
        }

        @Test("root gives a user one address of a segment: it is his while the lab runs, and nothing else is")
        func delegation() throws {
            try require("ping")
            if geteuid() != 0 { try skip("several users need root") }
            try withHost { host in
                let user = HostNamespace.ordinaryUserID
                let lab = try RunningLab(
                    host,
                    as: .runner,
                    file("delegations: {his: {segment: lan, user: '\(user)', allow: 10.1.0.7}}")
                )
                try lab.check("up")
                let place = lab.directory + "/run/delegated/his"
                let own = try ping(host, place, from: "10.1.0.7")
                #expect(own.end == .exited(0), "\(own.transcript)")
                #expect(try ping(host, place, from: "10.1.0.8").end != .exited(0))
                // The segment itself is root's.
                let around = try ping(host, lab.directory + "/run/runtime/s/lan", from: "10.1.0.8")
                #expect(
                    around.end != .exited(0) && around.errorOutput.contains("ermission denied"),
                    "\(around.transcript)"
                )
                // It is given again when the fabric is another one.
                try killFabric(lab)
                try wait(for: "what was given to be there again") {
                    try ping(host, place, from: "10.1.0.7").end == .exited(0)
                }
                // Another rule is another delegation, in the same place.
                try lab.write(
                    file("delegations: {his: {segment: lan, user: '\(user)', allow: 10.1.0.8, send: 'arp or icmp'}}")
                )
                #expect(try lab.run(["up"]).errorOutput.contains("element his"))
                #expect(try ping(host, place, from: "10.1.0.8").end == .exited(0))
                #expect(try ping(host, place, from: "10.1.0.7").end != .exited(0))
                let again = try lab.json("up", "--format", "json")
                #expect(again["changes"]?.list?.isEmpty == true, "\(again)")
                // Nobody's: said at once, in one line.
                try lab.write(file("delegations: {his: {segment: lan, user: nobody-of-that-name}}"))
                let wrong = try lab.run(["up"])
                #expect(wrong.end == .exited(1) && wrong.errorOutput.contains("nobody-of-that-name: no such user"))
                #expect(wrong.errorLines.count == 1, "\(wrong.transcript)")
                try lab.write(file(""))
                try lab.check("up")
                #expect(!FileManager.default.fileExists(atPath: place))
                try lab.write(file("delegations: {his: {segment: lan, user: '\(user)', allow: 10.1.0.7}}"))
                try lab.check("up")
                #expect(FileManager.default.fileExists(atPath: place + "/ctl"))
                try lab.end()
                #expect(!FileManager.default.fileExists(atPath: place))
            }
        }

        @Test("who is not root gives something to himself, filtered, and to nobody else")
        func ownDelegation() throws {
            try require("ping")
            try withHost { host in
                let user = host.userName(.ordinary)
                let lab = try RunningLab(host, as: .ordinary, file("delegations: {mine: {segment: lan, user: root}}"))
                let refused = try lab.run(["up"])
                #expect(
                    refused.end == .exited(2) && refused.errorOutput.contains("only root's labs"),
                    "\(refused.transcript)"
                )
                try lab.write(
                    file("delegations: {mine: {segment: lan, user: \(user), allow: 10.1.0.7, receive: 'arp or icmp'}}")
                )
                try lab.check("up")
                let place = lab.directory + "/run/delegated/mine"
                let own = try ping(host, place, from: "10.1.0.7")
                #expect(own.end == .exited(0), "\(own.transcript)")
                #expect(try ping(host, place, from: "10.1.0.8").end != .exited(0))
                try killFabric(lab)
                try wait(for: "the filter to be plugged in again") {
                    try ping(host, place, from: "10.1.0.7").end == .exited(0)
                }
                try lab.end()
                #expect(!FileManager.default.fileExists(atPath: place))
            }
        }

        @Test("two labs are one network by an encrypted tunnel; who has no key is not in it")
        func tunnel() throws {
            try require("ping", "tcpdump")
            try withHost { host in
                /// Public keys; the private ones are in the labs' directories.
                var keys: [String: String] = [:]
                for name in ["east", "west", "evil"] {
                    let key = try host.check([host.etherloom, "key", host.data("\(name).key")], as: .ordinary)
                    keys[name] = key.filter { !$0.isWhitespace }
                }
                func lab(_ name: String, _ guest: String, _ address: String, _ tunnel: String) throws -> RunningLab {
                    let lab = try RunningLab(
                        host,
                        as: .ordinary,
                        """
                        guests: {\(guest): {interfaces: {eth0: {segment: lan, address: \(address)/24}}}}
                        segments: {lan: {}}
                        tunnels: {far: {segment: lan, key: my.key, \(tunnel)}}
                        """,
                        name: name
                    )
                    return lab
                }
                let east = try lab(
                    "east",
                    "alice",
                    "10.1.0.1",
                    "listen: '127.0.0.1:51841', peer-key: '\(keys["west"]!)'"
                )
                // Nothing is made up where a key is missing.
                let missing = try east.run(["up"])
                #expect(
                    missing.end != .exited(0) && missing.errorOutput.contains("etherloom key"),
                    "\(missing.transcript)"
                )
                let west = try lab("west", "bob", "10.1.0.2", "peer: '127.0.0.1:51841', peer-key: '\(keys["east"]!)'")
                let evil = try lab("evil", "carol", "10.1.0.3", "peer: '127.0.0.1:51841', peer-key: '\(keys["east"]!)'")
                let labs = [east, west, evil]
                for (name, lab) in zip(["east", "west", "evil"], labs) {
                    try host.check(["cp", "-p", host.data("\(name).key"), lab.directory + "/my.key"], as: .ordinary)
                }
                let capture = host.data("lo.pcap")
                let dump = try host.start(["tcpdump", "-Z", "root", "-U", "-i", "lo", "-w", capture, "udp"])
                try dump.wait(forOutput: "listening on lo")
                for lab in labs { try lab.check("up") }
                // The first one waits for the peers to find each other; the pattern is "loom".
                try east.check("exec", "alice", "ping", "-c", "3", "-w", "20", "-p", "6c6f6f6d", "10.1.0.2")
                try dump.stop(SIGINT)
                let packets = try Data(contentsOf: URL(fileURLWithPath: capture))
                #expect(packets.count > 500)
                #expect(packets.range(of: Data("loomloom".utf8)) == nil)
                #expect(try evil.run(["exec", "carol", "ping", "-c", "1", "-w", "2", "10.1.0.1"]).end == .exited(1))
                try killFabric(east)
                try wait(for: "the peers to find each other again", seconds: 60) {
                    try west.run(["exec", "bob", "ping", "-c", "1", "-w", "1", "10.1.0.1"]).end == .exited(0)
                }
                // Taken out of the file, it is taken away.
                try west.write(
                    "guests: {bob: {interfaces: {eth0: {segment: lan, address: 10.1.0.2/24}}}}\nsegments: {lan: {}}"
                )
                #expect(try west.run(["up"]).errorOutput.contains("port tunnel:far"))
                #expect(try west.run(["exec", "bob", "ping", "-c", "1", "-w", "1", "10.1.0.1"]).end == .exited(1))
                for lab in labs { try lab.check("down", "--grace", "1") }
                try east.endDaemon()
            }
        }
    }
}
