// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import Testing
import Wire

@Suite struct TCPOutboundTests {
    let rig: Rig

    init() throws { rig = try Rig() }

    @Test func handshakeAnswersOnlyWhenTheHostIsConnected() throws {
        rig.host.defaultAnswer = .wait
        let talk = Conversation(rig)
        talk.send(.syn, options: usualOptions)
        #expect(rig.takeSent().isEmpty)
        // SYN again while the host is connecting opens nothing new.
        talk.send(.syn, options: usualOptions)
        #expect(rig.host.sockets.count == 1)
        rig.host.sockets[0].isConnected = true
        rig.ready(0, .writable)
        let answer = try #require(rig.takeSegments().first)
        #expect(answer.flags == [.syn, .ack])
        #expect(answer.acknowledgement == 1001)
        #expect(answer.options.maximumSegmentSize == 1460)
        #expect(answer.options.windowScale == 7)
        #expect(!answer.options.sackPermitted)
        #expect(rig.counters[.tcpHalfOpen] == 1)
        talk.next = 1001
        talk.expected = answer.sequence &+ 1
        talk.send(.ack)
        #expect(rig.counters[.tcpHalfOpen] == 0)
        rig.expectNoLeak()
    }

    @Test func repeatedSYNIsAnsweredTheSameAgain() throws {
        let talk = Conversation(rig)
        talk.send(.syn, options: usualOptions)
        let first = try #require(rig.takeSegments().first)
        talk.send(.syn, options: usualOptions)
        let second = try #require(rig.takeSegments().first)
        #expect(first.sequence == second.sequence)
        #expect(rig.host.sockets.count == 1)
    }

    @Test func lostSYNACKIsSentAgainAndGivenUp() throws {
        let talk = Conversation(rig)
        talk.send(.syn, options: usualOptions)
        _ = rig.takeSent()
        rig.advance(milliseconds: 1100)
        #expect(rig.takeSegments().map(\.flags) == [[.syn, .ack]])
        rig.advance(milliseconds: 2100)
        #expect(rig.takeSegments().count == 1)
        rig.advance(milliseconds: 120_000)
        #expect(rig.host.sockets[0].isReset)
        #expect(rig.counters[.tcpFlows] == 0)
        #expect(rig.counters[.tcpTimedOut] == 1)
    }

    @Test func noWindowScaleWithoutTheGuestsConsent() throws {
        let talk = Conversation(rig)
        talk.send(.syn, options: [2, 4, 0x05, 0xb4])
        let answer = try #require(rig.takeSegments().first)
        #expect(answer.options.windowScale == nil)
        talk.next = 1001
        talk.expected = answer.sequence &+ 1
        talk.send(.ack)
        talk.sendData(ramp(0..<100))
        let acknowledgement = try #require(rig.takeSegments().first)
        #expect(acknowledgement.header.window == 65_535)
    }

    @Test func refusalIsAReset() throws {
        rig.host.defaultAnswer = .fail(.refused)
        let talk = Conversation(rig)
        talk.send(.syn, options: usualOptions)
        let answer = try #require(rig.takeSegments().first)
        #expect(answer.flags == [.rst, .ack])
        #expect(answer.acknowledgement == 1001)
        #expect(rig.counters[.tcpFlows] == 0)
    }

    @Test func laterRefusalIsAResetToo() throws {
        rig.host.defaultAnswer = .wait
        let talk = Conversation(rig)
        talk.send(.syn, options: usualOptions)
        rig.host.sockets[0].error = .refused
        rig.ready(0, .error)
        #expect(rig.takeSegments().first?.flags == [.rst, .ack])
        #expect(rig.host.sockets[0].isClosed)
    }

    @Test(arguments: [
        (HostError.networkUnreachable, UInt8(0)), (.hostUnreachable, 1), (.prohibited, 13), (.timedOut, 1),
    ])
    func unreachableIsToldByICMPWithTheGuestsOwnHeader(error: HostError, code: UInt8) throws {
        rig.host.defaultAnswer = .fail(error)
        let talk = Conversation(rig)
        talk.send(.syn, options: usualOptions)
        let frame = try #require(rig.takeSent().first)
        #expect(frame.ip?.protocolNumber == IPProtocol.icmp)
        let message = frame.packetPayload
        #expect(message[0] == 3 && message[1] == code)
        let header = IPv4Header.parse(message.span, at: 8)
        let quoted = try #require(header)
        #expect(quoted.source == Rig.guestIP && quoted.destination == Rig.far && quoted.protocolNumber == 6)
        // Ports 40000 and 80, sequence number 1000.
        #expect(Array(message[28..<36]) == [0x9c, 0x40, 0x00, 0x50, 0x00, 0x00, 0x03, 0xe8])
    }

    @Test(arguments: [
        "127.0.0.1", "224.0.0.1", "255.255.255.255", "0.1.2.3", "10.0.2.77", "10.0.2.255", "240.0.0.1",
    ])
    func addressesThatAreNotElsewhereAreProhibited(text: String) throws {
        let address = try #require(IPv4Address(text))
        let talk = Conversation(rig, to: address)
        talk.send(.syn, options: usualOptions)
        #expect(rig.host.sockets.isEmpty)
        #expect(rig.counters[.prohibited] == 1)
        #expect(rig.takeSegments().isEmpty)
    }

    @Test func theGatewayAddressIsTheHostsLoopback() throws {
        let talk = Conversation(rig, to: IPv4Address(10, 0, 2, 2), 8080)
        talk.send(.syn, options: usualOptions)
        #expect(rig.host.sockets[0].endpoint == HostEndpoint(address: .loopback, port: 8080))
    }

    @Test func theHostsLoopbackCanBeClosed() throws {
        let rig = try Rig { $0.reachesHostLoopback = false }
        Conversation(rig, to: IPv4Address(10, 0, 2, 2), 8080).send(.syn, options: usualOptions)
        #expect(rig.host.sockets.isEmpty)
        #expect(rig.takeSegments().first?.flags == [.rst, .ack])
    }

    @Test func segmentsWithoutConnectionAreReset() throws {
        let talk = Conversation(rig)
        talk.expected = 777
        talk.send(.ack, payload: [1, 2, 3])
        let answer = try #require(rig.takeSegments().first)
        #expect(answer.flags == .rst && answer.sequence == 777)
        talk.send(.fin, payload: [1, 2])
        let other = try #require(rig.takeSegments().first)
        #expect(other.flags == [.rst, .ack] && other.acknowledgement == 1003)
        talk.send([.rst, .ack])
        #expect(rig.takeSent().isEmpty)
    }

    @Test func guestDataReachesTheHostAndIsAcknowledgedOnceABurst() throws {
        let talk = Conversation(rig)
        try talk.open()
        for part in 0..<4 {
            rig.receive(talk.frame([.ack, .psh], payload: ramp(part * 1000..<(part + 1) * 1000)))
            talk.next &+= 1000
        }
        #expect(rig.takeSent().isEmpty)
        rig.settle()
        let segments = rig.takeSegments()
        #expect(segments.count == 1)
        #expect(segments[0].flags == .ack && segments[0].acknowledgement == talk.next)
        expectRamp(talk.hostSocket.sent, 0..<4000)
        rig.expectNoLeak()
    }

    @Test func superFramesWithPartialChecksumsAreTaken() throws {
        let talk = Conversation(rig)
        try talk.open()
        var bytes = talk.frame([.ack, .psh], payload: ramp(0..<40_000))
        bytes[50] = 0xde  // The checksum is left to us.
        bytes[51] = 0xad
        rig.inject(
            bytes,
            header: VirtioNetHeader(
                flags: .needsChecksum,
                gsoType: .tcpv4,
                headerLength: 54,
                gsoSize: 1460,
                checksumStart: 34,
                checksumOffset: 16
            )
        )
        expectRamp(talk.hostSocket.sent, 0..<40_000)
    }

    @Test func wrongChecksumsAreDropped() throws {
        let talk = Conversation(rig)
        try talk.open()
        var bytes = talk.frame([.ack, .psh], payload: ramp(0..<100))
        bytes[60] ^= 1
        rig.inject(bytes)
        #expect(talk.hostSocket.sent.isEmpty)
        #expect(rig.counters[.badChecksum] == 1)
        #expect(rig.takeSent().isEmpty)
    }

    @Test func hostDataReachesTheGuestInSuperFrames() throws {
        let talk = Conversation(rig)
        try talk.open()
        talk.hostSends(ramp(0..<100_000))
        let first = try #require(rig.sent.first?.tcp)
        #expect(first.payload.count == 44 * 1460)
        #expect(first.gsoSize == 1460)
        expectRamp(talk.receiveAll(), 0..<100_000)
        #expect(talk.hostSocket.discarded == 100_000)
        rig.expectNoLeak()
    }

    @Test func theGuestsSegmentSizeIsKept() throws {
        let talk = Conversation(rig)
        try talk.open(options: [2, 4, 0x02, 0x18, 1, 3, 3, 7])
        talk.hostSends(ramp(0..<5000))
        let first = try #require(rig.sent.first?.tcp)
        #expect(first.gsoSize == 536)
        expectRamp(talk.receiveAll(), 0..<5000)
    }

    @Test func nothingBeyondTheGuestsWindowIsSent() throws {
        let talk = Conversation(rig)
        try talk.open(options: [2, 4, 0x05, 0xb4], window: 4000)
        talk.hostSends(ramp(0..<20_000))
        var received = 0
        for segment in rig.takeSegments() { received += segment.payload.count }
        #expect(received <= 4000 && received > 1460)
        talk.expected &+= UInt32(received)
        talk.send(.ack, window: 4000)
        let more = rig.takeSegments().reduce(0) { $0 + $1.payload.count }
        #expect(more <= 4000 && more > 1460)
    }

    @Test func acknowledgementsRideOnData() throws {
        let talk = Conversation(rig)
        try talk.open()
        rig.host.sockets[talk.socket].received += ramp(0..<10)
        rig.receive(talk.frame([.ack, .psh], payload: [1, 2, 3]))
        talk.next &+= 3
        rig.gateway.hostReady(
            rig.host.sockets[talk.socket].token,
            events: .readable,
            pool: &rig.pool,
            host: &rig.host,
            output: &rig.output,
            now: rig.now
        )
        rig.settle()
        let segments = rig.takeSegments()
        #expect(segments.count == 1)
        #expect(segments[0].payload.count == 10 && segments[0].acknowledgement == talk.next)
    }

    @Test func sequenceNumbersWrapAround() throws {
        let talk = Conversation(rig, initial: 0xffff_ff00)
        try talk.open()
        talk.sendData(ramp(0..<1000))
        talk.sendData(ramp(1000..<2000))
        expectRamp(talk.hostSocket.sent, 0..<2000)
        #expect(rig.takeSegments().last?.acknowledgement == talk.next)
        #expect(talk.next < 2000)
    }

    @Test func ourOwnNumbersWrapAround() throws {
        // Bring the send side close to its end by a lot of data: 4 GiB are too many for a test, so look for a start.
        var port: UInt16 = 1024
        while true {
            let talk = Conversation(rig, from: port)
            rig.now += 16_000_000_000_000 / 64
            talk.send(.syn, options: usualOptions)
            let answer = try #require(rig.takeSegments().last)
            talk.next = 1001
            talk.expected = answer.sequence &+ 1
            if answer.sequence > 0xffff_ffff - 1_000_000 {
                talk.socket = rig.host.sockets.count - 1
                talk.send(.ack)
                talk.hostSends(ramp(0..<1_500_000))
                let received = talk.receiveAll()
                expectRamp(received, 0..<1_500_000)
                #expect(talk.expected < 0x8000_0000)
                return
            }
            talk.send(.rst)
            port += 1
            try #require(port < 60_000)
        }
    }

    @Test func newDataDoesNotWaitForOtherFlows() throws {
        let talks = try (0..<8).map { number in
            let talk = Conversation(rig, from: 41_000 + UInt16(number))
            try talk.open()
            return talk
        }
        for talk in talks { rig.host.sockets[talk.socket].received = ramp(0..<1_000_000) }
        for talk in talks {
            rig.gateway.hostReady(
                rig.host.sockets[talk.socket].token,
                events: .readable,
                pool: &rig.pool,
                host: &rig.host,
                output: &rig.output,
                now: rig.now
            )
        }
        rig.settle()
        var shares: [UInt16: Int] = [:]
        for segment in rig.takeSegments() {
            shares[segment.header.destinationPort, default: 0] += segment.payload.count
        }
        #expect(shares.count == 8)
        #expect(shares.values.min()! * 2 > shares.values.max()!)
    }
}
