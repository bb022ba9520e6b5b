// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// Names: questions to the name server's address go to the host's name servers. A server that refuses or stays silent is
/// passed over; when none is left the guest is told that the question failed, instead of waiting.
extension Gateway {
    /// Keeps a question until it is answered.
    mutating func keepQuery(_ index: Int, _ query: Span<UInt8>, now: UInt64) {
        guard query.count >= DNSHeader.byteCount, query.count <= GatewayTunables.maximumQueryByteCount else { return }
        queries[index].keep(query)
        timers.set(timer(index), deadline: now &+ GatewayTunables.dnsRetryTime, now: now)
    }

    /// A name server spoke: the question with the answer's number is settled.
    mutating func noteAnswer(_ index: Int, _ answer: Span<UInt8>, now: UInt64) {
        guard answer.count >= DNSHeader.byteCount else { return }
        queries[index].forget(answer.readUInt16(at: 0))
        resolvers.prefer(Int(udp[index].origin))
        if queries[index].isEmpty {
            timers.set(timer(index), deadline: now &+ GatewayTunables.dnsIdleTime, now: now)
        }
    }

    /// Puts the open questions to the next server, or answers them with a failure.
    mutating func askNextResolver<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        if udp[index].hostSocket != .none {
            host.close(udp[index].hostSocket)
            udp[index].socket = HostSocket.none.rawValue
        }
        while let next = resolvers.after(Int(udp[index].origin)) {
            counters.add(.dnsRetried)
            udp[index].origin = UInt16(truncatingIfNeeded: next.number)
            guard case .connected(let socket) = host.openUDP(to: next.endpoint, token: udpToken(index)) else {
                continue
            }
            udp[index].socket = socket.rawValue
            timers.set(timer(index), deadline: now &+ GatewayTunables.dnsRetryTime, now: now)
            if resendQueries(index, host: &host) { return }
            host.close(socket)
            udp[index].socket = HostSocket.none.rawValue
        }
        failQueries(index, pool: &pool, output: &output, now: now)
        closeUDP(index, host: &host)
    }

    private mutating func resendQueries<Host: GatewayHost & ~Copyable>(_ index: Int, host: inout Host) -> Bool {
        let query = queries[index]
        for slot in 0..<2 where query.byteCount(slot) > 0 {
            let start = slot &* ResolverQuery.slotByteCount
            let bytes = query.bytes.span.extracting(start..<start &+ query.byteCount(slot))
            guard case .bytes = host.sendDatagram(udp[index].hostSocket, bytes, segmentByteCount: 0) else {
                return false
            }
        }
        return true
    }

    /// Answers the open questions with "server failure" (RFC 1035 section 4.1.1).
    private mutating func failQueries(
        _ index: Int,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) {
        for slot in 0..<2 {
            let count = queries[index].byteCount(slot)
            guard count >= DNSHeader.byteCount, let frame = pool.allocateLarge() else { continue }
            counters.add(.dnsFailed)
            let query = queries[index]
            let start = slot &* ResolverQuery.slotByteCount
            var bytes = pool.mutableBytes(frame)
            bytes.store(query.bytes.span, start..<start &+ count, at: Layout.udpPayload)
            // The question comes back with "response" and "recursion available" set and the code 2; no record follows.
            bytes[Layout.udpPayload &+ 2] |= 0x80
            bytes[Layout.udpPayload &+ 3] = 0x82
            deliverDatagram(index, frame, byteCount: count, pool: &pool, output: &output, now: now)
        }
        queries[index].firstByteCount = 0
        queries[index].secondByteCount = 0
    }
}
