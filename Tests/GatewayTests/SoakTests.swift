// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import TestSupport
import Testing
import Wire

/// Everything at once: both directions, loss, repetition and exchange on both ways, a host that takes and gives in pieces.
@Suite struct SoakTests {
    static let cases: [(Faults, UInt64)] = [
        (Faults(), 1), (Faults(drop: 20), 2), (Faults(drop: 100), 3), (Faults(duplicate: 200), 4),
        (Faults(reorder: 200), 5), (Faults(drop: 50, duplicate: 50, reorder: 100), 6),
        (Faults(drop: 150, duplicate: 100, reorder: 200), 7), (Faults(drop: 50, duplicate: 50, reorder: 100), 8),
        (Faults(drop: 30, reorder: 50), 9), (Faults(drop: 30, reorder: 50), 10), (Faults(drop: 250), 11),
    ]

    @Test(arguments: cases)
    func everythingArrivesInOrder(faults: Faults, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let rig = try Rig { $0.limits.spillByteCountPerFlow = 128 * 1024 }
        let talk = Conversation(rig, initial: UInt32(truncatingIfNeeded: random.next()))
        try talk.open()
        let upload = random.number(100_000...400_000)
        let download = random.number(100_000...400_000)
        rig.host.sockets[talk.socket].room = 0
        var guest = ModelTCP(toSend: ramp(0..<upload), start: talk.next, peerStart: talk.expected)
        var toGateway = LossyLink<[UInt8]>(faults)
        var toGuest = LossyLink<SentSegment>(faults)
        var hostGiven = 0
        var turns = 0
        while !(guest.isDone && rig.host.sockets[talk.socket].isClosed) {
            turns += 1
            try #require(
                turns < 20_000,
                "no progress: \(guest.acknowledged)/\(upload) \(guest.received.count)/\(download)"
            )
            try #require(!guest.isReset)
            // The host takes some and gives some.
            if !rig.host.sockets[talk.socket].isClosed {
                if rig.host.sockets[talk.socket].room < 20_000, random.number(0...2) == 0 {
                    rig.host.sockets[talk.socket].room += random.number(1...30_000)
                    rig.ready(talk.socket, .writable)
                }
                if hostGiven < download, rig.host.sockets[talk.socket].received.count < 200_000 {
                    let size = min(random.number(1...40_000), download - hostGiven)
                    rig.host.sockets[talk.socket].received += ramp(hostGiven..<hostGiven + size)
                    hostGiven += size
                    rig.ready(talk.socket, .readable)
                } else if hostGiven == download, !rig.host.sockets[talk.socket].isEnded {
                    rig.host.sockets[talk.socket].isEnded = true
                    rig.ready(talk.socket, [.readable, .readHangUp])
                }
            }
            // The guest sends some.
            for _ in 0..<random.number(0...6) {
                guard let piece = guest.nextPiece(&random) else { break }
                let frame = talk.frame(
                    piece.isEnd ? [.ack, .psh, .fin] : [.ack, .psh],
                    sequence: guest.start &+ UInt32(piece.offset),
                    acknowledgement: guest.receiveNext,
                    payload: piece.data
                )
                for copy in toGateway.pass(frame, &random) { rig.receive(copy) }
            }
            if random.number(0...9) == 0 { for copy in toGateway.flush() { rig.receive(copy) } }
            rig.settle()
            // What the gateway said reaches the guest, in single segments as a wire carries them.
            for segment in rig.takeSegments() {
                for piece in cut(segment) {
                    for copy in toGuest.pass(piece, &random) where guest.take(copy) {
                        let frame = talk.frame(
                            .ack,
                            sequence: guest.sendMaximum,
                            acknowledgement: guest.receiveNext
                        )
                        for copy in toGateway.pass(frame, &random) { rig.receive(copy) }
                    }
                }
            }
            rig.settle()
            rig.advance(milliseconds: random.number(0...2) == 0 ? 1 : 0)
            // Silence on both sides: timers.
            if turns % 50 == 0 {
                rig.advance(milliseconds: 300)
                for copy in toGateway.flush() { rig.inject(copy) }
                if guest.sent > guest.acknowledged { guest.sent = guest.acknowledged }
                let frame = talk.frame(
                    .ack,
                    sequence: guest.sendMaximum,
                    acknowledgement: guest.receiveNext
                )
                rig.receive(frame)
            }
        }
        expectRamp(guest.received, 0..<download)
        expectRamp(rig.host.sockets[talk.socket].sent, 0..<upload)
        #expect(rig.host.sockets[talk.socket].isShutDown)
        rig.advance(milliseconds: 30_000)
        #expect(rig.counters[.tcpFlows] == 0)
        #expect(rig.counters[.spillChunks] == 0)
        rig.expectNoLeak()
    }

    /// The segments that a super-frame becomes.
    private func cut(_ segment: SentSegment) -> [SentSegment] {
        guard segment.gsoSize > 0, segment.payload.count > segment.gsoSize else { return [segment] }
        var parts: [SentSegment] = []
        var offset = 0
        while offset < segment.payload.count {
            var part = segment
            let end = min(offset + segment.gsoSize, segment.payload.count)
            part.payload = Array(segment.payload[offset..<end])
            part.header.sequence = segment.sequence &+ UInt32(offset)
            parts.append(part)
            offset = end
        }
        return parts
    }
}
