// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// A segment from a guest: its header, and where its payload lies in the frame.
struct TCPSegment {
    var header: TCPHeader
    var options: TCPOptions
    var start: Int
    var byteCount: Int

    var sequence: UInt32 { header.sequence }
    var flags: TCPFlags { header.flags }

    /// Numbers that the segment takes up: its bytes, SYN and FIN.
    var length: UInt32 {
        UInt32(truncatingIfNeeded: byteCount) &+ (flags.contains(.syn) ? 1 : 0) &+ (flags.contains(.fin) ? 1 : 0)
    }
}

extension Gateway {
    mutating func receiveTCP<Host: GatewayHost & ~Copyable>(
        _ frame: FrameReference,
        _ place: PacketPlace,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        guard let segment = parseTCP(place, pool.bytes(frame)) else { return }
        let header = segment.header
        let flags = header.flags
        let key = FlowKey(
            guest: place.ip.source,
            guestPort: header.sourcePort,
            remote: place.ip.destination,
            remotePort: header.destinationPort
        )
        let hash = secret.hash(key)
        if let index = tcpIndex.find(key, hash: hash, in: tcp) {
            if tcp[index].state == .timeWait, reopens(index, segment) {
                // The guest uses the tuple anew (RFC 9293 section 3.6.1, RFC 6191): the old connection is forgotten.
                forgetTCP(index)
            } else {
                if tcp[index].guestMAC != place.source.rawValue {
                    tcp[index].guestMAC = place.source.rawValue
                    learn(place.ip.source, place.source, now: now)
                }
                tcp.beginWrite(index)
                tcp[index].lastHeard = now
                process(index, segment, frame, pool: &pool, host: &host, output: &output, now: now)
                tcp.endWrite(index)
                return
            }
        }
        learn(place.ip.source, place.source, now: now)
        if flags.contains(.syn), !flags.contains(.ack) {
            open(key, hash: hash, segment, from: place.source, pool: &pool, host: &host, output: &output, now: now)
        } else {
            answerUnknown(key, segment, to: place.source, pool: &pool, output: &output)
        }
    }

    /// Reads a segment's header and checks it; a segment that is not to be processed is counted.
    private func parseTCP(_ place: PacketPlace, _ bytes: Span<UInt8>) -> TCPSegment? {
        guard let header = TCPHeader.parse(bytes, at: place.offset, segmentByteCount: place.byteCount),
            header.sourcePort != 0, place.gsoType == .none || place.gsoType == .tcpv4,
            // Nobody sends these together (RFC 9293 has no such segment); scanners do.
            !header.flags.contains([.syn, .fin]), !header.flags.contains([.syn, .rst])
        else {
            counters.add(.malformed)
            return nil
        }
        if !place.isChecksumTrusted {
            let end = place.offset &+ place.byteCount
            guard InternetChecksum.verify(bytes, from: place.offset, to: end, initial: place.ip.pseudoHeaderSum) else {
                counters.add(.badChecksum)
                return nil
            }
        }
        return TCPSegment(
            header: header,
            // Only SYN carries options that we understand.
            options: header.flags.contains(.syn) ? header.options(bytes, at: place.offset) : TCPOptions(),
            start: place.offset &+ header.headerByteCount,
            byteCount: place.byteCount &- header.headerByteCount
        )
    }

    /// Whether a segment for a resting tuple begins a new connection: a SYN behind everything that was received.
    private func reopens(_ index: Int, _ segment: TCPSegment) -> Bool {
        segment.flags.contains(.syn) && !segment.flags.contains(.ack)
            && TCPSequence.isAfter(segment.sequence, tcp[index].receiveNext)
    }

    /// What a segment does to its flow (RFC 9293 section 3.10.7).
    private mutating func process<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        _ segment: TCPSegment,
        _ frame: FrameReference,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        switch tcp[index].state {
        case .free: return
        case .connecting:
            return processConnecting(index, segment, host: &host, pool: &pool, output: &output)
        case .resolving:
            return
        case .synSent:
            return processSYNSent(index, segment, host: &host, pool: &pool, output: &output, now: now)
        case .synReceived:
            if segment.flags.contains(.syn), segment.sequence == tcp[index].initialReceive {
                // The guest did not hear our SYN-ACK, or sent its SYN again before it came.
                sendSYN(index, pool: &pool, output: &output, now: now)
                return
            }
        case .established: break
        case .timeWait:
            return processTimeWait(index, segment, pool: &pool, output: &output, now: now)
        }
        guard isAcceptable(segment, index) else {
            if !segment.flags.contains(.rst) {
                counters.add(segment.byteCount == 0 ? .tcpOutOfWindow : .tcpDuplicates)
                // At once, so that its sender learns what is expected here (RFC 5681 section 4.2).
                sendACK(index, pool: &pool, output: &output)
            }
            return
        }
        if segment.flags.contains(.rst) {
            // RFC 5961 section 3.2: only the exact number resets; another one in the window is asked about.
            if segment.sequence == tcp[index].receiveNext {
                counters.add(.tcpResetByGuest)
                abandonTCP(index, host: &host)
            } else {
                sendACK(index, pool: &pool, output: &output)
            }
            return
        }
        if segment.flags.contains(.syn) {
            // RFC 5961 section 4.2: a guest that has begun anew answers our acknowledgement with a reset.
            sendACK(index, pool: &pool, output: &output)
            return
        }
        guard segment.flags.contains(.ack) else { return }
        if tcp[index].state == .synReceived {
            guard TCPSequence.isAfter(segment.header.acknowledgement, tcp[index].initialSend),
                TCPSequence.isBeforeOrEqual(segment.header.acknowledgement, tcp[index].sendMaximum)
            else { return answerUnknown(tcp[index].key, segment, to: guestMAC(index), pool: &pool, output: &output) }
            becomeEstablished(index, segment, now: now)
        }
        guard acknowledge(index, segment, now: now) else {
            sendACK(index, pool: &pool, output: &output)
            return
        }
        if segment.length > 0 {
            takeData(index, segment, frame, pool: &pool, host: &host, output: &output)
        }
        if tcp[index].state == .established { schedule(index) }
    }

    /// Whether any of a segment lies in the receive window (RFC 9293 section 3.10.7.4, table 6).
    private func isAcceptable(_ segment: TCPSegment, _ index: Int) -> Bool {
        let next = tcp[index].receiveNext
        let window = tcp[index].receiveWindow
        if segment.length == 0 || window == 0 {
            // A full window takes acknowledgements and resets still; the data of such a segment is cut off later.
            return segment.sequence == next
                || TCPSequence.isInWindow(segment.sequence, start: next, byteCount: window)
        }
        return TCPSequence.isInWindow(segment.sequence, start: next, byteCount: window)
            || TCPSequence.isInWindow(segment.sequence &+ segment.length &- 1, start: next, byteCount: window)
    }

    /// Takes the segment's data, and its FIN, as far as they are in order and within the window.
    private mutating func takeData<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        _ segment: TCPSegment,
        _ frame: FrameReference,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst
    ) {
        let next = tcp[index].receiveNext
        guard TCPSequence.isBeforeOrEqual(segment.sequence, next) else {
            counters.add(.tcpOutOfOrder)
            return sendACK(index, pool: &pool, output: &output)
        }
        tcp[index].flags.insert(.needsACK)
        guard !tcp[index].flags.contains(.guestFinished) else { return }
        // What was received before is skipped: the segment may overlap it (RFC 9293 section 3.10.7.4).
        let skipped = Int(truncatingIfNeeded: next &- segment.sequence)
        let fresh = max(segment.byteCount &- skipped, 0)
        let wanted = min(fresh, Int(truncatingIfNeeded: tcp[index].receiveWindow))
        if wanted < fresh { counters.add(.tcpOutOfWindow) }
        var accepted = 0
        if wanted > 0 {
            let start = segment.start &+ skipped
            // Segments in the middle of a write are gathered until the burst's end: one segment of the host's own is cheaper
            // than one for each of the guest's. A super-frame is large enough, and PSH ends a write.
            let isMoreComing =
                segment.byteCount <= GatewayTunables.gatheredSegmentByteCount && !segment.flags.contains(.psh)
            accepted = deliver(
                index,
                frame,
                start..<start &+ wanted,
                isMoreComing: isMoreComing,
                pool: pool,
                host: &host
            )
            tcp[index].receiveNext &+= UInt32(truncatingIfNeeded: accepted)
            tcp[index].bytesToHost &+= UInt64(truncatingIfNeeded: accepted)
            counters.add(accepted, .bytesToHost)
        }
        if segment.flags.contains(.fin), accepted == fresh, skipped <= segment.byteCount {
            tcp[index].receiveNext &+= 1
            // The window's edge does not count FIN.
            tcp[index].receiveEdge = TCPSequence.later(tcp[index].receiveEdge, tcp[index].receiveNext)
            tcp[index].flags.insert(.guestFinished)
        }
    }

    /// Gives bytes of a frame to the host socket and what it does not take to the spill: how many were taken in all.
    private mutating func deliver<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        _ frame: FrameReference,
        _ range: Range<Int>,
        isMoreComing: Bool,
        pool: borrowing FramePool,
        host: inout Host
    ) -> Int {
        let bytes = pool.bytes(frame).extracting(range)
        var accepted = 0
        if tcp[index].spill.byteCount == 0, tcp[index].flags.contains(.hostWritable) {
            if isMoreComing { tcp[index].flags.insert(.corked) }
            let result =
                isMoreComing
                ? host.sendMore(tcp[index].hostSocket, bytes) : host.send(tcp[index].hostSocket, bytes)
            switch result {
            case .bytes(let count):
                accepted = min(count, bytes.count)
                if accepted < bytes.count { tcp[index].flags.remove(.hostWritable) }
            case .wouldBlock, .endOfStream:
                tcp[index].flags.remove(.hostWritable)
            case .failed:
                // The flow's turn tells the guest.
                tcp[index].flags.insert(.hostError)
                return 0
            }
        }
        guard accepted < bytes.count else { return accepted }
        let limit = configuration.limits.spillByteCountPerFlow &- Int(tcp[index].spill.byteCount)
        let rest = min(bytes.count &- accepted, max(limit, 0))
        var queue = tcp[index].spill
        let spilled = spill.append(bytes.extracting(accepted..<accepted &+ rest), to: &queue)
        tcp[index].spill = queue
        counters.add(spilled, .tcpSpilledBytes)
        counters.set(.spillChunks, spill.usedCount)
        return accepted &+ spilled
    }

    /// A resting tuple still answers whoever did not hear the end (RFC 9293 section 3.10.7.4).
    private mutating func processTimeWait(
        _ index: Int,
        _ segment: TCPSegment,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) {
        // Resets are ignored (RFC 1337): the old connection's last words must not end the rest.
        guard !segment.flags.contains(.rst) else { return }
        if segment.flags.contains(.fin) {
            timers.set(index, deadline: now &+ GatewayTunables.restTime, now: now)
        }
        if segment.length > 0 { sendACK(index, pool: &pool, output: &output) }
    }

    func guestMAC(_ index: Int) -> MACAddress { MACAddress(rawValue: tcp[index].guestMAC) }

    /// Puts the flow among those with work to do.
    @inline(__always)
    mutating func schedule(_ index: Int) {
        if tcp[index].listNumber == 0 { pending.append(index, in: tcp) }
    }
}
