// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import TunnelCrypto

extension TunnelState {
    mutating func receive(
        channel: Int,
        now: UInt64,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        self.now = now
        if channel > 0, streams[channel - 1].rawDescriptor >= 0, !streams[channel - 1].read() {
            // What came before the end is still taken.
            _ = receivedOffset == receivedCount && takeHeld(into: &burst, pool: &pool, drops: &drops)
            if streams[channel - 1].rawDescriptor >= 0 { endStream(channel - 1) }
        }
        var callCount = 0
        while true {
            if receivedOffset == receivedCount {
                guard takeHeld(into: &burst, pool: &pool, drops: &drops) else { return .more }
                guard channel == 0 else { return .drained }
                // What strangers send makes no frame, and must not keep others from their turn either.
                guard burst.byteCount < Tunables.burstByteCount / 2, callCount < Tunables.burstFrameCount else {
                    return .more
                }
                callCount += 1
                let reception = Self.receive(descriptor(channel: channel), &received, from: &source)
                // Errors are the path's (an ICMP message): the clock tells when the peer is gone.
                guard reception.byteCount >= 0 else { return .drained }
                if reception.byteCount == 0 { drops.count(.malformed) }
                receivedOffset = 0
                receivedCount = min(reception.byteCount, received.count)
                receivedSegment = max(1, reception.segment)
            }
            while receivedOffset < receivedCount {
                // Any packet may complete a message.
                guard burst.freeCount >= TunnelMessage.maximumRecordCount else { return .more }
                let size = min(receivedSegment, receivedCount - receivedOffset)
                let offset = receivedOffset
                receivedOffset += size
                take(at: offset, byteCount: size, into: &burst, pool: &pool, drops: &drops)
            }
        }
    }

    /// One packet of those received.
    mutating func take(
        at offset: Int,
        byteCount: Int,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) {
        let session = peer.sessionIndex
        switch Self.open(&peer, &received, at: offset, count: byteCount, now: now, from: source, provenance) {
        case .refused(let refusal):
            drops.count(Self.cause(refusal))
            return
        case .handshake:
            // Answers go to where the question came from: nobody is "the peer" before his first authentic packet.
            let answer = peer.takeOutput()
            if arrival >= 0 {
                if !answer.isEmpty { send(answer.span, onStream: arrival) }
            } else {
                send(answer, to: source)
            }
        case .payload(let size, let counter):
            hasLostStream = false
            prove()
            if !isCurrentWay { move() }
            open(at: offset + TunnelPacket.dataHeaderByteCount, size, counter, byteCount, &burst, &pool, &drops)
        }
        guard peer.sessionIndex != session || !peer.isUp else { return }
        if peer.sessionIndex != session {
            hasLostStream = false
            prove()
            if !isCurrentWay { move() }
            if stream < 0, !peer.isUp || probe.deadline == .max { probe.start(now: now) }
        }
        expire(now: now, drops: &drops)
    }

    private var isCurrentWay: Bool { arrival >= 0 ? stream == arrival : stream < 0 && path == source }

    /// The peer was just heard from another place.
    private mutating func move() {
        if peer.isUp { notify(.peerMoved, value: arrival >= 0 ? 0 : place(source)) }
        stream = arrival
        hasOtherWay = true
        heldByteCount = nil
        if arrival >= 0 {
            probe.stop()
        } else {
            path = source
            probe.start(now: now)
        }
    }

    /// An authentic packet's open bytes.
    private mutating func open(
        at offset: Int,
        _ size: Int,
        _ counter: UInt64,
        _ packetByteCount: Int,
        _ burst: inout FrameBurst,
        _ pool: inout FramePool,
        _ drops: inout DropTally
    ) {
        guard let head = TunnelMessage.Head(received.span, at: offset, byteCount: size) else {
            return drops.count(.malformed)
        }
        switch head.kind {
        case .fragment:
            let start = offset + TunnelMessage.headByteCount
            let range = start..<start + size - TunnelMessage.headByteCount
            Self.insert(&assembly, head, received, range, peer.openedSession, counter, &burst, &pool, &drops)
        case .keepalive: break
        case .probe:
            sendControl(TunnelMessage.Head(.probeAnswer, size: packetByteCount), byteCount: 0, drops: &drops)
        case .probeAnswer: probe.noteAnswer(size: head.size, now: now)
        }
    }

    // Parts of the state go to these one by one: the compiler then sees that they do not overlap.

    private static func receive(
        _ fd: Int32,
        _ bytes: inout [UInt8],
        from source: inout InternetAddress
    ) -> UDPSocket.Reception {
        var span = bytes.mutableSpan
        return UDPSocket.receive(fd, into: &span, from: &source)
    }

    private static func open(
        _ peer: inout TunnelPeer,
        _ bytes: inout [UInt8],
        at offset: Int,
        count: Int,
        now: UInt64,
        from source: InternetAddress,
        _ connection: UInt64
    ) -> TunnelPeer.Verdict {
        var span = bytes.mutableSpan
        return peer.receive(&span, at: offset, count: count, now: now) {
            connection == 0 ? source.octets : TunnelStream.octets(connection)
        }
    }

    private static func insert(
        _ assembly: inout TunnelAssembly,
        _ head: TunnelMessage.Head,
        _ bytes: borrowing [UInt8],
        _ range: Range<Int>,
        _ session: UInt32,
        _ counter: UInt64,
        _ burst: inout FrameBurst,
        _ pool: inout FramePool,
        _ drops: inout DropTally
    ) {
        assembly.insert(
            head,
            bytes.span,
            range.lowerBound,
            byteCount: range.count,
            session: session,
            counter: counter,
            into: &burst,
            pool: &pool,
            drops: &drops
        )
    }

    static func cause(_ refusal: TunnelRefusal) -> DropCause {
        switch refusal {
        case .malformed: .malformed
        case .notAuthentic: .notAuthentic
        case .replayed: .replayed
        case .wrongPeer: .wrongPeer
        case .rateExceeded: .rateExceeded
        }
    }
}
