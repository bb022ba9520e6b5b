// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

extension Gateway {
    /// Builds and sends one segment without data.
    ///
    /// - Returns: whether it was sent; there may be no room or no slot.
    @discardableResult
    mutating func sendSegment(
        _ key: FlowKey,
        to mac: MACAddress,
        sequence: UInt32,
        acknowledgement: UInt32,
        flags: TCPFlags,
        window: UInt16,
        options: TCPOptions = TCPOptions(),
        pool: inout FramePool,
        output: inout FrameBurst
    ) -> Bool {
        guard !output.isFull else {
            counters.add(.outputFull)
            return false
        }
        let byteCount = TCPHeader.byteCount &+ options.byteCount
        guard let frame = pool.allocateSmall(byteCount: Layout.transport &+ byteCount) else {
            counters.add(.noFrameMemory)
            return false
        }
        var bytes = pool.mutableBytes(frame)
        let ip = writeHeaders(key, to: mac, IPProtocol.tcp, payloadByteCount: byteCount, into: &bytes)
        TCPHeader(
            sourcePort: key.remotePort,
            destinationPort: key.guestPort,
            sequence: sequence,
            acknowledgement: acknowledgement,
            flags: flags,
            window: window
        ).emit(into: &bytes, at: Layout.transport, options: options)
        // So few bytes are summed at once; every output can take the frame then.
        TCPHeader.storeChecksum(
            into: &bytes,
            at: Layout.transport,
            segmentByteCount: byteCount,
            pseudoHeaderSum: ip.pseudoHeaderSum
        )
        send(frame, output: &output)
        return true
    }

    /// Writes the Ethernet and IPv4 headers of a packet to a guest.
    @inline(__always)
    func writeHeaders(
        _ key: FlowKey,
        to mac: MACAddress,
        _ protocolNumber: UInt8,
        payloadByteCount: Int,
        into bytes: inout MutableSpan<UInt8>
    ) -> IPv4Header {
        EthernetHeader(destination: mac, source: configuration.macAddress, type: .ipv4).emit(into: &bytes)
        // An atomic datagram needs no identification (RFC 6864 section 4.1).
        let ip = IPv4Header(
            source: key.remote,
            destination: key.guest,
            protocolNumber: protocolNumber,
            totalByteCount: IPv4Header.byteCount &+ payloadByteCount,
            dontFragment: true
        )
        ip.emit(into: &bytes, at: Layout.network)
        return ip
    }

    /// Sends an acknowledgement now, window included.
    mutating func sendACK(_ index: Int, pool: inout FramePool, output: inout FrameBurst) {
        let window = announceWindow(index)
        let isSent = sendSegment(
            tcp[index].key,
            to: guestMAC(index),
            sequence: tcp[index].sendNext,
            acknowledgement: tcp[index].receiveNext,
            flags: .ack,
            window: window,
            pool: &pool,
            output: &output
        )
        if isSent { tcp[index].flags.remove(.needsACK) }
    }

    /// A probe of a shut window: an acknowledgement with a number that was acknowledged before, which every stack answers
    /// with what it expects and its window (RFC 9293 section 3.8.6.1; the shape Linux uses).
    mutating func sendProbe(_ index: Int, pool: inout FramePool, output: inout FrameBurst) {
        sendSegment(
            tcp[index].key,
            to: guestMAC(index),
            sequence: tcp[index].sendUnacknowledged &- 1,
            acknowledgement: tcp[index].receiveNext,
            flags: .ack,
            window: announceWindow(index),
            pool: &pool,
            output: &output
        )
    }

    /// Sends SYN, or SYN-ACK once the guest's SYN is known, and starts the timer.
    mutating func sendSYN(_ index: Int, pool: inout FramePool, output: inout FrameBurst, now: UInt64) {
        let isAnswer = tcp[index].state == .synReceived
        let isScaled = !isAnswer || tcp[index].ownWindowShift > 0
        // The window of a SYN is not shifted (RFC 7323 section 2.2).
        let window = UInt16(truncatingIfNeeded: min(configuration.limits.spillByteCountPerFlow, 65_535))
        let isSent = sendSegment(
            tcp[index].key,
            to: guestMAC(index),
            sequence: tcp[index].initialSend,
            acknowledgement: isAnswer ? tcp[index].receiveNext : 0,
            flags: isAnswer ? [.syn, .ack] : .syn,
            window: window,
            options: TCPOptions(
                maximumSegmentSize: UInt16(truncatingIfNeeded: configuration.mtu &- 40),
                windowScale: isScaled ? GatewayTunables.windowShift : nil
            ),
            pool: &pool,
            output: &output
        )
        if isAnswer { tcp[index].receiveEdge = tcp[index].receiveNext &+ UInt32(window) }
        guard isSent else { return schedule(index) }
        tcp[index].sendNext = tcp[index].initialSend &+ 1
        tcp[index].sendMaximum = tcp[index].sendNext
        timers.set(index, deadline: now &+ timeout(index), now: now)
    }

    /// Tells the guest that the connection is broken.
    mutating func sendReset(_ index: Int, pool: inout FramePool, output: inout FrameBurst) {
        sendSegment(
            tcp[index].key,
            to: guestMAC(index),
            sequence: tcp[index].sendMaximum,
            acknowledgement: tcp[index].receiveNext,
            flags: [.rst, .ack],
            window: 0,
            pool: &pool,
            output: &output
        )
    }

    /// Answers a segment that belongs to no connection (RFC 9293 section 3.10.7.1).
    mutating func answerUnknown(
        _ key: FlowKey,
        _ segment: TCPSegment,
        to mac: MACAddress,
        pool: inout FramePool,
        output: inout FrameBurst
    ) {
        guard !segment.flags.contains(.rst) else { return }
        counters.add(.tcpUnknown)
        let hasNumber = segment.flags.contains(.ack)
        sendSegment(
            key,
            to: mac,
            sequence: hasNumber ? segment.header.acknowledgement : 0,
            acknowledgement: hasNumber ? 0 : segment.sequence &+ segment.length,
            flags: hasNumber ? .rst : [.rst, .ack],
            window: 0,
            pool: &pool,
            output: &output
        )
    }

    /// The window field for the guest; moves the announced edge.
    ///
    /// The window is the room left in the flow's spill, so that all that is in flight can be kept. When the arena runs
    /// low, windows shrink, but an edge once announced is not taken back (RFC 9293 section 3.8.6.2.2).
    mutating func announceWindow(_ index: Int) -> UInt16 {
        let window = min(availableWindow(index), 65_535 << UInt32(tcp[index].ownWindowShift))
        let shift = UInt32(tcp[index].ownWindowShift)
        let field = window >> shift
        let edge = tcp[index].receiveNext &+ (field << shift)
        tcp[index].receiveEdge = TCPSequence.later(tcp[index].receiveEdge, edge)
        return UInt16(truncatingIfNeeded: field)
    }

    /// Bytes from `receiveNext` that the guest may send.
    func availableWindow(_ index: Int) -> UInt32 {
        var limit = configuration.limits.spillByteCountPerFlow
        if spill.freeByteCount < configuration.limits.spillChunkCount &* SpillArena.chunkCapacity / 4 {
            limit = min(limit, 64 * 1024)
        }
        let room = max(limit &- Int(tcp[index].spill.byteCount), 0)
        return max(UInt32(truncatingIfNeeded: room), tcp[index].receiveWindow)
    }
}
