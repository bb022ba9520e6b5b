// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// Opening connections. Outbound, the guest hears SYN-ACK only when the host is connected, so that it sees refusals as they
/// are; inbound, the host's client is connected already, by the kernel, and is cut off if the guest refuses.
extension Gateway {
    // MARK: Records

    /// A record for a new flow. In a full table a tuple that only rests makes room, or a connection that was silent for
    /// long: its guest may be gone without a word.
    mutating func allocateTCP<Host: GatewayHost & ~Copyable>(
        _ key: FlowKey,
        hash: UInt64,
        host: inout Host,
        now: UInt64
    ) -> Int? {
        if tcpPlaces.usedCount == tcpPlaces.capacity {
            if let oldest = resting.first { forgetTCP(oldest) } else { evictTCP(host: &host, now: now) }
        }
        guard let index = tcpPlaces.take(from: tcp) else { return nil }
        tcp.beginWrite(index)
        let sequence = tcp[index].writeSequence
        tcp[index] = TCPFlow(key: key, hash: hash, generation: tcp[index].generation &+ 1, now: now)
        tcp[index].writeSequence = sequence
        tcpIndex.insert(index, hash: hash)
        tcp[index].initialSend = initialSequence(key, now: now)
        tcp[index].sendUnacknowledged = tcp[index].initialSend
        tcp[index].sendNext = tcp[index].initialSend
        tcp[index].sendMaximum = tcp[index].initialSend
        tcp[index].recoveryPoint = tcp[index].initialSend
        tcp[index].retransmissionTimeout = GatewayTunables.initialTimeout
        tcp[index].flags.insert(.halfOpen)
        halfOpenCount &+= 1
        countFlows()
        return index
    }

    /// Breaks the connection that was silent longest among some, if that was long.
    private mutating func evictTCP<Host: GatewayHost & ~Copyable>(host: inout Host, now: UInt64) {
        var victim: Int?
        for _ in 0..<min(GatewayTunables.evictionSampleCount, tcpPlaces.capacity) {
            tcpEvictionHand = (tcpEvictionHand &+ 1) % tcpPlaces.capacity
            let index = tcpEvictionHand
            guard tcp[index].state == .established, now &- lastActive(index) > GatewayTunables.idleTime else {
                continue
            }
            if let best = victim, lastActive(best) <= lastActive(index) { continue }
            victim = index
        }
        guard let victim else { return }
        counters.add(.tcpEvicted)
        abandonTCP(victim, host: &host)
    }

    private func lastActive(_ index: Int) -> UInt64 { max(tcp[index].lastHeard, tcp[index].lastSent) }

    /// Gives the record back; the host socket is closed already, or never was.
    mutating func forgetTCP(_ index: Int) {
        guard tcp[index].state != .free || tcp[index].flags.contains(.halfOpen) else { return }
        leaveHalfOpen(index)
        switch tcp[index].listNumber {
        case pending.number: pending.remove(index, in: tcp)
        case resting.number: resting.remove(index, in: tcp)
        case resolving.number: resolving.remove(index, in: tcp)
        default: break
        }
        var queue = tcp[index].spill
        spill.removeAll(from: &queue)
        tcp[index].spill = queue
        timers.clear(index)
        tcpIndex.remove(index, hash: tcp[index].hash)
        tcp[index].state = .free
        tcp[index].socket = HostSocket.none.rawValue
        tcpPlaces.give(index, to: tcp)
        counters.set(.spillChunks, spill.usedCount)
        countFlows()
    }

    /// Breaks the host's side and gives the record back.
    mutating func abandonTCP<Host: GatewayHost & ~Copyable>(_ index: Int, host: inout Host) {
        if tcp[index].hostSocket != .none { host.reset(tcp[index].hostSocket) }
        forgetTCP(index)
    }

    private mutating func leaveHalfOpen(_ index: Int) {
        guard tcp[index].flags.contains(.halfOpen) else { return }
        tcp[index].flags.remove(.halfOpen)
        halfOpenCount &-= 1
    }

    private func countFlows() {
        counters.set(.tcpFlows, tcpPlaces.usedCount)
        counters.set(.tcpHalfOpen, halfOpenCount)
    }

    /// RFC 6528: a clock of 4 µs and a secret of the tuple.
    func initialSequence(_ key: FlowKey, now: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: now >> 12) &+ UInt32(truncatingIfNeeded: sequenceSecret.hash(key))
    }

    func token(_ index: Int) -> GatewayToken { GatewayToken(.tcp, index: index, generation: tcp[index].generation) }

    // MARK: Outbound

    /// A guest's SYN.
    mutating func open<Host: GatewayHost & ~Copyable>(
        _ key: FlowKey,
        hash: UInt64,
        _ segment: TCPSegment,
        from mac: MACAddress,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        let target: HostEndpoint
        var origin = 0
        switch route(key.remote, port: key.remotePort) {
        case .host(let endpoint): target = endpoint
        case .resolver:
            guard let server = resolvers.preferred else {
                return answerUnknown(key, segment, to: mac, pool: &pool, output: &output)
            }
            (target, origin) = (server.endpoint, server.number)
        case .refused:
            return answerUnknown(key, segment, to: mac, pool: &pool, output: &output)
        case .prohibited:
            counters.add(.prohibited)
            return sendUnreachable(
                .administrativelyProhibited,
                key: key,
                protocolNumber: IPProtocol.tcp,
                fifthWord: segment.sequence,
                to: mac,
                pool: &pool,
                output: &output
            )
        }
        // Without room the SYN is dropped: the guest tries again later.
        guard halfOpenCount < configuration.limits.halfOpenCount,
            let index = allocateTCP(key, hash: hash, host: &host, now: now)
        else { return counters.add(.tcpRefused) }
        tcp[index].guestMAC = mac.rawValue
        tcp[index].origin = UInt16(truncatingIfNeeded: origin)
        if case .resolver = route(key.remote, port: key.remotePort) { tcp[index].flags.insert(.resolver) }
        takeSYN(index, segment)
        connect(index, to: target, host: &host, pool: &pool, output: &output, now: now)
        tcp.endWrite(index)
    }

    private mutating func connect<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        to target: HostEndpoint,
        host: inout Host,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) {
        tcp[index].state = .connecting
        switch host.connectTCP(to: target, token: token(index)) {
        case .connected(let socket):
            tcp[index].socket = socket.rawValue
            becomeConnected(index, pool: &pool, output: &output, now: now)
        case .inProgress(let socket):
            tcp[index].socket = socket.rawValue
            timers.set(index, deadline: now &+ GatewayTunables.connectTime, now: now)
        case .failed(let error):
            failConnecting(index, error, host: &host, pool: &pool, output: &output, now: now)
        }
    }

    /// What the guest's SYN says.
    private mutating func takeSYN(_ index: Int, _ segment: TCPSegment) {
        tcp[index].initialReceive = segment.sequence
        tcp[index].receiveNext = segment.sequence &+ 1
        tcp[index].receiveEdge = tcp[index].receiveNext
        let offered = segment.options.maximumSegmentSize ?? GatewayTunables.defaultSegment
        let ours = UInt16(truncatingIfNeeded: configuration.mtu &- 40)
        tcp[index].maximumSegment = min(max(offered, GatewayTunables.minimumSegment), ours)
        if let shift = segment.options.windowScale {
            tcp[index].guestWindowShift = shift
            tcp[index].ownWindowShift = GatewayTunables.windowShift
        } else {
            tcp[index].guestWindowShift = 0
            tcp[index].ownWindowShift = 0
        }
    }

    /// The host is connected: now the guest may know.
    private mutating func becomeConnected(
        _ index: Int,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) {
        tcp[index].state = .synReceived
        tcp[index].retries = 0
        counters.add(.tcpOpened)
        sendSYN(index, pool: &pool, output: &output, now: now)
    }

    /// The attempt to connect ended.
    mutating func finishConnecting<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        guard tcp[index].flags.contains(.connectReady) else { return }
        tcp[index].flags.remove(.connectReady)
        switch host.connectionResult(tcp[index].hostSocket) {
        case .connected: becomeConnected(index, pool: &pool, output: &output, now: now)
        case .inProgress: break
        case .failed(let error):
            host.close(tcp[index].hostSocket)
            tcp[index].socket = HostSocket.none.rawValue
            failConnecting(index, error, host: &host, pool: &pool, output: &output, now: now)
        }
    }

    /// Tells the guest why there is no connection; a question of names goes to the next server first.
    private mutating func failConnecting<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        _ error: HostError,
        host: inout Host,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) {
        if tcp[index].flags.contains(.resolver), let next = resolvers.after(Int(tcp[index].origin)) {
            counters.add(.dnsRetried)
            tcp[index].origin = UInt16(truncatingIfNeeded: next.number)
            return connect(index, to: next.endpoint, host: &host, pool: &pool, output: &output, now: now)
        }
        counters.add(.tcpFailed)
        if error != .refused, let message = error.unreachable {
            sendUnreachable(
                message,
                key: tcp[index].key,
                protocolNumber: IPProtocol.tcp,
                fifthWord: tcp[index].initialReceive,
                to: guestMAC(index),
                pool: &pool,
                output: &output
            )
        } else {
            sendSegment(
                tcp[index].key,
                to: guestMAC(index),
                sequence: 0,
                acknowledgement: tcp[index].receiveNext,
                flags: [.rst, .ack],
                window: 0,
                pool: &pool,
                output: &output
            )
        }
        forgetTCP(index)
    }

    /// A segment while the host is connecting: SYN again, or the guest gave up.
    mutating func processConnecting<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        _ segment: TCPSegment,
        host: inout Host,
        pool: inout FramePool,
        output: inout FrameBurst
    ) {
        if segment.flags.contains(.rst) {
            guard segment.sequence == tcp[index].receiveNext || segment.sequence == tcp[index].initialReceive else {
                return
            }
            counters.add(.tcpResetByGuest)
            abandonTCP(index, host: &host)
        } else if segment.flags.contains(.syn), !segment.flags.contains(.ack) {
            // The same SYN again changes nothing; another one is from a guest that began anew.
            takeSYN(index, segment)
        } else {
            answerUnknown(tcp[index].key, segment, to: guestMAC(index), pool: &pool, output: &output)
        }
    }

    // MARK: Inbound

    /// A segment after our SYN (RFC 9293 section 3.10.7.3).
    mutating func processSYNSent<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        _ segment: TCPSegment,
        host: inout Host,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) {
        let isAnswer = segment.flags.contains(.ack)
        if isAnswer,
            segment.header.acknowledgement != tcp[index].initialSend &+ 1
                || tcp[index].sendMaximum
                    == tcp[index].initialSend
        {
            return answerUnknown(tcp[index].key, segment, to: guestMAC(index), pool: &pool, output: &output)
        }
        if segment.flags.contains(.rst) {
            guard isAnswer else { return }
            counters.add(.tcpResetByGuest)
            return abandonTCP(index, host: &host)
        }
        guard segment.flags.contains(.syn) else { return }
        takeSYN(index, segment)
        guard isAnswer else {
            // Both sides began at once (RFC 9293 section 3.5, figure 8).
            tcp[index].state = .synReceived
            return sendSYN(index, pool: &pool, output: &output, now: now)
        }
        becomeEstablished(index, segment, now: now)
        _ = acknowledge(index, segment, now: now)
        // The window of a SYN is not shifted (RFC 7323 section 2.2).
        tcp[index].sendWindow = UInt32(segment.header.window)
        tcp[index].flags.insert(.needsACK)
        schedule(index)
    }

    /// Both sides know each other's numbers.
    mutating func becomeEstablished(_ index: Int, _ segment: TCPSegment, now: UInt64) {
        tcp[index].state = .established
        leaveHalfOpen(index)
        tcp[index].retries = 0
        tcp[index].congestionWindow = GatewayTunables.initialCongestionWindow
        // Our SYN is acknowledged; it is no data, so that it is not counted as such.
        tcp[index].sendUnacknowledged = tcp[index].initialSend &+ 1
        tcp[index].recoveryPoint = tcp[index].sendUnacknowledged
        timers.clear(index)
        // What our SYN promised.
        let window = UInt32(truncatingIfNeeded: min(configuration.limits.spillByteCountPerFlow, 65_535))
        tcp[index].receiveEdge = TCPSequence.later(tcp[index].receiveEdge, tcp[index].receiveNext &+ window)
        // Older than any segment, so that the first one's window counts.
        tcp[index].windowSequence = segment.sequence &- 1
        // Readiness may have been reported before.
        tcp[index].flags.insert([.hostReadable, .hostWritable])
        tcp[index].lastSent = now
        countFlows()
    }
}
