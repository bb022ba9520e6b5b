// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

extension Gateway {
    /// A datagram, or several in one super-frame, from a guest.
    mutating func receiveUDP<Host: GatewayHost & ~Copyable>(
        _ frame: FrameReference,
        _ place: PacketPlace,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        guard let header = parseUDP(place, pool.bytes(frame)) else { return }
        let key = FlowKey(
            guest: place.ip.source,
            guestPort: header.sourcePort,
            remote: place.ip.destination,
            remotePort: header.destinationPort
        )
        let hash = secret.hash(key)
        let length = UInt16(truncatingIfNeeded: header.byteCount)
        let found = udpIndex.find(key, hash: hash, in: udp)
        let opened =
            found
            ?? openUDP(
                key,
                hash: hash,
                length: length,
                from: place.source,
                pool: &pool,
                host: &host,
                output: &output,
                now: now
            )
        guard let index = opened else { return }
        udp.beginWrite(index)
        udp[index].guestMAC = place.source.rawValue
        udp[index].lastByteCount = length
        udp[index].lastActive = now
        let start = place.offset &+ UDPHeader.byteCount
        let range = start..<start &+ header.payloadByteCount
        let segment = place.gsoType == .udpL4 && header.payloadByteCount > place.gsoSize ? place.gsoSize : 0
        if udp[index].flags.contains(.resolver) { keepQuery(index, pool.bytes(frame).extracting(range), now: now) }
        if udp[index].hostSocket == .none, !udp[index].flags.contains(.inbound) {
            // No name server is known, or none could be had.
            askNextResolver(index, pool: &pool, host: &host, output: &output, now: now)
            return udp.endWrite(index)
        }
        if timers.deadline(timer(index)) == nil {
            timers.set(timer(index), deadline: now &+ idleTime(index), now: now)
        }
        // The socket may report what became of an earlier datagram first; this one is sent nevertheless.
        for _ in 0..<2 {
            let result = sendUDP(index, pool.bytes(frame).extracting(range), segment: segment, host: &host)
            switch result {
            case .bytes:
                udp[index].bytesToHost &+= UInt64(range.count)
                counters.add(range.count, .bytesToHost)
                udp.endWrite(index)
                return
            case .wouldBlock, .endOfStream:
                counters.add(.udpSendFailed)
                udp.endWrite(index)
                return
            case .failed(let error):
                counters.add(.udpSendFailed)
                failUDP(index, error, pool: &pool, host: &host, output: &output, now: now)
                guard udp[index].flags.contains(.used), !udp[index].flags.contains(.resolver), error == .refused
                else { return udp.endWrite(index) }
            }
        }
        udp.endWrite(index)
    }

    /// Reads a datagram's header and checks it; a datagram that is not to be processed is counted.
    func parseUDP(_ place: PacketPlace, _ bytes: Span<UInt8>) -> UDPHeader? {
        guard let header = UDPHeader.parse(bytes, at: place.offset, availableByteCount: place.byteCount),
            header.sourcePort != 0, header.destinationPort != 0,
            place.gsoType == .none || (place.gsoType == .udpL4 && place.gsoSize > 0)
        else {
            counters.add(.malformed)
            return nil
        }
        guard !place.isChecksumTrusted, header.checksum != 0 else { return header }
        var ip = place.ip
        ip.totalByteCount = ip.headerByteCount &+ header.byteCount
        let end = place.offset &+ header.byteCount
        guard InternetChecksum.verify(bytes, from: place.offset, to: end, initial: ip.pseudoHeaderSum) else {
            counters.add(.badChecksum)
            return nil
        }
        return header
    }

    func timer(_ index: Int) -> Int { TimerNumber.udp(index, configuration.limits) }

    func idleTime(_ index: Int) -> UInt64 {
        udp[index].flags.contains(.resolver) ? GatewayTunables.dnsIdleTime : GatewayTunables.udpIdleTime
    }

    private mutating func sendUDP<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        _ bytes: Span<UInt8>,
        segment: Int,
        host: inout Host
    ) -> HostTransfer {
        guard udp[index].flags.contains(.inbound) else {
            return host.sendDatagram(udp[index].hostSocket, bytes, segmentByteCount: segment)
        }
        let listener = Int(udp[index].origin)
        let peer = udp[index].peer
        guard segment > 0 else { return host.sendDatagram(listener: listener, bytes, to: peer) }
        var start = 0
        while start < bytes.count {
            let end = min(start &+ segment, bytes.count)
            let result = host.sendDatagram(listener: listener, bytes.extracting(start..<end), to: peer)
            guard case .bytes = result else { return result }
            start = end
        }
        return .bytes(bytes.count)
    }

    /// Opens a conversation for a guest's first datagram.
    private mutating func openUDP<Host: GatewayHost & ~Copyable>(
        _ key: FlowKey,
        hash: UInt64,
        length: UInt16,
        from mac: MACAddress,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) -> Int? {
        let target: HostEndpoint
        var origin = 0
        var flags: UDPFlowFlags = []
        switch route(key.remote, port: key.remotePort) {
        case .host(let endpoint): target = endpoint
        case .resolver:
            flags = .resolver
            let server = resolvers.preferred
            // Without a server the question is kept and fails in due form.
            target = server?.endpoint ?? HostEndpoint(address: .unspecified, port: 0)
            origin = server?.number ?? 0
        case .refused, .prohibited:
            counters.add(.prohibited)
            let isRefused = isOwn(key.remote)
            sendUnreachable(
                isRefused ? .portUnreachable : .administrativelyProhibited,
                key: key,
                protocolNumber: IPProtocol.udp,
                fifthWord: UInt32(length) << 16,
                to: mac,
                pool: &pool,
                output: &output
            )
            return nil
        }
        guard let index = allocateUDP(key, hash: hash, host: &host, now: now) else {
            counters.add(.udpRefused)
            return nil
        }
        udp[index].guestMAC = mac.rawValue
        udp[index].flags.formUnion(flags)
        udp[index].origin = UInt16(truncatingIfNeeded: origin)
        udp[index].lastByteCount = length
        if target.address.isUnspecified { return index }
        switch host.openUDP(to: target, token: udpToken(index)) {
        case .connected(let socket), .inProgress(let socket):
            udp[index].socket = socket.rawValue
            return index
        case .failed(let error):
            if flags.contains(.resolver) { return index }
            if let message = error.unreachable {
                reportUDP(index, message, pool: &pool, output: &output)
            }
            closeUDP(index, host: &host)
            return nil
        }
    }

    func udpToken(_ index: Int) -> GatewayToken { GatewayToken(.udp, index: index, generation: udp[index].generation) }

    /// A record for a new conversation; one that was silent for long makes room.
    mutating func allocateUDP<Host: GatewayHost & ~Copyable>(
        _ key: FlowKey,
        hash: UInt64,
        host: inout Host,
        now: UInt64
    ) -> Int? {
        if udpPlaces.usedCount == udpPlaces.capacity { evictUDP(host: &host) }
        guard let index = udpPlaces.take(from: udp) else { return nil }
        udp[index] = UDPFlow(
            writeSequence: udp[index].writeSequence | 1,
            listNext: 0,
            listPrevious: 0,
            listNumber: 0,
            flags: .used,
            origin: 0,
            key: key,
            peerAddress: 0,
            peerPort: 0,
            lastByteCount: 0,
            generation: udp[index].generation &+ 1,
            hash: hash,
            socket: HostSocket.none.rawValue,
            guestMAC: 0,
            lastActive: now,
            createdAt: now,
            bytesToHost: 0,
            bytesToGuest: 0
        )
        queries[index].firstByteCount = 0
        queries[index].secondByteCount = 0
        udpIndex.insert(index, hash: hash)
        counters.add(.udpOpened)
        counters.set(.udpFlows, udpPlaces.usedCount)
        return index
    }

    /// Ends the conversation that was silent longest among some: a search among all would cost too much.
    private mutating func evictUDP<Host: GatewayHost & ~Copyable>(host: inout Host) {
        var victim: Int?
        for _ in 0..<min(GatewayTunables.evictionSampleCount, udpPlaces.capacity) {
            evictionHand = (evictionHand &+ 1) % udpPlaces.capacity
            guard udp[evictionHand].flags.contains(.used) else { continue }
            if let best = victim, udp[best].lastActive <= udp[evictionHand].lastActive { continue }
            victim = evictionHand
        }
        guard let victim else { return }
        counters.add(.udpEvicted)
        closeUDP(victim, host: &host)
    }

    mutating func closeUDP<Host: GatewayHost & ~Copyable>(_ index: Int, host: inout Host) {
        guard udp[index].flags.contains(.used) else { return }
        if udp[index].hostSocket != .none { host.close(udp[index].hostSocket) }
        udpPending.remove(index, in: udp)
        timers.clear(timer(index))
        udpIndex.remove(index, hash: udp[index].hash)
        udp[index].flags = []
        udp[index].socket = HostSocket.none.rawValue
        udpPlaces.give(index, to: udp)
        counters.set(.udpFlows, udpPlaces.usedCount)
    }

    /// Tells the guest that its last datagram did not arrive.
    mutating func reportUDP(_ index: Int, _ error: ICMPError, pool: inout FramePool, output: inout FrameBurst) {
        sendUnreachable(
            error,
            key: udp[index].key,
            protocolNumber: IPProtocol.udp,
            fifthWord: UInt32(udp[index].lastByteCount) << 16,
            to: MACAddress(rawValue: udp[index].guestMAC),
            pool: &pool,
            output: &output
        )
    }

    /// A socket reported an error.
    mutating func failUDP<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        _ error: HostError,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        if udp[index].flags.contains(.resolver) {
            return askNextResolver(index, pool: &pool, host: &host, output: &output, now: now)
        }
        if let message = error.unreachable { reportUDP(index, message, pool: &pool, output: &output) }
    }
}
