// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import Testing
import Wire

@Suite struct LinkTests {
    let rig: Rig
    let guest: Guest

    init() throws {
        rig = try Rig()
        guest = Guest(rig)
    }

    @Test(arguments: [IPv4Address(10, 0, 2, 2), IPv4Address(10, 0, 2, 3)])
    func ownAddressesAreAnswered(address: IPv4Address) throws {
        rig.inject(guest.arp(1, target: address))
        let frame = try #require(rig.takeSent().first)
        let reply = try #require(frame.arp)
        #expect(frame.destination == guest.mac && frame.bytes.count == 60)
        #expect(reply.operation == .reply && reply.senderIP == address && reply.senderMAC == rig.mac)
        #expect(reply.targetIP == guest.ip && reply.targetMAC == guest.mac)
        rig.expectNoLeak()
    }

    @Test func othersAddressesAreNot() {
        rig.inject(guest.arp(1, target: IPv4Address(10, 0, 2, 77)))
        rig.inject(guest.arp(1, target: IPv4Address(192, 168, 1, 1)))
        #expect(rig.takeSent().isEmpty)
    }

    @Test func aProbeForOurAddressIsAnswered() throws {
        rig.inject(guest.arp(1, target: IPv4Address(10, 0, 2, 2), sender: .unspecified))
        #expect(try #require(rig.takeSent().first?.arp).senderMAC == rig.mac)
    }

    @Test func forgedSendersAreDropped() {
        var frame = guest.arp(1, target: IPv4Address(10, 0, 2, 2))
        frame[11] ^= 1
        rig.inject(frame)
        #expect(rig.takeSent().isEmpty)
        #expect(rig.counters[.malformed] == 1)
    }

    @Test(arguments: [IPv4Address(10, 0, 2, 2), IPv4Address(10, 0, 2, 3)])
    func echoIsAnswered(address: IPv4Address) throws {
        let data = ramp(0..<1000)
        rig.inject(guest.echoRequest(to: address, data))
        let frame = try #require(rig.takeSent().first)
        #expect(frame.ip?.source == address && frame.ip?.destination == guest.ip)
        #expect(frame.packetPayload[0] == 0 && Array(frame.packetPayload[8...]) == data)
        #expect(frame.destination == guest.mac)
    }

    @Test func echoToOthersIsNot() {
        rig.inject(guest.echoRequest(to: Rig.far, [1]))
        rig.inject(guest.echoRequest(to: IPv4Address(10, 0, 2, 99), [1]))
        #expect(rig.takeSent().isEmpty)
    }

    @Test func framesForOthersAreIgnored() {
        var frame = guest.echoRequest(to: IPv4Address(10, 0, 2, 2), [1])
        frame[0] = 0x02
        rig.inject(frame)
        #expect(rig.takeSent().isEmpty)
        #expect(rig.counters[.notForGateway] == 1)
    }

    @Test func fragmentsAreCounted() {
        rig.inject(guest.ipv4(17, to: Rig.far, [UInt8](repeating: 0, count: 64), fragment: 0x2000))
        rig.inject(guest.ipv4(17, to: Rig.far, [UInt8](repeating: 0, count: 64), fragment: 10))
        #expect(rig.counters[.fragments] == 2)
    }

    @Test(arguments: ["10.0.3.1", "127.0.0.1", "10.0.2.2", "10.0.2.255", "255.255.255.255", "10.0.2.0"])
    func sourcesThatAreNoGuestsAreDropped(text: String) throws {
        let source = try #require(IPv4Address(text))
        rig.inject(guest.udp(to: Rig.far, 53, [1, 2, 3], source: source))
        #expect(rig.host.sockets.isEmpty)
        #expect(rig.counters[.notForGateway] == 1)
    }
}
