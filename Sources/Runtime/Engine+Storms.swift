// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// Storms: what one port may flood to all others.
extension Engine {
    /// Whether a frame from this port may go to all others now.
    @inline(__always)
    mutating func mayFlood(from port: Int) -> Bool {
        if floodLimits.isEmpty { return true }
        return floodLimits[port]?.passes(byteCount: 0, now: now) ?? true
    }

    mutating func setFloodLimit(port: Int, framesPerSecond: UInt64?) {
        if let framesPerSecond {
            floodLimits[port] = RateLimit(
                bitsPerSecond: nil,
                framesPerSecond: max(framesPerSecond, 1),
                now: now
            )
        } else {
            floodLimits[port] = nil
        }
    }
}

extension DataPlane {
    /// Limits how many frames a second may come in on a port that go to all others: broadcasts, multicasts, and frames to
    /// addresses that nobody knows. More are dropped and counted (`rateExceeded`). A hundredth of a second's worth, ten
    /// frames at least, may come at once. No limit with nil.
    public func setFloodLimit(port: Int, framesPerSecond: UInt64?) {
        guard port >= 0, port < state.table.portCount else { return }
        mailbox.perform(.setFloodLimit(port: port, framesPerSecond: framesPerSecond))
    }
}
