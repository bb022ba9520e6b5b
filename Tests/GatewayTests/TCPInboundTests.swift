// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import Testing
import Wire

@Suite struct TCPInboundTests {
    let rig: Rig
    let guest: Guest
    let client = HostEndpoint(address: IPv4Address(198, 51, 100, 7), port: 50_123)

    init() throws {
        rig = try Rig {
            $0.forwards = [
                PortForward(transport: .tcp, hostPort: 8080, guestAddress: Rig.guestIP, guestPort: 80),
                PortForward(transport: .tcp, hostPort: 8081, guestAddress: IPv4Address(10, 0, 2, 60), guestPort: 80),
            ]
        }
        guest = Guest(rig)
    }

    private func connect(_ client: HostEndpoint, forward: Int = 0) {
        rig.host.waiting[forward, default: []].append(client)
        rig.forwardReady(forward)
    }

    private func introduce() {
        rig.inject(guest.arp(1, target: IPv4Address(10, 0, 2, 2)))
        _ = rig.takeSent()
    }

    /// The guest's answer to a SYN.
    private func answer(_ syn: SentSegment, _ flags: TCPFlags = [.syn, .ack]) -> Conversation {
        let talk = Conversation(
            rig,
            to: client.address,
            syn.header.sourcePort,
            from: syn.header.destinationPort,
            initial: 9000
        )
        talk.expected = syn.sequence &+ 1
        talk.send(flags, options: flags.contains(.syn) ? usualOptions : [])
        talk.next &+= 1
        talk.socket = rig.host.sockets.count - 1
        return talk
    }

    @Test func theGuestSeesTheRealClient() throws {
        introduce()
        connect(client)
        let frame = try #require(rig.takeSent().first)
        let syn = try #require(frame.tcp)
        #expect(syn.flags == .syn && frame.ip?.source == client.address && frame.destination == guest.mac)
        #expect(syn.header.sourcePort == 50_123 && syn.header.destinationPort == 80)
        #expect(syn.options.maximumSegmentSize == 1460 && syn.options.windowScale == 7)
        let talk = answer(syn)
        #expect(rig.takeSegments().map(\.flags) == [.ack])
        talk.hostSends(ramp(0..<5000))
        expectRamp(talk.receiveAll(), 0..<5000)
        talk.sendData(ramp(0..<3000))
        expectRamp(talk.hostSocket.sent, 0..<3000)
        rig.expectNoLeak()
    }

    @Test(arguments: [IPv4Address.loopback, IPv4Address(127, 9, 9, 9), IPv4Address(10, 0, 2, 99)])
    func clientsOfTheHostItselfAppearAsTheGateway(address: IPv4Address) throws {
        introduce()
        connect(HostEndpoint(address: address, port: 4444))
        let frame = try #require(rig.takeSent().first)
        #expect(frame.ip?.source == IPv4Address(10, 0, 2, 2) && frame.tcp?.header.sourcePort == 4444)
    }

    @Test func aTakenPortIsReplaced() throws {
        introduce()
        connect(HostEndpoint(address: .loopback, port: 4444))
        connect(HostEndpoint(address: IPv4Address(127, 0, 0, 2), port: 4444))
        let ports = rig.takeSegments().map(\.header.sourcePort)
        #expect(ports.count == 2 && ports[0] == 4444 && ports[1] >= 49_152)
    }

    @Test func anUnknownGuestIsAskedForAndThenReached() throws {
        connect(client)
        let question = try #require(rig.takeSent().first?.arp)
        #expect(question.operation == .request && question.targetIP == Rig.guestIP)
        rig.advance(milliseconds: 600)
        #expect(rig.takeSent().compactMap(\.arp).count == 1)
        rig.inject(guest.arp(2, target: IPv4Address(10, 0, 2, 2), targetMAC: rig.mac))
        #expect(rig.takeSegments().map(\.flags) == [.syn])
    }

    @Test func aGuestThatNobodyKnowsEndsTheConnection() throws {
        connect(client, forward: 1)
        rig.advance(milliseconds: 5000)
        #expect(rig.takeSent().compactMap(\.arp).count == 6)
        #expect(rig.host.sockets[0].isReset)
        #expect(rig.counters[.tcpFlows] == 0 && rig.counters[.arpFailed] == 1)
        // A stopped timer leaves its slot when that comes up; then the loop may sleep for ever.
        rig.advance(milliseconds: 10_000)
        #expect(rig.nextDeadline == nil)
    }

    @Test func aGuestThatRefusesResetsTheClient() throws {
        introduce()
        connect(client)
        _ = answer(try #require(rig.takeSegments().first), [.rst, .ack])
        #expect(rig.host.sockets[0].isReset)
        #expect(rig.counters[.tcpFlows] == 0)
    }

    @Test func aSilentGuestIsAskedAgainAndGivenUp() throws {
        introduce()
        connect(client)
        rig.advance(milliseconds: 1100)
        #expect(rig.takeSegments().map(\.flags) == [.syn, .syn])
        rig.advance(milliseconds: 100_000)
        #expect(rig.takeSegments().count == 4)
        #expect(rig.host.sockets[0].isReset)
    }

    @Test func aWrongAnswerIsReset() throws {
        introduce()
        connect(client)
        let syn = try #require(rig.takeSegments().first)
        rig.inject(
            guest.tcp(
                to: client.address,
                50_123,
                from: 80,
                sequence: 1,
                acknowledgement: syn.sequence &+ 500,
                flags: [.syn, .ack]
            )
        )
        let reset = try #require(rig.takeSegments().first)
        #expect(reset.flags == .rst && reset.sequence == syn.sequence &+ 500)
        #expect(!rig.host.sockets[0].isReset)
    }

    @Test func bothSidesMayBeginAtOnce() throws {
        introduce()
        connect(client)
        let syn = try #require(rig.takeSegments().first)
        rig.inject(
            guest.tcp(to: client.address, 50_123, from: 80, sequence: 9000, flags: .syn, options: usualOptions)
        )
        let answer = try #require(rig.takeSegments().first)
        #expect(answer.flags == [.syn, .ack] && answer.sequence == syn.sequence && answer.acknowledgement == 9001)
        let talk = Conversation(rig, to: client.address, 50_123, from: 80, initial: 9001)
        talk.expected = syn.sequence &+ 1
        talk.send(.ack)
        talk.hostSends(ramp(0..<100))
        expectRamp(talk.receiveAll(), 0..<100)
    }

    @Test func dataThatWaitedAtTheHostIsDelivered() throws {
        introduce()
        rig.host.waiting[0] = [client]
        rig.forwardReady(0)
        rig.host.sockets[0].received = ramp(0..<2000)
        rig.ready(0, .readable)
        let talk = answer(try #require(rig.takeSegments().first))
        expectRamp(talk.receiveAll(), 0..<2000)
    }

    @Test func acceptingGoesOnWhenDescriptorsAreBack() throws {
        introduce()
        rig.host.acceptError = .exhausted
        connect(client)
        #expect(rig.takeSent().isEmpty && rig.counters[.tcpFlows] == 0)
        rig.host.acceptError = nil
        rig.advance(milliseconds: 200)
        #expect(rig.takeSegments().map(\.flags) == [.syn])
    }

    @Test func manyClientsAreAcceptedInTurns() throws {
        introduce()
        rig.host.waiting[0] = (0..<100).map { HostEndpoint(address: client.address, port: 20_000 + UInt16($0)) }
        rig.forwardReady(0)
        #expect(rig.takeSegments().count == 100)
        #expect(rig.counters[.tcpHalfOpen] == 100)
    }

    @Test func aClientMayUseItsPortAgainWhileTheOldTupleRests() throws {
        introduce()
        connect(client)
        let talk = answer(try #require(rig.takeSegments().first))
        talk.hostEnds()
        talk.expected &+= 1
        talk.send([.fin, .ack])
        #expect(rig.host.sockets[0].isClosed && rig.counters[.tcpFlows] == 1)
        _ = rig.takeSent()
        rig.now += 1_000_000_000
        connect(client)
        let syn = try #require(rig.takeSegments().first)
        #expect(syn.flags == .syn && syn.header.sourcePort == client.port)
        // Behind everything that the old connection used.
        #expect(Int32(bitPattern: syn.sequence &- talk.expected) > 0)
        #expect(rig.counters[.tcpFlows] == 1)
    }

    @Test func onlyWhatIsAnsweredIsResolved() throws {
        // Two guests are asked for; the answer of one does not disturb the other's waiting.
        connect(client)
        connect(client, forward: 1)
        _ = rig.takeSent()
        rig.inject(guest.arp(2, target: IPv4Address(10, 0, 2, 2), targetMAC: rig.mac))
        #expect(rig.takeSegments().count == 1)
        let other = Guest(rig, mac: MACAddress(rawValue: 0x0200_0000_00cc), ip: IPv4Address(10, 0, 2, 60))
        rig.inject(other.arp(2, target: IPv4Address(10, 0, 2, 2), targetMAC: rig.mac))
        let frame = try #require(rig.takeSent().last)
        #expect(frame.tcp?.flags == .syn && frame.destination == other.mac)
    }
}
