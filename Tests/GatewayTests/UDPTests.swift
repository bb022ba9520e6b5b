// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import Testing
import Wire

@Suite struct UDPTests {
    let rig: Rig
    let guest: Guest

    init() throws {
        rig = try Rig {
            $0.forwards = [PortForward(transport: .udp, hostPort: 9000, guestAddress: Rig.guestIP, guestPort: 9)]
        }
        guest = Guest(rig)
    }

    private func answer(_ datagram: [UInt8], socket: Int = 0) {
        rig.host.sockets[socket].receivedDatagrams.append(datagram)
        rig.ready(socket, .readable)
    }

    @Test func datagramsGoBothWays() throws {
        rig.inject(guest.udp(to: Rig.far, 7, ramp(0..<100)))
        #expect(rig.host.sockets[0].endpoint == HostEndpoint(address: Rig.far, port: 7))
        #expect(rig.host.sockets[0].datagrams == [ramp(0..<100)])
        answer(ramp(0..<50))
        let frame = try #require(rig.takeSent().first)
        let datagram = try #require(frame.udp)
        #expect(frame.ip?.source == Rig.far && frame.destination == guest.mac)
        #expect(datagram.header.sourcePort == 7 && datagram.header.destinationPort == 5000)
        #expect(datagram.data == ramp(0..<50))
        rig.expectNoLeak()
    }

    @Test func emptyDatagramsAreDatagrams() throws {
        rig.inject(guest.udp(to: Rig.far, 7, []))
        #expect(rig.host.sockets[0].datagrams == [[]])
        answer([])
        #expect(try #require(rig.takeSent().first?.udp).data.isEmpty)
    }

    @Test func oneSocketForEachConversation() {
        rig.inject(guest.udp(to: Rig.far, 7, [1]))
        rig.inject(guest.udp(to: Rig.far, 7, [2]))
        rig.inject(guest.udp(to: Rig.far, 8, [3]))
        rig.inject(guest.udp(to: Rig.far, 7, from: 5001, [4]))
        #expect(rig.host.sockets.map(\.datagrams) == [[[1], [2]], [[3]], [[4]]])
    }

    @Test func superFramesAreSplit() {
        var bytes = guest.udp(to: Rig.far, 7, ramp(0..<3500))
        bytes[40] = 0
        bytes[41] = 1
        rig.inject(
            bytes,
            header: VirtioNetHeader(
                flags: .needsChecksum,
                gsoType: .udpL4,
                headerLength: 42,
                gsoSize: 1000,
                checksumStart: 34,
                checksumOffset: 6
            )
        )
        #expect(rig.host.sockets[0].datagrams.map(\.count) == [1000, 1000, 1000, 500])
        #expect(Array(rig.host.sockets[0].datagrams.joined()) == ramp(0..<3500))
    }

    @Test func longAnswersAreFragmented() throws {
        rig.inject(guest.udp(to: Rig.far, 7, [1]))
        answer(ramp(0..<4000))
        let frames = rig.takeSent()
        #expect(frames.count == 3)
        var whole = [UInt8](repeating: 0, count: 4008)
        for frame in frames {
            let ip = try #require(frame.ip)
            #expect(ip.totalByteCount <= 1500 && !ip.dontFragment)
            #expect(ip.identification == frames[0].ip?.identification)
            #expect(ip.moreFragments == (ip.fragmentOffset + ip.payloadByteCount < 4008))
            for (offset, byte) in frame.packetPayload.enumerated() { whole[ip.fragmentOffset + offset] = byte }
        }
        expectRamp(Array(whole[8...]), 0..<4000)
        let ip = try #require(frames[0].ip)
        let sum = InternetChecksum.pseudoHeader(
            source: ip.source,
            destination: ip.destination,
            protocolNumber: 17,
            byteCount: 4008
        )
        let isRight = InternetChecksum.verify(whole.span, from: 0, to: 4008, initial: sum)
        #expect(isRight)
        rig.expectNoLeak()
    }

    @Test func refusalIsToldByICMP() throws {
        rig.inject(guest.udp(to: Rig.far, 7, ramp(0..<20)))
        rig.host.sockets[0].error = .refused
        rig.ready(0, .error)
        let frame = try #require(rig.takeSent().first)
        let message = frame.packetPayload
        #expect(message[0] == 3 && message[1] == 3)
        // The quoted packet: the guest's ports and length.
        #expect(Array(message[28..<34]) == [0x13, 0x88, 0x00, 0x07, 0x00, 28])
    }

    @Test func aDatagramAfterARefusalIsSentNevertheless() {
        rig.inject(guest.udp(to: Rig.far, 7, [1]))
        rig.host.sockets[0].error = .refused
        rig.inject(guest.udp(to: Rig.far, 7, [2]))
        #expect(rig.host.sockets[0].datagrams == [[1], [2]])
        #expect(rig.takeSent().count == 1)
    }

    @Test func prohibitedDestinationsAreTold() throws {
        rig.inject(guest.udp(to: IPv4Address(10, 0, 2, 99), 7, [1]))
        #expect(try #require(rig.takeSent().first).packetPayload[1] == 13)
        rig.inject(guest.udp(to: IPv4Address(10, 0, 2, 3), 7, [1]))
        #expect(try #require(rig.takeSent().first).packetPayload[1] == 3)
        rig.inject(guest.udp(to: IPv4Address(224, 0, 0, 251), 5353, [1]))
        #expect(rig.takeSent().isEmpty)
        #expect(rig.host.sockets.isEmpty)
    }

    @Test func silentConversationsEnd() {
        rig.inject(guest.udp(to: Rig.far, 7, [1]))
        rig.advance(milliseconds: 170_000)
        answer([2])
        rig.advance(milliseconds: 170_000)
        #expect(rig.counters[.udpFlows] == 1)
        rig.advance(milliseconds: 11_000)
        #expect(rig.counters[.udpFlows] == 0 && rig.host.sockets[0].isClosed)
        #expect(rig.nextDeadline == nil)
    }

    @Test func theOldestMakesRoom() {
        for port in 0..<64 {
            rig.inject(guest.udp(to: Rig.far, 7, from: 6000 + UInt16(port), [1]))
            rig.now += 1_000_000
        }
        rig.inject(guest.udp(to: Rig.far, 7, from: 6000, [1]))
        rig.inject(guest.udp(to: Rig.far, 7, from: 7000, [1]))
        #expect(rig.counters[.udpFlows] == 64 && rig.counters[.udpEvicted] == 1)
        #expect(rig.host.sockets[1].isClosed && !rig.host.sockets[0].isClosed)
    }

    @Test func forwardedDatagramsFindTheirWayBack() throws {
        rig.inject(guest.arp(1, target: IPv4Address(10, 0, 2, 2)))
        _ = rig.takeSent()
        let peer = HostEndpoint(address: IPv4Address(198, 51, 100, 7), port: 3333)
        rig.host.forwardDatagrams[0] = [([1, 2], peer), ([3], HostEndpoint(address: .loopback, port: 3333))]
        rig.forwardReady(0)
        let frames = rig.takeSent()
        #expect(frames.map { $0.ip?.source } == [peer.address, IPv4Address(10, 0, 2, 2)])
        #expect(frames.compactMap { $0.udp?.header.destinationPort } == [9, 9])
        rig.inject(guest.udp(to: peer.address, 3333, from: 9, [9, 9]))
        rig.inject(guest.udp(to: IPv4Address(10, 0, 2, 2), 3333, from: 9, [8]))
        #expect(rig.host.forwardSent.map(\.0) == [[9, 9], [8]])
        #expect(rig.host.forwardSent.map(\.1.address) == [peer.address, .loopback])
        #expect(rig.host.sockets.isEmpty)
    }

    @Test func clashingPeersOfAForwardAreToldApart() throws {
        rig.inject(guest.arp(1, target: IPv4Address(10, 0, 2, 2)))
        _ = rig.takeSent()
        let one = HostEndpoint(address: .loopback, port: 3333)
        let two = HostEndpoint(address: IPv4Address(127, 0, 0, 2), port: 3333)
        rig.host.forwardDatagrams[0] = [([1], one), ([2], two), ([3], two), ([4], one)]
        rig.forwardReady(0)
        let ports = rig.takeSent().compactMap { $0.udp?.header.sourcePort }
        #expect(ports.count == 4 && ports[0] == 3333 && ports[1] != 3333)
        #expect(ports[1] == ports[2] && ports[0] == ports[3])
    }

    @Test func forwardedDatagramsWaitForTheGuestsAddress() throws {
        let peer = HostEndpoint(address: .loopback, port: 1)
        rig.host.forwardDatagrams[0] = [([1, 2], peer)]
        rig.forwardReady(0)
        #expect(rig.takeSent().compactMap(\.arp).count == 1)
        rig.inject(guest.arp(2, target: IPv4Address(10, 0, 2, 2), targetMAC: rig.mac))
        #expect(try #require(rig.takeSent().first?.udp).data == [1, 2])
    }

    @Test func forwardedDatagramsForNobodyAreDropped() throws {
        rig.host.forwardDatagrams[0] = [([1, 2], HostEndpoint(address: .loopback, port: 1))]
        rig.forwardReady(0)
        rig.advance(milliseconds: 5000)
        #expect(rig.host.forwardDatagrams[0]?.isEmpty == true)
        #expect(rig.counters[.udpDropped] == 1)
        #expect(rig.nextDeadline == nil)
    }

    @Test func superFramesToAForwardsPeerAreSplit() throws {
        rig.inject(guest.arp(1, target: IPv4Address(10, 0, 2, 2)))
        let peer = HostEndpoint(address: IPv4Address(198, 51, 100, 7), port: 3333)
        rig.host.forwardDatagrams[0] = [([1], peer)]
        rig.forwardReady(0)
        rig.inject(
            guest.udp(to: peer.address, 3333, from: 9, ramp(0..<2500)),
            header: VirtioNetHeader(
                flags: .needsChecksum,
                gsoType: .udpL4,
                headerLength: 42,
                gsoSize: 1000,
                checksumStart: 34,
                checksumOffset: 6
            )
        )
        #expect(rig.host.forwardSent.map(\.0.count) == [1000, 1000, 500])
    }

    @Test func aSocketThatCannotBeHadIsTold() throws {
        rig.host.udpErrors[HostEndpoint(address: Rig.far, port: 7)] = .networkUnreachable
        rig.inject(guest.udp(to: Rig.far, 7, [1]))
        #expect(try #require(rig.takeSent().first).packetPayload[1] == 0)
        #expect(rig.counters[.udpFlows] == 0)
    }

    @Test func aFullSocketLosesTheDatagramOnly() throws {
        rig.inject(guest.udp(to: Rig.far, 7, [1]))
        rig.host.sockets[0].room = 0
        rig.inject(guest.udp(to: Rig.far, 7, [2]))
        #expect(rig.counters[.udpSendFailed] == 1 && rig.takeSent().isEmpty)
        rig.host.sockets[0].room = 10
        rig.inject(guest.udp(to: Rig.far, 7, [3]))
        #expect(rig.host.sockets[0].datagrams == [[1], [3]])
    }

    @Test func manyDatagramsTakeTurns() throws {
        rig.inject(guest.udp(to: Rig.far, 7, [1]))
        rig.host.sockets[0].receivedDatagrams = (0..<200).map { [UInt8($0)] }
        rig.ready(0, .readable)
        #expect(rig.takeSent().compactMap { $0.udp?.data.first } == (0..<200).map { UInt8($0) })
    }
}
