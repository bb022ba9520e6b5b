// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

extension Gateway {
    /// Readiness of a conversation's socket.
    mutating func udpReady(_ index: Int, generation: UInt32) {
        guard index < udpPlaces.capacity, udp[index].flags.contains(.used),
            udp[index].generation & 0x3fff_ffff == generation, udp[index].listNumber == 0
        else { return }
        udpPending.append(index, in: udp)
    }

    /// Room for one received datagram: a large slot and space in the burst. A datagram that is longer than the MTU needs
    /// several frames; a few are always kept free.
    private func hasRoom(_ pool: borrowing FramePool, _ output: borrowing FrameBurst) -> Bool {
        output.freeCount >= min(4, output.capacity)
            && pool.freeLargeCount > min(Dataplane.Tunables.largeSlotReserve, pool.largeCount / 2)
    }

    /// Brings a conversation's datagrams to the guest.
    mutating func serveUDP<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        udpPending.remove(index, in: udp)
        udp.beginWrite(index)
        defer { udp.endWrite(index) }
        for _ in 0..<GatewayTunables.datagramsPerTurn {
            guard udp[index].flags.contains(.used), udp[index].hostSocket != .none else { return }
            guard hasRoom(pool, output), let frame = pool.allocateLarge() else { break }
            var bytes = pool.mutableBytes(frame)
            var target = bytes._mutatingExtracting(Layout.udpPayload..<bytes.count)
            switch host.receiveDatagram(udp[index].hostSocket, into: &target) {
            case .bytes(let count):
                if udp[index].flags.contains(.resolver) {
                    noteAnswer(
                        index,
                        pool.bytes(frame).extracting(Layout.udpPayload..<Layout.udpPayload &+ count),
                        now: now
                    )
                }
                deliverDatagram(index, frame, byteCount: count, pool: &pool, output: &output, now: now)
            case .wouldBlock, .endOfStream:
                return pool.release(frame)
            case .failed(let error):
                pool.release(frame)
                failUDP(index, error, pool: &pool, host: &host, output: &output, now: now)
            }
        }
        if udp[index].flags.contains(.used), udp[index].listNumber == 0 { udpPending.append(index, in: udp) }
    }

    /// Sends a datagram whose data lies in `frame` behind room for the headers, and takes over the frame.
    mutating func deliverDatagram(
        _ index: Int,
        _ frame: FrameReference,
        byteCount: Int,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) {
        guard !output.isFull, byteCount <= 65_535 - IPv4Header.byteCount - UDPHeader.byteCount else {
            counters.add(output.isFull ? .outputFull : .udpDropped)
            return pool.release(frame)
        }
        var frame = frame
        let key = udp[index].key
        let mac = MACAddress(rawValue: udp[index].guestMAC)
        let length = UDPHeader.byteCount &+ byteCount
        frame.byteCount = UInt32(truncatingIfNeeded: Layout.transport &+ length)
        var bytes = pool.mutableBytes(frame)
        let ip = writeHeaders(key, to: mac, IPProtocol.udp, payloadByteCount: length, into: &bytes)
        let header = UDPHeader(sourcePort: key.remotePort, destinationPort: key.guestPort, byteCount: length)
        header.emit(into: &bytes, at: Layout.transport)
        udp[index].lastActive = now
        udp[index].bytesToGuest &+= UInt64(truncatingIfNeeded: byteCount)
        counters.add(byteCount, .bytesToGuest)
        guard IPv4Header.byteCount &+ length > configuration.mtu else {
            bytes.storeUInt16(
                InternetChecksum.fold(ip.pseudoHeaderSum),
                at: Layout.transport &+ UDPHeader.checksumOffset
            )
            pool.setHeader(
                VirtioNetHeader(
                    flags: .needsChecksum,
                    checksumStart: UInt16(truncatingIfNeeded: Layout.transport),
                    checksumOffset: UInt16(truncatingIfNeeded: UDPHeader.checksumOffset)
                ),
                of: frame
            )
            return send(frame, output: &output)
        }
        header.storeChecksum(into: &bytes, at: Layout.transport, pseudoHeaderSum: ip.pseudoHeaderSum)
        sendFragments(frame, ip, to: mac, pool: &pool, output: &output)
        pool.release(frame)
    }

    /// Sends an IPv4 packet that is longer than the MTU in fragments (RFC 791 section 3.2).
    private mutating func sendFragments(
        _ frame: FrameReference,
        _ ip: IPv4Header,
        to mac: MACAddress,
        pool: inout FramePool,
        output: inout FrameBurst
    ) {
        let payload = ip.payloadByteCount
        let step = (configuration.mtu &- IPv4Header.byteCount) & ~7
        guard output.freeCount &* step >= payload else { return counters.add(.outputFull) }
        let identification = UInt16(truncatingIfNeeded: random.next())
        var offset = 0
        while offset < payload {
            let size = min(step, payload &- offset)
            guard let part = pool.allocate(byteCount: Layout.transport &+ size) else {
                return counters.add(.noFrameMemory)
            }
            var header = ip
            header.dontFragment = false
            header.identification = identification
            header.fragmentOffset = offset
            header.moreFragments = offset &+ size < payload
            header.totalByteCount = IPv4Header.byteCount &+ size
            writeFragment(header, to: mac, from: frame, into: part, pool: &pool)
            send(part, output: &output)
            offset &+= size
        }
    }

    /// Copies one part of a packet in steps, through a small buffer: two slots of a pool cannot be borrowed at a time.
    private func writeFragment(
        _ header: IPv4Header,
        to mac: MACAddress,
        from source: FrameReference,
        into part: FrameReference,
        pool: inout FramePool
    ) {
        var target = pool.mutableBytes(part)
        EthernetHeader(destination: mac, source: configuration.macAddress, type: .ipv4).emit(into: &target)
        header.emit(into: &target, at: Layout.network)
        var buffer: [256 of UInt8] = .init(repeating: 0)
        var done = 0
        while done < header.payloadByteCount {
            let size = min(256, header.payloadByteCount &- done)
            let start = Layout.transport &+ header.fragmentOffset &+ done
            var staging = buffer.mutableSpan
            staging.store(pool.bytes(source), start..<start &+ size, at: 0)
            var rest = pool.mutableBytes(part)
            rest.store(buffer.span, 0..<size, at: Layout.transport &+ done)
            done &+= size
        }
    }

    /// A conversation's timer is due: it was silent, or a name server is.
    mutating func udpTimeout<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        guard udp[index].flags.contains(.used) else { return }
        if udp[index].flags.contains(.resolver), !queries[index].isEmpty {
            return askNextResolver(index, pool: &pool, host: &host, output: &output, now: now)
        }
        let end = udp[index].lastActive &+ idleTime(index)
        if end <= now { return closeUDP(index, host: &host) }
        timers.set(timer(index), deadline: end, now: now)
    }
}
