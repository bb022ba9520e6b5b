// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

extension Gateway {
    /// Both directions ended in good order.
    mutating func finishTCP<Host: GatewayHost & ~Copyable>(_ index: Int, host: inout Host, now: UInt64) {
        host.close(tcp[index].hostSocket)
        tcp[index].socket = HostSocket.none.rawValue
        counters.add(.tcpClosed)
        guard tcp[index].flags.contains(.closedByHostFirst) else {
            // The guest ended first: it is its side that rests.
            return forgetTCP(index)
        }
        tcp[index].state = .timeWait
        resting.append(index, in: tcp)
        timers.set(index, deadline: now &+ GatewayTunables.restTime, now: now)
    }

    /// The host's side broke: the guest is told.
    mutating func breakTCP<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst
    ) {
        counters.add(.tcpResetByHost)
        sendReset(index, pool: &pool, output: &output)
        abandonTCP(index, host: &host)
    }

    /// A flow's timer is due.
    mutating func tcpTimeout<Host: GatewayHost & ~Copyable>(
        _ index: Int,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        switch tcp[index].state {
        case .free: break
        case .timeWait:
            forgetTCP(index)
        case .connecting, .resolving:
            counters.add(.tcpTimedOut)
            abandonTCP(index, host: &host)
        case .synSent, .synReceived:
            guard tcp[index].retries < GatewayTunables.synRetries else {
                counters.add(.tcpTimedOut)
                return abandonTCP(index, host: &host)
            }
            tcp[index].retries &+= 1
            counters.add(.tcpRetransmits)
            // The guest may have moved to another station meanwhile.
            if let neighbour = neighbours.find(tcp[index].key.guest) { tcp[index].guestMAC = neighbour.mac.rawValue }
            sendSYN(index, pool: &pool, output: &output, now: now)
        case .established:
            guard tcp[index].retries < GatewayTunables.dataRetries else {
                counters.add(.tcpTimedOut)
                sendReset(index, pool: &pool, output: &output)
                return abandonTCP(index, host: &host)
            }
            if tcp[index].flags.contains(.persisting) {
                tcp[index].retries &+= 1
                sendProbe(index, pool: &pool, output: &output)
                timers.set(index, deadline: now &+ timeout(index), now: now)
            } else if tcp[index].sendMaximum != tcp[index].sendUnacknowledged {
                retransmitAll(index, now: now)
            }
        }
    }

    /// Nothing was acknowledged in time: everything outstanding is sent again, beginning with one segment (RFC 5681
    /// section 3.1, RFC 6298 section 5).
    private mutating func retransmitAll(_ index: Int, now: UInt64) {
        let segment = UInt32(tcp[index].maximumSegment)
        let flight = tcp[index].sendMaximum &- tcp[index].sendUnacknowledged
        // Only the first timeout of a row says something about the network's room.
        if tcp[index].retries == 0 { tcp[index].slowStartThreshold = max(flight / 2, 2 &* segment) }
        counters.add(.tcpRetransmits)
        tcp[index].retries &+= 1
        tcp[index].congestionWindow = segment
        tcp[index].sendNext = tcp[index].sendUnacknowledged
        tcp[index].recoveryPoint = tcp[index].sendMaximum
        tcp[index].duplicateACKs = 0
        tcp[index].flags.remove([.recovering, .mustRetransmit, .measuring])
        timers.set(index, deadline: now &+ timeout(index), now: now)
        schedule(index)
    }
}
