// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

extension Gateway {
    /// Takes a segment's acknowledgement and window (RFC 9293 section 3.10.7.4).
    ///
    /// - Returns: false when it acknowledges what was never sent: such a segment is answered and otherwise ignored.
    mutating func acknowledge(_ index: Int, _ segment: TCPSegment, now: UInt64) -> Bool {
        let number = segment.header.acknowledgement
        let oldest = tcp[index].sendUnacknowledged
        guard TCPSequence.isBeforeOrEqual(number, tcp[index].sendMaximum) else { return false }
        let window = UInt32(segment.header.window) << UInt32(tcp[index].guestWindowShift)
        if TCPSequence.isAfter(number, oldest) {
            takeAcknowledgement(index, number, now: now)
        } else if number == oldest, segment.length == 0, window == tcp[index].sendWindow,
            tcp[index].sendMaximum != oldest, !tcp[index].flags.contains(.persisting)
        {
            takeDuplicate(index)
        }
        // RFC 9293 section 3.10.7.4: older segments do not change the window.
        if TCPSequence.isBefore(tcp[index].windowSequence, segment.sequence)
            || (tcp[index].windowSequence == segment.sequence
                && TCPSequence.isBeforeOrEqual(tcp[index].windowAcknowledgement, number))
        {
            tcp[index].sendWindow = window
            tcp[index].windowSequence = segment.sequence
            tcp[index].windowAcknowledgement = number
        }
        if tcp[index].flags.contains(.persisting) {
            if tcp[index].sendWindow > 0 {
                tcp[index].flags.remove(.persisting)
                tcp[index].retries = 0
                timers.clear(index)
            } else {
                // The guest lives: it may keep its window shut for ever (RFC 9293 section 3.8.6.1).
                tcp[index].retries = min(tcp[index].retries, 6)
            }
        }
        return true
    }

    /// New data was acknowledged.
    private mutating func takeAcknowledgement(_ index: Int, _ number: UInt32, now: UInt64) {
        let count = number &- tcp[index].sendUnacknowledged
        let wasInFlight = tcp[index].sendMaximum &- tcp[index].sendUnacknowledged
        var bytes = count
        if tcp[index].flags.contains(.finSent), number == tcp[index].finSequence &+ 1,
            !tcp[index].flags.contains(.finAcknowledged)
        {
            tcp[index].flags.insert(.finAcknowledged)
            bytes &-= 1
        }
        tcp[index].undiscarded &+= bytes
        tcp[index].bytesToGuest &+= UInt64(bytes)
        counters.add(Int(bytes), .bytesToGuest)
        tcp[index].sendUnacknowledged = number
        if TCPSequence.isBefore(tcp[index].sendNext, number) { tcp[index].sendNext = number }
        tcp[index].retries = 0
        tcp[index].duplicateACKs = 0
        if tcp[index].flags.contains(.measuring), TCPSequence.isAfterOrEqual(number, tcp[index].measuredSequence) {
            tcp[index].flags.remove(.measuring)
            measure(index, now &- tcp[index].measuredAt)
        }
        if tcp[index].flags.contains(.recovering) {
            continueRecovery(index, number, count)
        } else {
            grow(index, bytes, wasInFlight: wasInFlight)
        }
        if number == tcp[index].sendMaximum {
            timers.clear(index)
        } else {
            timers.set(index, deadline: now &+ timeout(index), now: now)
        }
    }

    /// A segment arrived behind a hole (RFC 5681 section 3.2).
    private mutating func takeDuplicate(_ index: Int) {
        tcp[index].duplicateACKs = min(tcp[index].duplicateACKs &+ 1, 200)
        let segment = UInt32(tcp[index].maximumSegment)
        if tcp[index].flags.contains(.recovering) {
            // Each tells that a segment left the network: another one may go.
            tcp[index].congestionWindow = limited(tcp[index].congestionWindow &+ segment)
            return
        }
        // RFC 6582 section 3.2: what was outstanding at the last recovery must not start another one.
        guard tcp[index].duplicateACKs == 3,
            TCPSequence.isAfterOrEqual(tcp[index].sendUnacknowledged, tcp[index].recoveryPoint)
        else { return }
        let flight = tcp[index].sendMaximum &- tcp[index].sendUnacknowledged
        tcp[index].slowStartThreshold = max(flight / 2, 2 &* segment)
        tcp[index].congestionWindow = limited(tcp[index].slowStartThreshold &+ 3 &* segment)
        tcp[index].recoveryPoint = tcp[index].sendMaximum
        tcp[index].recoveryBurst = 1
        tcp[index].flags.insert([.recovering, .mustRetransmit])
    }

    /// During recovery: over when all that was outstanding is acknowledged; before that, the next hole is filled. A lost
    /// super-frame leaves a hole of many segments, so each step fills twice as much as the one before.
    private mutating func continueRecovery(_ index: Int, _ number: UInt32, _ count: UInt32) {
        let segment = UInt32(tcp[index].maximumSegment)
        if TCPSequence.isAfterOrEqual(number, tcp[index].recoveryPoint) {
            tcp[index].flags.remove([.recovering, .mustRetransmit])
            tcp[index].congestionWindow = max(tcp[index].slowStartThreshold, 2 &* segment)
            return
        }
        let window = tcp[index].congestionWindow
        tcp[index].congestionWindow = max(window > count ? window &- count : 0, segment) &+ segment
        tcp[index].recoveryBurst = min(tcp[index].recoveryBurst &* 2, 44)
        tcp[index].flags.insert(.mustRetransmit)
    }

    /// Slow start and congestion avoidance, by bytes (RFC 5681 section 3.1, RFC 3465). A window that is not used does not
    /// grow (RFC 7661).
    private mutating func grow(_ index: Int, _ bytes: UInt32, wasInFlight: UInt32) {
        let window = tcp[index].congestionWindow
        guard wasInFlight >= window / 2 else { return }
        if window < tcp[index].slowStartThreshold {
            tcp[index].congestionWindow = limited(window &+ bytes)
        } else {
            let segment = UInt64(tcp[index].maximumSegment)
            let step = max(segment &* UInt64(bytes) / UInt64(max(window, 1)), 1)
            tcp[index].congestionWindow = limited(window &+ UInt32(truncatingIfNeeded: step))
        }
    }

    private func limited(_ window: UInt32) -> UInt32 { min(window, GatewayTunables.maximumCongestionWindow) }

    /// A round trip's time, in nanoseconds, enters the timeout (RFC 6298 section 2).
    private mutating func measure(_ index: Int, _ nanoseconds: UInt64) {
        let sample = UInt32(truncatingIfNeeded: min(nanoseconds / 1000, 60_000_000))
        if tcp[index].flags.contains(.hasRoundTrip) {
            let smoothed = tcp[index].smoothedRoundTrip
            let difference = smoothed > sample ? smoothed &- sample : sample &- smoothed
            tcp[index].roundTripVariation = (3 &* tcp[index].roundTripVariation &+ difference) / 4
            tcp[index].smoothedRoundTrip = (7 &* smoothed &+ sample) / 8
        } else {
            tcp[index].flags.insert(.hasRoundTrip)
            tcp[index].smoothedRoundTrip = sample
            tcp[index].roundTripVariation = sample / 2
        }
        let timeout = tcp[index].smoothedRoundTrip &+ max(4 &* tcp[index].roundTripVariation, 1000)
        tcp[index].retransmissionTimeout = min(
            max(timeout, GatewayTunables.minimumTimeout),
            GatewayTunables.maximumTimeout
        )
    }

    /// The retransmission timeout after the retries so far, in nanoseconds: doubled by each (RFC 6298 section 5.5).
    func timeout(_ index: Int) -> UInt64 {
        let base = UInt64(tcp[index].retransmissionTimeout)
        let doubled = base << UInt64(min(tcp[index].retries, 10))
        return min(doubled, UInt64(GatewayTunables.maximumTimeout)) &* 1000
    }
}
