// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem
import Model
import Testing
import Wire

@Suite("plans of guests")
struct PlanTests {
    private var plan: GuestPlan {
        get throws {
            var plan = GuestPlan(name: "alice", runDirectory: "/lab/run/alice")
            plan.kind = .uml
            plan.root = RootPlan(master: "/lab/master", upper: "/lab/host/alice", mountPoint: "/lab/mount/alice")
            plan.root?.layers = ["/lab/o1", "/lab/o2"]
            plan.kernel = "/lab/linux"
            plan.memory = ByteCount("64M")
            plan.arguments = ["quiet", "a=b c"]
            plan.command = ["sh", "-c", "echo interface=1"]
            plan.environment = ["A=1=2"]
            plan.nameServers = [try #require(IPAddress("10.0.0.3"))]
            plan.routes = [
                Route(destination: nil, via: try #require(IPAddress("10.0.0.1"))),
                Route(destination: InterfaceAddress("10.9.0.0/16"), via: try #require(IPAddress("10.0.0.2"))),
            ]
            var eth0 = InterfacePlan(name: "eth0", hardwareAddress: try #require(MACAddress("02:00:00:00:00:01")))
            eth0.addresses = [
                try #require(InterfaceAddress("10.0.0.5/24")), try #require(InterfaceAddress("fd00::5/64")),
            ]
            eth0.mtu = 9000
            var eth1 = InterfacePlan(name: "eth1", hardwareAddress: try #require(MACAddress("02:00:00:00:00:02")))
            eth1.usesDHCP = true
            eth1.bridge = "lan"
            plan.interfaces = [eth0, eth1]
            return plan
        }
    }

    @Test("a plan comes out of its words as it went in")
    func plansSurvive() throws {
        let plan = try plan
        #expect(try GuestPlan(name: "alice", words: plan.words) == plan)
    }

    @Test("words that are no part of a plan are named", arguments: ["colour=red", "memory=much", "dhcp", "layer=/x"])
    func wrongWords(_ word: String) {
        #expect(throws: PlanError(word)) { try GuestPlan(name: "alice", words: ["run=/r", word]) }
    }

    @Test("messages carry words whole")
    func messages() throws {
        let message = WordMessage(["exec", "", "a b", "é"])
        #expect(WordMessage(bytes: try message.encoded()) == message)
        #expect(WordMessage(bytes: []) == nil)
        #expect(WordMessage(bytes: [65]) == nil)
        #expect(throws: Errno.invalid) { try WordMessage(["a\0b"]).encoded() }
    }
}
