// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// Serving: what events left to be done for a flow is done here, in the flow's turn.
extension Gateway {
    /// What stopped the sending of data.
    private enum Stop {
        /// Nothing is left to send, or the guest must acknowledge first: an event brings the flow back.
        case idle
        /// The flow had its share, or `output` or the pool has no room: the flow's turn comes again.
        case again
        /// The flow is gone.
        case gone
    }

    /// Readiness of a flow's host socket.
    mutating func tcpReady(_ index: Int, generation: UInt32, events: HostEvents) {
        guard index < tcpPlaces.capacity, tcp[index].state != .free,
            tcp[index].generation & 0x3fff_ffff == generation, tcp[index].hostSocket != .none
        else { return }
        var flags = tcp[index].flags
        if events.contains(.readable) { flags.insert(.hostReadable) }
        if events.contains(.writable) { flags.insert(.hostWritable) }
        if events.contains(.urgent) { flags.insert(.hostUrgent) }
        if events.contains(.readHangUp) { flags.insert([.hostReadHangUp, .hostReadable]) }
        // The next call on the socket tells the error, after what was received before it.
        if events.contains(.error) { flags.insert([.hostReadHangUp, .hostReadable, .hostWritable]) }
        if tcp[index].state == .connecting { flags.insert(.connectReady) }
        tcp[index].flags = flags
        switch tcp[index].state {
        case .connecting, .established: schedule(index)
        default: break
        }
    }

    mutating func serveTCP<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        pending.remove(index, in: tcp)
        switch tcp[index].state {
        case .connecting:
            finishConnecting(index, pool: &pool, host: &host, output: &output, now: now)
        case .synSent, .synReceived:
            if tcp[index].sendMaximum == tcp[index].initialSend {
                sendSYN(index, pool: &pool, output: &output, now: now)
            }
        case .established:
            serveEstablished(index, pool: &pool, host: &host, output: &output, now: now)
        case .free, .resolving, .timeWait: break
        }
    }

    private mutating func serveEstablished<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        drain(index, host: &host)
        if tcp[index].flags.contains(.corked) {
            tcp[index].flags.remove(.corked)
            host.push(tcp[index].hostSocket)
        }
        if tcp[index].flags.contains(.hostError) {
            return breakTCP(index, pool: &pool, host: &host, output: &output)
        }
        if tcp[index].flags.contains(.guestFinished), tcp[index].spill.byteCount == 0,
            !tcp[index].flags.contains(.writeShutDown)
        {
            host.shutdownWrite(tcp[index].hostSocket)
            tcp[index].flags.insert(.writeShutDown)
        }
        let acknowledged = tcp[index].undiscarded
        if acknowledged > 0 {
            host.discard(tcp[index].hostSocket, byteCount: Int(acknowledged))
            tcp[index].undiscarded = 0
        }
        let stop = push(index, pool: &pool, host: &host, output: &output, now: now)
        if case .gone = stop { return }
        if tcp[index].flags.contains(.needsACK) { sendACK(index, pool: &pool, output: &output) }
        if tcp[index].flags.contains(.needsACK) { return schedule(index) }
        if tcp[index].flags.contains([.finAcknowledged, .writeShutDown]) {
            return finishTCP(index, host: &host, now: now)
        }
        if case .again = stop { schedule(index) }
    }

    /// Gives spilled data to the host socket.
    private mutating func drain<Host: GatewayHost & ~Copyable>(_ index: Int, host: inout Host) {
        guard tcp[index].spill.byteCount > 0, tcp[index].flags.contains(.hostWritable) else { return }
        var queue = tcp[index].spill
        drain: while queue.byteCount > 0 {
            let wanted = spill.front(queue).count
            let result = host.send(tcp[index].hostSocket, spill.front(queue))
            switch result {
            case .bytes(let count):
                spill.removeFirst(min(count, wanted), from: &queue)
                if count < wanted {
                    tcp[index].flags.remove(.hostWritable)
                    break drain
                }
            case .wouldBlock, .endOfStream:
                tcp[index].flags.remove(.hostWritable)
                break drain
            case .failed:
                tcp[index].flags.insert(.hostError)
                break drain
            }
        }
        tcp[index].spill = queue
        counters.set(.spillChunks, spill.usedCount)
        // A window update is worth a segment when much room was won, or all (RFC 1122 section 4.2.3.3).
        let gain = availableWindow(index) &- tcp[index].receiveWindow
        let much = UInt32(truncatingIfNeeded: configuration.limits.spillByteCountPerFlow / 4)
        if gain >= much || (gain > 0 && queue.byteCount == 0) { tcp[index].flags.insert(.needsACK) }
    }

    /// Sends what the guest may receive: lost segments again, new data, and the end of the stream.
    private mutating func push<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) -> Stop {
        if tcp[index].flags.contains(.mustRetransmit) {
            guard !output.isFull else { return .again }
            tcp[index].flags.remove(.mustRetransmit)
            tcp[index].flags.remove(.measuring)
            counters.add(.tcpRetransmits)
            let segment = Int(tcp[index].maximumSegment) &* Int(tcp[index].recoveryBurst)
            let outstanding = Int(tcp[index].sendMaximum &- tcp[index].sendUnacknowledged)
            let stop = sendData(
                index,
                from: tcp[index].sendUnacknowledged,
                limit: min(segment, outstanding, Layout.maximumTCPPayload),
                pool: &pool,
                host: &host,
                output: &output,
                now: now
            )
            if case .gone = stop { return .gone }
        }
        if tcp[index].inFlight == 0, now &- tcp[index].lastSent > timeout(index) {
            // After a pause the path may have changed (RFC 5681 section 4.1).
            tcp[index].congestionWindow = min(
                tcp[index].congestionWindow,
                GatewayTunables.initialCongestionWindow
            )
        }
        var budget = GatewayTunables.turnByteCount
        while hasDataToSend(index) {
            let window = min(tcp[index].sendWindow, tcp[index].congestionWindow)
            let inFlight = tcp[index].inFlight
            let room = window > inFlight ? Int(window &- inFlight) : 0
            let segment = Int(tcp[index].maximumSegment)
            if room == 0, inFlight == 0 {
                beginPersisting(index, now: now)
                return .idle
            }
            // Small segments only when nothing else is on its way (RFC 9293 section 3.8.6.2.1).
            if room < segment, inFlight > 0 { return .idle }
            if budget <= 0 || output.isFull { return .again }
            var limit = min(room, Layout.maximumTCPPayload, segment &* WireTunables.maximumTCPSegmentCount)
            if limit > segment { limit -= limit % segment }
            let before = tcp[index].sendNext
            let stop = sendData(
                index,
                from: before,
                limit: limit,
                pool: &pool,
                host: &host,
                output: &output,
                now: now
            )
            if let stop { return stop }
            budget &-= Int(tcp[index].sendNext &- before)
        }
        return .idle
    }

    /// There is data behind `sendNext`, as far as is known, or the end of the stream was not sent.
    private func hasDataToSend(_ index: Int) -> Bool {
        let flags = tcp[index].flags
        if flags.contains(.hostFinished) {
            return TCPSequence.isBeforeOrEqual(tcp[index].sendNext, tcp[index].finSequence)
        }
        return flags.contains(.hostReadable) || TCPSequence.isBefore(tcp[index].sendNext, tcp[index].sendMaximum)
    }

    /// The guest's window is shut: ask now and then whether it opened (RFC 9293 section 3.8.6.1).
    private mutating func beginPersisting(_ index: Int, now: UInt64) {
        guard !tcp[index].flags.contains(.persisting) else { return }
        tcp[index].flags.insert(.persisting)
        tcp[index].retries = 0
        timers.set(index, deadline: now &+ timeout(index), now: now)
    }

    /// Peeks data that begins at `sequence` and sends it as one frame; or sends FIN, if the stream ends there.
    ///
    /// - Returns: nil when something was sent and more may follow.
    private mutating func sendData<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        from sequence: UInt32,
        limit: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) -> Stop? {
        var limit = limit
        if tcp[index].flags.contains(.hostFinished) {
            let left = Int(truncatingIfNeeded: tcp[index].finSequence &- sequence)
            if left == 0 { return sendFIN(index, pool: &pool, output: &output, now: now) }
            limit = min(limit, left)
        }
        let reserve = min(Dataplane.Tunables.largeSlotReserve, pool.largeCount / 2)
        guard limit > 0 else { return .idle }
        guard var frame = pool.allocateLarge(byteCount: Layout.tcpPayload &+ limit, reserve: reserve) else {
            counters.add(.noFrameMemory)
            return .again
        }
        let offset = Int(truncatingIfNeeded: sequence &- tcp[index].sendUnacknowledged)
        var bytes = pool.mutableBytes(frame)
        var target = bytes._mutatingExtracting(Layout.tcpPayload..<Layout.tcpPayload &+ limit)
        let result = host.peek(tcp[index].hostSocket, offset: offset, into: &target)
        guard case .bytes(let peeked) = result, peeked > 0 else {
            pool.release(frame)
            return peekedNothing(index, result, at: sequence, pool: &pool, host: &host, output: &output, now: now)
        }
        let count = min(peeked, limit)
        frame.byteCount = UInt32(truncatingIfNeeded: Layout.tcpPayload &+ count)
        let end = sequence &+ UInt32(truncatingIfNeeded: count)
        // A short read took all there was, unless the kernel will not report what follows.
        if count < limit, !tcp[index].flags.contains(.hostReadHangUp), !tcp[index].flags.contains(.hostUrgent),
            TCPSequence.isAfterOrEqual(end, tcp[index].sendMaximum)
        {
            tcp[index].flags.remove(.hostReadable)
        }
        finishData(index, frame, sequence: sequence, byteCount: count, pool: &pool)
        send(frame, output: &output)
        noteSent(index, sequence: sequence, end: end, now: now)
        return nil
    }

    /// Writes the headers before data that is in place already.
    private mutating func finishData(
        _ index: Int,
        _ frame: FrameReference,
        sequence: UInt32,
        byteCount: Int,
        pool: inout FramePool
    ) {
        let window = announceWindow(index)
        tcp[index].flags.remove(.needsACK)
        var bytes = pool.mutableBytes(frame)
        let key = tcp[index].key
        let ip = writeHeaders(
            key,
            to: guestMAC(index),
            IPProtocol.tcp,
            payloadByteCount: TCPHeader.byteCount &+ byteCount,
            into: &bytes
        )
        TCPHeader(
            sourcePort: key.remotePort,
            destinationPort: key.guestPort,
            sequence: sequence,
            acknowledgement: tcp[index].receiveNext,
            flags: [.ack, .psh],
            window: window
        ).emit(into: &bytes, at: Layout.transport)
        // The sum over the data is left to whoever sends the frame on: a card, the guest's kernel, or the port.
        bytes.storeUInt16(
            InternetChecksum.fold(ip.pseudoHeaderSum),
            at: Layout.transport &+ TCPHeader.checksumOffset
        )
        let segment = tcp[index].maximumSegment
        let isSuperFrame = byteCount > Int(segment)
        let header = VirtioNetHeader(
            flags: .needsChecksum,
            gsoType: isSuperFrame ? .tcpv4 : .none,
            headerLength: isSuperFrame ? UInt16(truncatingIfNeeded: Layout.tcpPayload) : 0,
            gsoSize: isSuperFrame ? segment : 0,
            checksumStart: UInt16(truncatingIfNeeded: Layout.transport),
            checksumOffset: UInt16(truncatingIfNeeded: TCPHeader.checksumOffset)
        )
        pool.setHeader(header, of: frame)
    }

    /// Moves the numbers on after a frame with data or FIN was sent, and starts clock and timer.
    private mutating func noteSent(_ index: Int, sequence: UInt32, end: UInt32, now: UInt64) {
        let isNew = sequence == tcp[index].sendMaximum
        if isNew {
            if !tcp[index].flags.contains(.measuring) {
                tcp[index].flags.insert(.measuring)
                tcp[index].measuredSequence = end
                tcp[index].measuredAt = now
            }
        } else {
            // An answer may be to either copy (Karn's algorithm, RFC 6298 section 3).
            tcp[index].flags.remove(.measuring)
        }
        let wasIdle = tcp[index].sendUnacknowledged == tcp[index].sendMaximum
        tcp[index].sendMaximum = TCPSequence.later(tcp[index].sendMaximum, end)
        tcp[index].sendNext = TCPSequence.later(tcp[index].sendNext, end)
        tcp[index].lastSent = now
        if wasIdle || !isNew || timers.deadline(index) == nil {
            timers.set(index, deadline: now &+ timeout(index), now: now)
        }
    }

    /// The peek gave no data: the stream's end, nothing yet, or an error.
    private mutating func peekedNothing<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        _ result: HostTransfer,
        at sequence: UInt32,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) -> Stop? {
        switch result {
        case .bytes, .wouldBlock:
            tcp[index].flags.remove([.hostReadable, .hostUrgent])
            // Nothing at a place that was sent before cannot be: what is unacknowledged stays in the socket.
            return .idle
        case .endOfStream:
            tcp[index].flags.insert(.hostFinished)
            tcp[index].flags.remove([.hostReadable, .hostUrgent])
            tcp[index].finSequence = sequence
            return sendFIN(index, pool: &pool, output: &output, now: now)
        case .failed:
            breakTCP(index, pool: &pool, host: &host, output: &output)
            return .gone
        }
    }

    private mutating func sendFIN(
        _ index: Int,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) -> Stop {
        let sequence = tcp[index].finSequence
        let isSent = sendSegment(
            tcp[index].key,
            to: guestMAC(index),
            sequence: sequence,
            acknowledgement: tcp[index].receiveNext,
            flags: [.fin, .ack],
            window: announceWindow(index),
            pool: &pool,
            output: &output
        )
        guard isSent else { return .again }
        tcp[index].flags.remove(.needsACK)
        if !tcp[index].flags.contains(.finSent) {
            tcp[index].flags.insert(.finSent)
            if !tcp[index].flags.contains(.guestFinished) { tcp[index].flags.insert(.closedByHostFirst) }
        }
        noteSent(index, sequence: sequence, end: sequence &+ 1, now: now)
        return .idle
    }
}
