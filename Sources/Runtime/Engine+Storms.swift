// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Synchronization

/// What one port may flood, and what it would have flooded beyond that.
struct FloodLimit: Sendable {
    private var frames: TokenBucket
    var dropped: UInt64 = 0

    init(framesPerSecond: UInt64, dropped: UInt64, now: UInt64) {
        frames = TokenBucket(rate: framesPerSecond, burst: max(framesPerSecond / 100, 10), now: now)
        self.dropped = dropped
    }

    /// Whether something that becomes so many frames may pass. A super-frame of more than a burst passes when nothing else was
    /// flooded for a while, and is paid for afterwards.
    mutating func passes(frameCount: Int, now: UInt64) -> Bool {
        let amount = UInt64(max(frameCount, 1))
        guard frames.has(amount, now: now) else {
            dropped &+= 1
            return false
        }
        frames.spendInFull(amount)
        return true
    }
}

/// Storms: what one port may flood to all others.
extension Engine {
    /// Whether a frame from this port may go to all others now.
    @inline(__always)
    mutating func mayFlood(_ frame: FrameReference, from port: Int) -> Bool {
        if floodLimits.isEmpty { return true }
        return floodLimits[port]?.passes(frameCount: pool.ordinaryFrameCount(frame), now: now) ?? true
    }

    mutating func setFloodLimit(port: Int?, framesPerSecond: UInt64?) {
        guard let port else {
            for port in 0..<table.portCount { setFloodLimit(port: port, framesPerSecond: framesPerSecond) }
            return
        }
        if let framesPerSecond {
            floodLimits[port] = FloodLimit(
                framesPerSecond: max(framesPerSecond, 1),
                dropped: floodLimits[port]?.dropped ?? 0,
                now: now
            )
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
    /// frames at least, may come at once. A super-frame counts as the frames that it is cut into. No limit with nil.
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
