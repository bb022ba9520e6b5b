// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Model
import TestTraits
import Testing
import Wire

@testable import Guests

/// UML guests on a fabric of ours.
@Suite(
    "Interfaces of UML guests",
    .serialized,
    .mayRun(seconds: 240),
    .enabled(if: UMLFixture.kernel != nil && TestFabric.binary != nil)
)
struct UMLNetworkTests {
    private func interface(_ name: String, mac: String, _ address: String, mtu: Int? = nil) throws -> InterfacePlan {
        var plan = InterfacePlan(name: name, hardwareAddress: try #require(MACAddress(mac)))
        plan.addresses = [try #require(InterfaceAddress(address))]
        plan.mtu = mtu
        return plan
    }

    @Test func twoGuestsSeeEachOther() throws {
        let fabric = try TestFabric()
        let alice = try PlainHost(name: "alice", fabric: fabric) {
            // The second one first: names are the plan's, not the kernel's.
            $0.interfaces = [
                try! interface("eth1", mac: "02:00:00:00:00:11", "10.1.0.1/24"),
                try! interface("eth0", mac: "02:00:00:00:00:01", "10.0.0.1/24", mtu: 1400),
            ]
        }
        let bob = try PlainHost(name: "bob", fabric: fabric) {
            $0.interfaces = [try! interface("lan", mac: "02:00:00:00:00:02", "10.0.0.2/24")]
        }
        try alice.driver.start()
        try bob.driver.start()
        try alice.wait("alice") { !alice.states.isEmpty }
        try bob.wait("bob") { !bob.states.isEmpty }
        #expect(alice.lines == [] && bob.lines == [])
        #expect(try alice.run(["cat", "/sys/class/net/eth0/address"]).output == "02:00:00:00:00:01\n")
        #expect(try alice.run(["cat", "/sys/class/net/eth0/mtu"]).output == "1400\n")
        #expect(try alice.run(["cat", "/sys/class/net/eth1/address"]).output == "02:00:00:00:00:11\n")
        let ping = try alice.run(["ping", "-c", "2", "-i", "0.1", "-w", "5", "10.0.0.2"])
        #expect(ping.status == 0, "\(ping.output)")
        // Its cable is pulled and plugged in again.
        let path = "/sys/class/net/lan/carrier"
        #expect(try bob.run(["cat", path]).output == "1\n")
        fabric.request(["unplug", "bob:lan"])
        try poll(bob, ["sh", "-c", "until [ $(cat \(path)) = 0 ]; do sleep 0.01; done"])
        fabric.request(["plug", "bob:lan", "net"])
        try poll(bob, ["sh", "-c", "until [ $(cat \(path)) = 1 ]; do sleep 0.01; done"])
        try alice.end()
        try bob.end()
    }

    private func poll(_ host: PlainHost, _ words: [String]) throws {
        #expect(try host.run(words).status == 0)
    }

    @Test func aGatewayGivesItsAddress() throws {
        let fabric = try TestFabric()
        fabric.request(["gateway-add", "gw", "net", "address=10.7.0.2/24"])
        let alice = try PlainHost(name: "alice", fabric: fabric) {
            var plan = InterfacePlan(name: "eth0", hardwareAddress: MACAddress("02:00:00:00:00:07")!)
            plan.usesDHCP = true
            $0.interfaces = [plan]
        }
        try alice.start()
        let script =
            "until ip route | grep -q default; do sleep 0.02; done; ip -4 addr show eth0; ip route; cat /etc/resolv.conf"
        let run = try alice.run([
            "busybox", "timeout", "10", "sh", "-c", script.replacing("grep", with: "busybox grep"),
        ])
        #expect(run.status == 0)
        #expect(run.output.contains("inet 10.7.0."))
        #expect(run.output.contains("default via 10.7.0.2 dev eth0"))
        #expect(run.output.contains("nameserver 10.7.0."))
        try alice.end()
    }

    @Test func anInterfaceComesAndGoesWhileItRuns() throws {
        let fabric = try TestFabric()
        let alice = try PlainHost(name: "alice", fabric: fabric) {
            $0.interfaces = [try! interface("eth0", mac: "02:00:00:00:00:01", "10.0.0.1/24")]
        }
        try alice.start()
        let more = try interface("dmz", mac: "02:00:00:00:00:05", "10.5.0.1/24")
        var error: GuestError?
        var isDone = false
        alice.plan.interfaces.append(more)
        alice.driver.add(more) { [loop = alice.loop] in
            error = $0
            isDone = true
            loop.stop()
        }
        if !isDone { try alice.wait("the interface") { isDone } }
        #expect(error == nil)
        #expect(alice.driver.interfacesWithoutCarrier == ["dmz"])
        #expect(try alice.run(["cat", "/sys/class/net/dmz/address"]).output == "02:00:00:00:00:05\n")
        let addresses = try alice.ask { alice.driver.configureNetwork(["addr"], then: $0) }?.get() ?? []
        #expect(addresses.contains("dmz inet 10.5.0.1/24 scope global"))
        for name in ["dmz", "eth0"] {
            isDone = false
            alice.driver.removeInterface(name) { [loop = alice.loop] in
                error = $0
                isDone = true
                loop.stop()
            }
            if !isDone { try alice.wait("its end") { isDone } }
            #expect(error == nil)
            #expect(try alice.run(["ls", "/sys/class/net/\(name)"]).status == 1)
        }
        #expect(alice.unplugged == ["dmz", "eth0"])
        try alice.end()
    }
}
