// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Guests
import TestSupport
import Testing

extension Integration {
    /// Bridges of a keeper when something is done to them that its daemon would not do.
    @Suite("Keeper: bridges and segments")
    struct KeptBridgeTests {
        private func withLab(_ body: (KeptLab) throws -> Void) throws {
            try require("ping", "python3")
            try withHost { host in
                let lab = try KeptLab(host, as: .ordinary)
                do {
                    try body(lab)
                } catch {
                    let log = (try? String(contentsOfFile: lab.runtime + "/log", encoding: .utf8)) ?? ""
                    throw IntegrationFailure("\(error)\nlog of the lab:\n\(log)")
                }
                if lab.program.poll() == nil { try lab.down() }
            }
        }

        /// Two guests that are pairs on a bridge.
        private func startPairs(_ lab: KeptLab) throws {
            try lab.ask("bridge-add", "br")
            for (index, name) in ["alice", "bob"].enumerated() {
                var plan = try lab.plan(name, index)
                plan.interfaces[0].bridge = "br"
                try lab.define(plan)
                try lab.start(name)
            }
        }

        /// `ip` in the lab's own network namespace.
        private func ip(_ lab: KeptLab, _ words: String...) throws -> Program {
            let holder = try lab.processID("holder")
            return try lab.host.run(
                [
                    "nsenter", "--user=/proc/\(holder)/ns/user", "--preserve-credentials",
                    "--net=/proc/\(holder)/ns/net", "ip",
                ] + words,
                as: lab.user
            )
        }

        private func carrier(_ lab: KeptLab, _ guest: String) throws -> String {
            try lab.run(guest, "cat", "/sys/class/net/eth0/carrier").output
        }

        @Test("a pair that is taken off its bridge stays so, and has no carrier, until it is plugged in")
        func unplugged() throws {
            try withLab { lab in
                try startPairs(lab)
                try lab.ping("alice", "10.0.0.2")
                try lab.ask("unplug", "bob:eth0")
                try lab.ask("carrier", "bob:eth0", "up")
                #expect(try carrier(lab, "bob") == "0\n")
                try lab.ask("stop", "bob")
                try lab.client.wait("bob", for: .stopped, milliseconds: 12_000)
                try lab.start("bob")
                #expect(try carrier(lab, "bob") == "0\n")
                #expect(try lab.client.state().guest("bob")?.interfaces.map(\.segment) == [nil])
                try lab.ask("plug", "bob:eth0", "br")
                try lab.ping("alice", "10.0.0.2")
            }
        }

        @Test("a bridge that somebody else has removed: a move there leaves a pair as it was, and it can be removed")
        func removedByOthers() throws {
            try withLab { lab in
                try startPairs(lab)
                try lab.ask("bridge-add", "gone")
                try lab.ask("companion-add", "gone")
                #expect(try ip(lab, "link", "delete", "gone").end == .exited(0))
                let error = #expect(throws: GuestError.self) { try lab.ask("plug", "alice:eth0", "gone") }
                #expect(error?.message.contains("\n") == false)
                try lab.ping("alice", "10.0.0.2")
                try lab.ask("bridge-remove", "gone")
                #expect(try lab.client.state().bridges == ["br"])
                #expect(try lab.client.state().segments == [])
                try wait(for: "its tap to go", seconds: 10) {
                    try ip(lab, "link", "show", "gone-fabric").end == .exited(1)
                }
            }
        }

        @Test("a bridge's companion is the keeper's own, and goes with its bridge")
        func companion() throws {
            try withLab { lab in
                try startPairs(lab)
                try lab.ask("companion-add", "br")
                try lab.ask("fabric", "gateway-add", "nat", "bridge::br", "address=10.0.200.1/16")
                try lab.ping("alice", "10.0.200.1")
                for words in [
                    ["companion-add", "br"], ["companion-add", "nowhere"], ["companion-remove", "nowhere"],
                    ["companion-add", "br", "loudly"], ["fabric", "segment-remove", "bridge::br"],
                    ["fabric", "port-remove", "bridge::br"], ["unplug", "bridge::br"],
                    ["fabric", "plug", "bridge::br", "bridge::br"],
                ] {
                    let error = #expect(throws: GuestError.self, "\(words)") { try lab.client.request(words) }
                    #expect(error?.message.contains("\n") == false)
                }
                try lab.ping("alice", "10.0.200.1")
                try lab.ask("companion-remove", "br")
                #expect(throws: GuestError.self) { try lab.ask("fabric", "gateway-remove", "nat") }
                #expect(throws: GuestError.self) { try lab.ask("companion-remove", "br") }
                // Where it cannot listen, nothing is left of it.
                #expect(throws: GuestError.self) { try lab.ask("companion-add", "br", "listen=/nowhere/at/all") }
                #expect(try ip(lab, "link", "show", "br-fabric").end == .exited(1))
                try lab.ask("companion-add", "br")
                try lab.ping("alice", "10.0.0.2")
            }
        }

        @Test("what is arranged while a fabric dies, the next one has")
        func dyingFabric() throws {
            try withLab { lab in
                try startPairs(lab)
                for round in 0..<6 {
                    let fabric = try lab.processID("fabric")
                    let words = round % 2 == 0 ? ["companion-remove", "br"] : ["companion-add", "br"]
                    if round % 2 == 0 { try lab.ask("companion-add", "br") }
                    kill(fabric, SIGKILL)
                    try lab.client.request(words)
                    if round % 2 == 1 { try lab.ask("companion-remove", "br") }
                    try wait(for: "another fabric", seconds: 20) {
                        let now = try lab.client.request(["hello"]).value("fabric").flatMap { Int32($0) }
                        return now != nil && now != fabric
                    }
                    #expect(try lab.client.state().segments == [])
                }
                try lab.ask("companion-add", "br")
                try wait(for: "a gateway", seconds: 20) {
                    (try? lab.ask("fabric", "gateway-add", "nat", "bridge::br", "address=10.0.200.1/16")) != nil
                }
                try lab.ping("alice", "10.0.200.1")
                #expect(try lab.ask("fabric", "state").filter { $0 == "kind=switch" }.count == 1)
            }
        }

        @Test("a segment that is shut down at its console is made anew, with what was there")
        func shutDown() throws {
            try withLab { lab in
                let directory = lab.runtime + "/s/lan"
                try lab.ask("fabric", "segment-add", "lan", "kind=switch", "listen=\(directory)")
                try lab.ask("fabric", "segment-add", "wan")
                try lab.ask("fabric", "patch-add", "cable", "lan", "wan")
                try lab.ask("fabric", "gateway-add", "nat", "wan", "address=10.0.200.1/16")
                for (index, name) in ["alice", "bob"].enumerated() {
                    try lab.define(try lab.plan(name, index))
                    try lab.ask("plug", "\(name):eth0", "lan")
                    try lab.start(name)
                }
                try lab.ping("alice", "10.0.0.2")
                let program = """
                    import socket
                    s = socket.socket(socket.AF_UNIX); s.connect("\(directory)/mgmt")
                    s.sendall(b"shutdown\\n")
                    while s.recv(1000): pass
                    """
                try lab.host.check(["python3", "-c", program], as: .ordinary)
                for address in ["10.0.0.2", "10.0.200.1"] {
                    try wait(for: "alice to reach \(address)", seconds: 20) {
                        try lab.run("alice", "ping", "-c", "1", "-W", "1", address).status == 0
                    }
                }
                #expect(FileManager.default.fileExists(atPath: directory + "/ctl"))
            }
        }
    }
}
