// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Synchronization

/// What one port may flood, and what it would have flooded beyond that.
struct FloodLimit: Sendable {
    var rate: RateLimit
    var dropped: UInt64 = 0

    mutating func passes(now: UInt64) -> Bool {
        if rate.passes(byteCount: 0, now: now) { return true }
        dropped &+= 1
        return false
    }
}

/// Storms: what one port may flood to all others.
extension Engine {
    /// Whether a frame from this port may go to all others now.
    @inline(__always)
    mutating func mayFlood(from port: Int) -> Bool {
        if floodLimits.isEmpty { return true }
        return floodLimits[port]?.passes(now: now) ?? true
    }

    mutating func setFloodLimit(port: Int?, framesPerSecond: UInt64?) {
        guard let port else {
            for port in 0..<table.portCount { setFloodLimit(port: port, framesPerSecond: framesPerSecond) }
            return
        }
        if let framesPerSecond {
            let rate = RateLimit(bitsPerSecond: nil, framesPerSecond: max(framesPerSecond, 1), now: now)
            floodLimits[port] = FloodLimit(rate: rate, dropped: floodLimits[port]?.dropped ?? 0)
        } else {
            floodLimits[port] = nil
        }
    }

    func fill(_ query: StormQuery) {
        query.set(StormStatus(dropped: floodLimits.mapValues(\.dropped), loopSeconds: bridge.loops.seenCount))
    }
}

/// What there was of storms and loops since the switch began.
public struct StormStatus: Sendable, Equatable {
    /// Frames that a port's limit has dropped, by port; only ports that are limited.
    public var dropped: [Int: UInt64] = [:]
    /// Seconds in which one address was tossed between two ports.
    public var loopSeconds: UInt64 = 0
}

/// Carries a status from the loop to whoever asked.
final class StormQuery: Sendable {
    private let status = Mutex(StormStatus())

    func set(_ value: StormStatus) { status.withLock { $0 = value } }
    var result: StormStatus { status.withLock { $0 } }
}

extension DataPlane {
    /// Limits how many frames a second may come in on a port that go to all others: broadcasts, multicasts, and frames to
    /// addresses that nobody knows. More are dropped and counted (`rateExceeded`). A hundredth of a second's worth, ten
    /// frames at least, may come at once. No limit with nil.
    ///
    /// - Parameter port: nil for each port there is or may be.
    public func setFloodLimit(port: Int?, framesPerSecond: UInt64?) {
        if let port { guard port >= 0, port < state.table.portCount else { return } }
        mailbox.perform(.setFloodLimit(port: port, framesPerSecond: framesPerSecond))
    }

    /// What there was of storms and loops.
    public func stormStatus() -> StormStatus {
        let query = StormQuery()
        mailbox.perform(.queryStorms(query))
        return query.result
    }
}
