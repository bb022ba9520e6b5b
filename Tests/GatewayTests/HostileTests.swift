// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import TestSupport
import Testing
import Wire

/// Guests that mean harm: nothing they send may trap, hang, leak a frame, or take service from others for good.
@Suite struct HostileTests {
    @Test(arguments: 1...8)
    func randomFramesAreSurvived(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let rig = try Rig { $0.isDHCPEnabled = true }
        for _ in 0..<2000 {
            var bytes = random.bytes(random.number(0...200))
            // Most of them at least look like something for us.
            if bytes.count >= 14, random.number(0...9) > 0 {
                for index in 0..<6 { bytes[index] = rig.mac.octet(index) }
                bytes[6] = 2
                bytes[12] = 8
                bytes[13] = random.number(0...9) == 0 ? 6 : 0
            }
            if bytes.count > 14, random.number(0...3) > 0 { bytes[14] = 0x45 }
            let header = VirtioNetHeader(
                flags: .init(rawValue: UInt8(random.number(0...3))),
                gsoType: .init(rawValue: UInt8(random.number(0...6))),
                headerLength: UInt16(random.number(0...100)),
                gsoSize: UInt16(random.number(0...2000)),
                checksumStart: UInt16(random.number(0...60)),
                checksumOffset: UInt16(random.number(0...20))
            )
            rig.inject(bytes, header: random.number(0...1) == 0 ? .plain : header)
            _ = rig.takeSent()
        }
        rig.advance(milliseconds: 1_000_000)
        rig.expectNoLeak()
    }

    /// Good frames with some bytes changed, checksums trusted: they reach deep into the code.
    @Test(arguments: 11...22)
    func damagedFramesAreSurvived(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let rig = try Rig {
            $0.isDHCPEnabled = true
            $0.resolvers = [HostEndpoint(address: .loopback, port: 53)]
            $0.limits.tcpFlowCount = 32
            $0.limits.udpFlowCount = 16
            $0.limits.spillChunkCount = 8
        }
        let guest = Guest(rig)
        rig.host.defaultAnswer = seed % 2 == 0 ? .connect : .wait
        var numbers: [UInt32] = [1000]
        for round in 0..<3000 {
            let port = UInt16(40_000 + random.number(0...40))
            let flags = TCPFlags(rawValue: UInt8(random.number(0...63)))
            var bytes: [UInt8]
            switch random.number(0...5) {
            case 0:
                bytes = guest.udp(
                    to: random.number(0...1) == 0 ? IPv4Address(10, 0, 2, 3) : Rig.far,
                    53,
                    from: port,
                    random.bytes(random.number(0...80))
                )
            case 1:
                bytes = guest.arp(random.number(1...2), target: IPv4Address(10, 0, 2, UInt8(random.number(0...255))))
            case 2: bytes = guest.echoRequest(to: IPv4Address(10, 0, 2, 2), random.bytes(40))
            default:
                bytes = guest.tcp(
                    to: Rig.far,
                    80,
                    from: port,
                    sequence: numbers.randomElement(using: &random)! &+ UInt32(random.number(0...3)),
                    acknowledgement: numbers.randomElement(using: &random)! &+ UInt32(random.number(0...2)),
                    flags: random.number(0...2) == 0 ? .syn : flags,
                    window: random.number(0...65_535),
                    payload: random.bytes(random.number(0...2) * random.number(0...700)),
                    options: random.number(0...1) == 0 ? usualOptions : []
                )
            }
            for _ in 0..<random.number(0...2) {
                bytes[random.number(12...bytes.count - 1)] ^= UInt8(random.number(1...255))
            }
            let isTrusted = random.number(0...9) > 0
            rig.inject(bytes, header: isTrusted ? VirtioNetHeader(flags: .dataValid) : .plain)
            // What the gateway says gives numbers that hit.
            for segment in rig.takeSegments() {
                numbers.append(segment.sequence &+ 1)
                numbers.append(segment.acknowledgement)
            }
            if numbers.count > 50 { numbers.removeFirst(numbers.count - 50) }
            // The host does what hosts do.
            if !rig.host.sockets.isEmpty, round % 3 == 0 {
                let index = random.number(max(0, rig.host.sockets.count - 20)...rig.host.sockets.count - 1)
                let socket = rig.host.sockets[index]
                if !socket.isClosed, !socket.isReset {
                    switch random.number(0...4) {
                    case 0: rig.host.sockets[index].isConnected = true
                    case 1: rig.host.sockets[index].received += random.bytes(random.number(1...5000))
                    case 2: rig.host.sockets[index].isEnded = true
                    case 3:
                        rig.host.sockets[index].error = [.refused, .reset, .hostUnreachable].randomElement(
                            using: &random
                        )
                    default: rig.host.sockets[index].room = random.number(0...2000)
                    }
                    if socket.isUDP {
                        rig.host.sockets[index].receivedDatagrams.append(random.bytes(random.number(0...3000)))
                    }
                    rig.ready(index, HostEvents(rawValue: UInt32(random.number(0...31))))
                }
            }
            if round % 20 == 0 { rig.advance(milliseconds: random.number(1...3000)) }
            _ = rig.takeSent()
        }
        rig.advance(milliseconds: 3_600_000)
        _ = rig.takeSent()
        rig.expectNoLeak()
        #expect(rig.counters[.udpFlows] == 0)
        #expect(rig.counters[.tcpHalfOpen] == 0)
        #expect(Int(rig.counters[.tcpFlows]) == rig.host.sockets.count { !$0.isUDP && !$0.isClosed && !$0.isReset })
    }

    @Test func halfOpenConnectionsAreLimited() throws {
        let rig = try Rig { $0.limits.halfOpenCount = 10 }
        rig.host.defaultAnswer = .wait
        for port in 0..<50 { Conversation(rig, from: 10_000 + UInt16(port)).send(.syn, options: usualOptions) }
        #expect(rig.host.sockets.count == 10)
        #expect(rig.counters[.tcpRefused] == 40)
        // They give up in time, then there is room again.
        rig.advance(milliseconds: 200_000)
        #expect(rig.counters[.tcpHalfOpen] == 0)
        Conversation(rig, from: 20_000).send(.syn, options: usualOptions)
        #expect(rig.host.sockets.count == 11)
    }

    @Test func aFullTableRefusesAndRestingTuplesMakeRoom() throws {
        let rig = try Rig { $0.limits.tcpFlowCount = 8 }
        var talks: [Conversation] = []
        for port in 0..<8 {
            let talk = Conversation(rig, from: 10_000 + UInt16(port))
            try talk.open()
            talks.append(talk)
        }
        Conversation(rig, from: 20_000).send(.syn, options: usualOptions)
        #expect(rig.takeSent().isEmpty && rig.counters[.tcpRefused] == 1)
        talks[0].hostEnds()
        talks[0].expected &+= 1
        talks[0].send([.fin, .ack])
        #expect(talks[0].hostSocket.isClosed)
        _ = rig.takeSent()
        try Conversation(rig, from: 20_000).open()
        #expect(rig.counters[.tcpFlows] == 8)
    }

    @Test func longSilentConnectionsMakeRoomInAFullTable() throws {
        let rig = try Rig { $0.limits.tcpFlowCount = 4 }
        var talks: [Conversation] = []
        for port in 0..<4 {
            let talk = Conversation(rig, from: 10_000 + UInt16(port))
            try talk.open()
            talks.append(talk)
        }
        rig.advance(milliseconds: 200_000)
        talks[0].sendData([1])
        rig.advance(milliseconds: 150_000)
        _ = rig.takeSent()
        try Conversation(rig, from: 20_000).open()
        #expect(rig.counters[.tcpEvicted] == 1)
        #expect(!talks[0].hostSocket.isReset)
        #expect(talks[1...].count { $0.hostSocket.isReset } == 1)
    }

    @Test func spilledDataOfABrokenConnectionIsFreed() throws {
        let rig = try Rig()
        let talk = Conversation(rig)
        try talk.open()
        rig.host.sockets[talk.socket].room = 0
        for _ in 0..<4 { talk.sendData(ramp(0..<50_000)) }
        #expect(rig.counters[.spillChunks] > 4)
        talk.send(.rst)
        #expect(rig.counters[.spillChunks] == 0)
    }

    @Test func aHostThatBreaksWhileDataIsHeldBackResetsTheGuest() throws {
        let rig = try Rig()
        let talk = Conversation(rig)
        try talk.open()
        rig.host.sockets[talk.socket].room = 0
        talk.sendData(ramp(0..<50_000))
        _ = rig.takeSent()
        rig.host.sockets[talk.socket].error = .reset
        rig.ready(talk.socket, [.writable, .error])
        #expect(rig.takeSegments().last?.flags == [.rst, .ack])
        #expect(rig.counters[.spillChunks] == 0)
    }

    @Test func aGuestThatMovesToAnotherStationIsFollowed() throws {
        let rig = try Rig()
        let talk = Conversation(rig)
        try talk.open()
        var frame = talk.frame([.ack, .psh], payload: [1])
        frame[11] = 0xbb
        rig.inject(frame)
        #expect(rig.takeSent().last?.destination == MACAddress(rawValue: 0x0200_0000_00bb))
    }

    @Test func spilledDataIsLimitedInAll() throws {
        let rig = try Rig { $0.limits.spillChunkCount = 8 }
        var held = 0
        for port in 0..<6 {
            let talk = Conversation(rig, from: 10_000 + UInt16(port))
            try talk.open()
            rig.host.sockets[talk.socket].room = 0
            for _ in 0..<3 {
                let before = talk.next
                talk.send([.ack], payload: ramp(0..<50_000))
                if let answer = rig.takeSegments().last { talk.next = answer.acknowledgement }
                held += Int(talk.next &- before)
            }
        }
        #expect(held <= 8 * 32 * 1024)
        #expect(rig.counters[.spillChunks] <= 8)
        // Refused bytes were not acknowledged; when the hosts take the rest, all is free again.
        for index in rig.host.sockets.indices {
            rig.host.sockets[index].room = .max
            rig.ready(index, .writable)
        }
        #expect(rig.counters[.spillChunks] == 0)
        #expect(rig.host.sockets.reduce(0) { $0 + $1.sent.count } == held)
    }

    @Test func aTinySegmentSizeIsNotBelieved() throws {
        let rig = try Rig()
        let talk = Conversation(rig)
        try talk.open(options: [2, 4, 0, 1])
        talk.hostSends(ramp(0..<1000))
        talk.hostSends(ramp(1000..<100_000))
        let segments = rig.takeSegments()
        #expect(segments.first?.gsoSize == 88)
        #expect(segments.contains { $0.payload.count > 1000 })
        #expect(segments.allSatisfy { $0.payload.count <= 88 * WireTunables.maximumTCPSegmentCount })
    }

    @Test func aFullBurstLosesNothing() throws {
        let rig = try Rig(capacity: 1)
        let talk = Conversation(rig)
        try talk.open()
        talk.hostSends(ramp(0..<300_000))
        expectRamp(talk.receiveAll(), 0..<300_000)
        talk.sendData(ramp(0..<10_000))
        expectRamp(talk.hostSocket.sent, 0..<10_000)
        rig.expectNoLeak()
    }

    @Test func anEmptyPoolLosesNothing() throws {
        let rig = try Rig()
        let talk = Conversation(rig)
        try talk.open()
        // Somebody else holds all large slots.
        var frames = [rig.pool.allocateLarge()]
        while let frame = rig.pool.allocateLarge() { frames.append(frame) }
        rig.host.sockets[talk.socket].received = ramp(0..<10_000)
        rig.gateway.hostReady(
            rig.host.sockets[talk.socket].token,
            events: .readable,
            pool: &rig.pool,
            host: &rig.host,
            output: &rig.output,
            now: rig.now
        )
        rig.gateway.finishBurst(pool: &rig.pool, host: &rig.host, output: &rig.output, now: rig.now)
        let isSilent = rig.output.isEmpty
        #expect(isSilent)
        #expect(rig.hasPendingWork)
        for frame in frames { if let frame { rig.pool.release(frame) } }
        rig.settle()
        expectRamp(talk.receiveAll(), 0..<10_000)
    }
}
