// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import Testing
import Wire

@Suite struct ResolverTests {
    let rig: Rig
    let guest: Guest
    let name = IPv4Address(10, 0, 2, 3)
    let first = HostEndpoint(address: IPv4Address(127, 0, 0, 53), port: 53)
    let second = HostEndpoint(address: IPv4Address(192, 0, 2, 53), port: 53)
    /// "a.test" A, number 0x1234.
    let question: [UInt8] =
        [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x61, 4, 0x74, 0x65, 0x73, 0x74, 0, 0, 1, 0, 1]

    init() throws {
        let servers = [first, second]
        rig = try Rig { $0.resolvers = servers }
        guest = Guest(rig)
    }

    private func reply(_ number: UInt8 = 0x34) -> [UInt8] {
        [0x12, number, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0] + question[12...]
    }

    @Test func questionsGoToTheFirstServer() throws {
        rig.inject(guest.udp(to: name, 53, question))
        #expect(rig.host.sockets[0].endpoint == first)
        #expect(rig.host.sockets[0].datagrams == [question])
        rig.host.sockets[0].receivedDatagrams = [reply()]
        rig.ready(0, .readable)
        let frame = try #require(rig.takeSent().first)
        #expect(frame.ip?.source == name && frame.udp?.header.sourcePort == 53 && frame.udp?.data == reply())
        rig.advance(milliseconds: 9000)
        #expect(rig.counters[.udpFlows] == 1 && rig.host.sockets.count == 1)
        rig.advance(milliseconds: 2000)
        #expect(rig.counters[.udpFlows] == 0)
    }

    @Test func aRefusingServerIsPassedOverAtOnce() throws {
        rig.inject(guest.udp(to: name, 53, question))
        rig.host.sockets[0].error = .refused
        rig.ready(0, .error)
        #expect(rig.host.sockets[0].isClosed)
        #expect(rig.host.sockets[1].endpoint == second && rig.host.sockets[1].datagrams == [question])
        rig.host.sockets[1].receivedDatagrams = [reply()]
        rig.ready(1, .readable)
        #expect(rig.takeSent().first?.udp?.data == reply())
        // The one that answered is asked first from now on.
        rig.inject(guest.udp(to: name, 53, from: 5001, question))
        #expect(rig.host.sockets[2].endpoint == second)
    }

    @Test func aSilentServerIsPassedOverAfterAWhile() throws {
        rig.inject(guest.udp(to: name, 53, question))
        var other = question
        other[1] = 0x35
        rig.inject(guest.udp(to: name, 53, other))
        rig.advance(milliseconds: 1000)
        #expect(rig.host.sockets.count == 1)
        rig.advance(milliseconds: 1000)
        #expect(rig.host.sockets[1].datagrams == [question, other])
        // One answer leaves the other question open.
        rig.host.sockets[1].receivedDatagrams = [reply()]
        rig.ready(1, .readable)
        #expect(rig.counters[.dnsRetried] == 1)
    }

    @Test func withoutAnswersTheQuestionFails() throws {
        rig.inject(guest.udp(to: name, 53, question))
        rig.advance(milliseconds: 5000)
        let failure = try #require(rig.takeSent().first?.udp).data
        #expect(Array(failure[0..<2]) == [0x12, 0x34] && failure[2] & 0x80 != 0 && failure[3] & 0x0f == 2)
        #expect(Array(failure[12...]) == Array(question[12...]))
        #expect(rig.counters[.udpFlows] == 0 && rig.host.openCount == 0)
    }

    @Test func withoutServersTheQuestionFailsToo() throws {
        rig.gateway.resolverChanged([])
        rig.inject(guest.udp(to: name, 53, question))
        rig.advance(milliseconds: 5000)
        #expect(try #require(rig.takeSent().first?.udp).data[3] & 0x0f == 2)
    }

    @Test func newServersAreAskedFromNowOn() throws {
        let third = HostEndpoint(address: IPv4Address(9, 9, 9, 9), port: 53)
        rig.gateway.resolverChanged([third])
        rig.inject(guest.udp(to: name, 53, question))
        #expect(rig.host.sockets[0].endpoint == third)
    }

    @Test func longQuestionsOverTCPGoToTheServerToo() throws {
        rig.host.answers[first] = .fail(.refused)
        let talk = Conversation(rig, to: name, 53)
        try talk.open()
        #expect(talk.hostSocket.endpoint == second)
        talk.sendData(ramp(0..<600))
        expectRamp(talk.hostSocket.sent, 0..<600)
    }

    @Test func refusedByAllServersOverTCPIsAReset() throws {
        rig.host.defaultAnswer = .fail(.refused)
        Conversation(rig, to: name, 53).send(.syn, options: usualOptions)
        #expect(rig.takeSegments().first?.flags == [.rst, .ack])
    }
}
