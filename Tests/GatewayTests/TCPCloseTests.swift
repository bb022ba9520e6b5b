// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import Testing
import Wire

@Suite struct TCPCloseTests {
    let rig: Rig
    let talk: Conversation

    init() throws {
        rig = try Rig()
        talk = Conversation(rig)
        try talk.open()
    }

    @Test func guestEndsFirst() throws {
        talk.send([.fin, .ack], payload: ramp(0..<10))
        talk.next &+= 11
        #expect(rig.takeSegments().last?.acknowledgement == talk.next)
        #expect(talk.hostSocket.isShutDown)
        expectRamp(talk.hostSocket.sent, 0..<10)
        // The other half still works.
        talk.hostSends(ramp(0..<500))
        expectRamp(talk.receiveAll(), 0..<500)
        talk.hostEnds()
        let end = try #require(rig.takeSegments().last)
        #expect(end.flags == [.fin, .ack] && end.sequence == talk.expected)
        talk.expected &+= 1
        talk.send(.ack)
        #expect(talk.hostSocket.isClosed)
        #expect(rig.counters[.tcpFlows] == 0)
        #expect(rig.counters[.tcpClosed] == 1)
        rig.expectNoLeak()
    }

    @Test func hostEndsFirstAndTheTupleRests() throws {
        talk.hostSends(ramp(0..<100))
        talk.hostEnds()
        let segments = rig.takeSegments()
        #expect(segments.map(\.flags) == [[.ack, .psh], [.fin, .ack]])
        talk.expected &+= 101
        talk.send(.ack)
        // The guest goes on sending.
        talk.sendData(ramp(0..<300))
        expectRamp(talk.hostSocket.sent, 0..<300)
        talk.send([.fin, .ack])
        talk.next &+= 1
        #expect(rig.takeSegments().last?.acknowledgement == talk.next)
        #expect(talk.hostSocket.isShutDown && talk.hostSocket.isClosed)
        #expect(rig.counters[.tcpFlows] == 1)
        // Its FIN again is acknowledged again.
        talk.send([.fin, .ack], sequence: talk.next &- 1)
        #expect(rig.takeSegments().map(\.acknowledgement) == [talk.next])
        rig.advance(milliseconds: 11_000)
        #expect(rig.counters[.tcpFlows] == 0)
        #expect(rig.nextDeadline == nil)
    }

    @Test func bothEndAtOnce() throws {
        talk.hostEnds()
        #expect(rig.takeSegments().map(\.flags) == [[.fin, .ack]])
        // The guest's FIN crosses ours: it acknowledges nothing of it.
        talk.send([.fin, .ack])
        talk.next &+= 1
        #expect(rig.takeSegments().last?.acknowledgement == talk.next)
        #expect(talk.hostSocket.isShutDown && !talk.hostSocket.isClosed)
        talk.expected &+= 1
        talk.send(.ack)
        #expect(talk.hostSocket.isClosed)
        rig.advance(milliseconds: 11_000)
        #expect(rig.counters[.tcpFlows] == 0)
    }

    @Test func lostFINIsSentAgain() throws {
        talk.hostEnds()
        _ = rig.takeSent()
        rig.advance(milliseconds: 1100)
        #expect(rig.takeSegments().map(\.flags) == [[.fin, .ack]])
        talk.expected &+= 1
        talk.send(.ack)
        rig.advance(milliseconds: 5000)
        #expect(rig.takeSegments().isEmpty)
    }

    @Test func lostDataAndFINAreSentAgainInOrder() throws {
        talk.hostSends(ramp(0..<100))
        talk.hostEnds()
        _ = rig.takeSent()
        rig.advance(milliseconds: 1100)
        let again = rig.takeSegments()
        expectRamp(again.first?.payload ?? [], 0..<100)
        talk.expected &+= 100
        talk.send(.ack)
        let end = rig.takeSegments() + again
        #expect(end.contains { $0.flags == [.fin, .ack] && $0.sequence == talk.expected })
    }

    @Test func spilledDataGoesBeforeTheEnd() throws {
        rig.host.sockets[talk.socket].room = 10
        talk.send([.fin, .ack], payload: ramp(0..<1000))
        talk.next &+= 1001
        #expect(rig.takeSegments().last?.acknowledgement == talk.next)
        #expect(!talk.hostSocket.isShutDown)
        rig.host.sockets[talk.socket].room = .max
        rig.ready(talk.socket, .writable)
        expectRamp(talk.hostSocket.sent, 0..<1000)
        #expect(talk.hostSocket.isShutDown)
    }

    @Test func guestResetReachesTheHost() throws {
        talk.send(.rst)
        #expect(talk.hostSocket.isReset)
        #expect(rig.counters[.tcpFlows] == 0)
        #expect(rig.takeSent().isEmpty)
    }

    @Test func inexactResetIsAskedAbout() throws {
        talk.send(.rst, sequence: talk.next &+ 5)
        #expect(!talk.hostSocket.isReset)
        #expect(rig.takeSegments().map(\.acknowledgement) == [talk.next])
        // Out of the window it is nothing.
        talk.send(.rst, sequence: talk.next &- 5)
        talk.send(.rst, sequence: talk.next &+ 0x2000_0000)
        #expect(rig.takeSent().isEmpty)
        #expect(rig.counters[.tcpFlows] == 1)
    }

    @Test func synIntoAConnectionIsAskedAbout() throws {
        talk.send(.syn, options: usualOptions)
        #expect(rig.takeSegments().map(\.flags) == [.ack])
        #expect(rig.counters[.tcpFlows] == 1)
    }

    @Test func hostResetReachesTheGuest() throws {
        rig.host.sockets[talk.socket].received = ramp(0..<100)
        rig.host.sockets[talk.socket].error = .reset
        rig.ready(talk.socket, [.readable, .error])
        let segments = rig.takeSegments()
        // What had come before the break is delivered still.
        expectRamp(segments.first?.payload ?? [], 0..<100)
        #expect(segments.last?.flags == [.rst, .ack])
        #expect(segments.last?.sequence == talk.expected &+ 100)
        #expect(rig.counters[.tcpFlows] == 0)
    }

    @Test func sendingIntoABrokenHostSocketResetsTheGuest() throws {
        rig.host.sockets[talk.socket].error = .reset
        talk.sendData(ramp(0..<100))
        #expect(rig.takeSegments().last?.flags == [.rst, .ack])
        #expect(talk.hostSocket.isReset)
        #expect(rig.counters[.tcpFlows] == 0)
    }

    @Test func aRestingTupleIsReusedByAHigherSYN() throws {
        talk.hostEnds()
        talk.expected &+= 1
        talk.send([.fin, .ack])
        talk.next &+= 1
        #expect(talk.hostSocket.isClosed)
        _ = rig.takeSent()
        // A late copy of the old SYN does not open it again.
        talk.send(.syn, sequence: 1000, options: usualOptions)
        #expect(rig.host.sockets.count == 1)
        #expect(rig.takeSegments().map(\.flags) == [.ack])
        let again = Conversation(rig, initial: talk.next &+ 10_000)
        try again.open()
        #expect(rig.host.sockets.count == 2)
        again.sendData(ramp(0..<10))
        expectRamp(again.hostSocket.sent, 0..<10)
    }

    @Test func staleReadinessOfAnOlderUserIsIgnored() throws {
        let token = rig.host.sockets[talk.socket].token
        talk.send(.rst)
        let other = Conversation(rig, from: 40_001)
        try other.open()
        rig.gateway.hostReady(
            token,
            events: [.readable, .error],
            pool: &rig.pool,
            host: &rig.host,
            output: &rig.output,
            now: rig.now
        )
        rig.settle()
        #expect(rig.takeSent().isEmpty)
        #expect(rig.counters[.tcpFlows] == 1)
    }

    @Test func unsentDataIsDeliveredBeforeAHangUpThatCameWithIt() throws {
        rig.host.sockets[talk.socket].received = ramp(0..<200_000)
        rig.host.sockets[talk.socket].isEnded = true
        rig.ready(talk.socket, [.readable, .readHangUp])
        expectRamp(talk.receiveAll(), 0..<200_000)
        // The end needs no further readiness: there will be none.
        talk.send(.ack)
        rig.advance(milliseconds: 300)
        talk.expected &+= 1
        talk.send([.fin, .ack])
        #expect(talk.hostSocket.isClosed)
    }
}
