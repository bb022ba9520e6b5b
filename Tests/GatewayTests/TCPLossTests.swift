// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import Testing
import Wire

@Suite struct TCPLossTests {
    let rig: Rig
    let talk: Conversation

    init() throws {
        rig = try Rig()
        talk = Conversation(rig)
        try talk.open()
    }

    @Test func dataOutOfOrderIsAskedForAgain() {
        talk.send([.ack], sequence: talk.next &+ 100, payload: ramp(100..<200))
        let answers = rig.takeSegments()
        #expect(answers.count == 1)
        #expect(answers[0].acknowledgement == talk.next)
        #expect(talk.hostSocket.sent.isEmpty)
        talk.sendData(ramp(0..<100))
        talk.sendData(ramp(100..<200))
        expectRamp(talk.hostSocket.sent, 0..<200)
        #expect(rig.counters[.tcpOutOfOrder] == 1)
    }

    @Test func overlappingDataIsTakenFromTheRightOffset() {
        talk.sendData(ramp(0..<100))
        _ = rig.takeSent()
        talk.send([.ack], sequence: talk.next &- 60, payload: ramp(40..<160))
        talk.next &+= 60
        expectRamp(talk.hostSocket.sent, 0..<160)
        #expect(rig.takeSegments().last?.acknowledgement == talk.next)
    }

    @Test func repeatedDataIsAcknowledgedAndNotDeliveredTwice() {
        talk.sendData(ramp(0..<100))
        _ = rig.takeSent()
        talk.send([.ack, .psh], sequence: talk.next &- 100, payload: ramp(0..<100))
        expectRamp(talk.hostSocket.sent, 0..<100)
        #expect(rig.takeSegments().map(\.acknowledgement) == [talk.next])
    }

    @Test func keepAliveProbesAreAnswered() {
        talk.send(.ack, sequence: talk.next &- 1)
        #expect(rig.takeSegments().map(\.acknowledgement) == [talk.next])
    }

    @Test func acknowledgementOfTheUnsentIsRefused() {
        talk.send([.ack], acknowledgement: talk.expected &+ 1000, payload: [1, 2, 3])
        #expect(rig.takeSegments().map(\.acknowledgement) == [talk.next])
        #expect(talk.hostSocket.sent.isEmpty)
    }

    @Test func whatTheHostDoesNotTakeIsKeptAndTheWindowShrinks() throws {
        rig.host.sockets[talk.socket].room = 1000
        talk.sendData(ramp(0..<40_000))
        let first = try #require(rig.takeSegments().last)
        #expect(first.acknowledgement == talk.next)
        #expect(talk.hostSocket.sent.count == 1000)
        #expect(Int(first.header.window) << 7 <= (1 << 20) - 39_000)
        rig.host.sockets[talk.socket].room = 1 << 30
        rig.ready(talk.socket, .writable)
        expectRamp(talk.hostSocket.sent, 0..<40_000)
        let update = try #require(rig.takeSegments().last)
        #expect(Int(update.header.window) << 7 > (1 << 20) - 200)
        #expect(rig.counters[.spillChunks] == 0)
    }

    @Test func aBlockedHostShutsTheWindowAndLosesNothing() throws {
        rig.host.sockets[talk.socket].room = 0
        var offset = 0
        var window = 65_535
        // Fill whatever is offered.
        for _ in 0..<200 where window > 0 {
            let size = min(window, 60_000)
            talk.sendData(ramp(offset..<offset + size))
            offset += size
            let answer = try #require(rig.takeSegments().last)
            #expect(answer.acknowledgement == talk.next)
            window = Int(answer.header.window) << 7
        }
        #expect(window == 0)
        #expect(offset <= 1 << 20 && offset > (1 << 20) - 200)
        // Data into the shut window is refused, its sender told.
        talk.send([.ack], payload: ramp(offset..<offset + 1000))
        // The announced edge is in steps of 128 bytes, the true one may lie behind it.
        let answer = try #require(rig.takeSegments().last)
        #expect(answer.acknowledgement &- talk.next < 128 && answer.header.window == 0)
        offset += Int(answer.acknowledgement &- talk.next)
        #expect(rig.counters[.tcpOutOfWindow] > 0)
        rig.host.sockets[talk.socket].room = .max
        rig.ready(talk.socket, .writable)
        #expect(try #require(rig.takeSegments().last).header.window > 0)
        expectRamp(talk.hostSocket.sent, 0..<offset)
    }

    @Test func dataBeyondTheWindowIsCutOff() throws {
        let rig = try Rig { $0.limits.spillByteCountPerFlow = 4096 }
        let talk = Conversation(rig)
        try talk.open()
        rig.host.sockets[talk.socket].room = 0
        talk.send([.ack], payload: ramp(0..<10_000))
        let answer = try #require(rig.takeSegments().last)
        #expect(answer.acknowledgement == talk.next &+ 4096)
        #expect(answer.header.window == 0)
    }

    @Test func threeDuplicatesBringTheLostSegmentBack() throws {
        talk.hostSends(ramp(0..<10_000))
        let lost = try #require(rig.takeSegments().first)
        #expect(lost.sequence == talk.expected)
        for _ in 0..<2 { talk.send(.ack) }
        #expect(rig.takeSegments().isEmpty)
        talk.send(.ack)
        let again = try #require(rig.takeSegments().first)
        #expect(again.sequence == talk.expected)
        #expect(again.payload == Array(lost.payload.prefix(1460)))
        #expect(rig.counters[.tcpRetransmits] == 1)
        talk.expected &+= 10_000
        talk.send(.ack)
        #expect(talk.hostSocket.discarded == 10_000)
    }

    @Test func partialAcknowledgementsFillTheNextHole() throws {
        talk.hostSends(ramp(0..<100_000))
        _ = rig.takeSent()
        for _ in 0..<3 { talk.send(.ack) }
        #expect(try #require(rig.takeSegments().first).payload.count == 1460)
        talk.expected &+= 1460
        talk.send(.ack)
        let next = try #require(rig.takeSegments().first)
        #expect(next.sequence == talk.expected && next.payload.count == 2 * 1460)
        // Duplicates of the same loss start no second recovery.
        for _ in 0..<5 { talk.send(.ack) }
        #expect(rig.takeSegments().allSatisfy { $0.sequence != talk.expected })
    }

    @Test func silenceBringsEverythingBackWithBackoff() throws {
        talk.hostSends(ramp(0..<3000))
        let first = rig.takeSegments()
        rig.advance(milliseconds: 1100)
        let again = rig.takeSegments()
        #expect(again.first?.sequence == first.first?.sequence)
        #expect(again.count == 1 && again[0].payload.count == 1460)
        rig.advance(milliseconds: 1500)
        #expect(rig.takeSegments().isEmpty)
        rig.advance(milliseconds: 600)
        #expect(rig.takeSegments().count == 1)
        talk.expected &+= 1460
        talk.send(.ack)
        let rest = rig.takeSegments()
        #expect(rest.map(\.sequence) == [talk.expected])
        #expect(talk.hostSocket.discarded == 1460)
        talk.expected &+= 1540
        talk.send(.ack)
        #expect(talk.hostSocket.discarded == 3000)
        #expect(rig.nextDeadline == nil || rig.counters[.tcpFlows] == 1)
    }

    @Test func roundTripsShortenTheTimeout() throws {
        talk.hostSends(ramp(0..<100))
        _ = rig.takeSent()
        rig.now += 1_000_000
        talk.expected &+= 100
        talk.send(.ack)
        talk.hostSends(ramp(100..<200))
        _ = rig.takeSent()
        rig.advance(milliseconds: 190)
        #expect(rig.takeSent().isEmpty)
        rig.advance(milliseconds: 40)
        #expect(rig.takeSegments().count == 1)
    }

    @Test func aGuestThatNeverAnswersIsGivenUp() throws {
        talk.hostSends(ramp(0..<100))
        rig.advance(milliseconds: 20 * 60 * 1000)
        #expect(rig.counters[.tcpFlows] == 0)
        #expect(talk.hostSocket.isReset)
        #expect(rig.takeSegments().last?.flags.contains(.rst) == true)
    }

    @Test func aShutWindowIsProbedUntilItOpens() throws {
        talk.send(.ack, window: 0)
        talk.hostSends(ramp(0..<5000))
        #expect(rig.takeSent().isEmpty)
        rig.advance(milliseconds: 1100)
        let probe = try #require(rig.takeSegments().first)
        #expect(probe.sequence == talk.expected &- 1 && probe.payload.isEmpty)
        // The guest lives but keeps it shut, for hours.
        for _ in 0..<100 {
            talk.send(.ack, window: 0)
            rig.advance(milliseconds: 65_000)
            #expect(!rig.takeSegments().isEmpty)
        }
        #expect(rig.counters[.tcpFlows] == 1)
        talk.send(.ack)
        expectRamp(talk.receiveAll(), 0..<5000)
    }

    @Test func aShutWindowOfADeadGuestEnds() throws {
        talk.send(.ack, window: 0)
        talk.hostSends(ramp(0..<5000))
        rig.advance(milliseconds: 20 * 60 * 1000)
        #expect(rig.counters[.tcpFlows] == 0)
        #expect(talk.hostSocket.isReset)
    }

    @Test func oldSegmentsDoNotChangeTheWindow() throws {
        talk.sendData([1, 2, 3])
        _ = rig.takeSent()
        // An older segment, reordered, with a shut window: not acceptable, only answered.
        talk.send(.ack, sequence: talk.next &- 3, window: 0)
        _ = rig.takeSent()
        talk.hostSends(ramp(0..<100))
        #expect(rig.takeSegments().first?.payload.count == 100)
    }

    @Test func theCongestionWindowHalvesOnLossAndGrowsAgain() throws {
        // The guest offers 8 MiB, the host has more: the first flight is the initial window.
        talk.hostSends(ramp(0..<2_000_000))
        let flight = rig.takeSegments().reduce(0) { $0 + $1.payload.count }
        #expect(flight <= 128 * 1024 && flight > 100 * 1024)
        let start = talk.expected
        talk.expected = start &+ UInt32(flight)
        talk.send(.ack)
        let second = rig.takeSegments().reduce(0) { $0 + $1.payload.count }
        #expect(second > flight * 3 / 2)
        for _ in 0..<3 { talk.send(.ack) }
        _ = rig.takeSent()
        talk.expected &+= UInt32(second)
        talk.send(.ack)
        let third = rig.takeSegments().reduce(0) { $0 + $1.payload.count }
        #expect(third <= second * 6 / 10 && third >= second * 3 / 10)
    }
}
