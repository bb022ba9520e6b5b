// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints

/// Flow control: a sender waits a moment for a reader that is behind but alive.
///
/// Without it, a switch that is faster than a reader only moves the loss from the sender's socket to its own queue. When the
/// queue of an output grows long, the input whose frame made it so is not read from until the queue is short again; the
/// kernel then makes the sender wait. That must not let a slow or dead reader hold up others: a reader earns the time that
/// others may wait for it by reading, and one that has used it up without catching up is called slow: its frames are
/// dropped, and nobody waits for it again before it has caught up and earned some.
///
///     normal ──queue long──▶ congested (inputs paused) ──queue short──▶ normal
///                                 └──credit used up──▶ slow (tail drop) ──queue short, credit earned──▶ normal
extension Engine {
    /// The output at `index` has taken frames.
    @inline(__always)
    mutating func earnCredit(_ index: Int, frames: Int) {
        let credit = places[index].pauseCredit &+ Int64(truncatingIfNeeded: frames) &* Tunables.pauseCreditPerFrame
        places[index].pauseCredit = min(credit, Tunables.pauseCredit)
    }

    /// Pauses the input in work if the output at `index` has fallen behind.
    ///
    /// - Parameter isAtLimit: its queue got no memory for another frame; it counts as long then, unless it is empty.
    mutating func pauseSource(of index: Int, isAtLimit: Bool = false) {
        guard !places[index].isSlow, burstSource >= 0, burstSource != gatewayPlace,
            queues.count(index) >= Tunables.pauseFrameCount || queues.byteCount(index) >= Tunables.pauseByteCount
                || isAtLimit && !queues.isEmpty(index)
        else { return }
        if !places[index].isCongested {
            guard places[index].pauseCredit > 0 else {
                declareSlow(index)
                return
            }
            places[index].isCongested = true
            places[index].congestedSince = now
            congestedCount += 1
            pauseDeadline = min(pauseDeadline, now + UInt64(places[index].pauseCredit))
        }
        guard !places[burstSource].isPaused else { return }
        places[burstSource].isPaused = true
        updateInterest(burstSource)
    }

    /// The output at `index` has read some of its queue, or is gone.
    mutating func noteProgress(_ index: Int, frames: Int) {
        earnCredit(index, frames: frames)
        guard queues.count(index) <= Tunables.resumeFrameCount, queues.byteCount(index) <= Tunables.resumeByteCount
        else { return }
        if places[index].pauseCredit >= Tunables.pauseCredit / 4 { places[index].isSlow = false }
        guard places[index].isCongested else { return }
        endCongestion(index)
        if congestedCount == 0 { resumeInputs() }
    }

    private mutating func endCongestion(_ index: Int) {
        places[index].isCongested = false
        places[index].pauseCredit -= Int64(now - places[index].congestedSince)
        congestedCount -= 1
    }

    /// Time is over for an output: if it has not caught up it is slow.
    mutating func endPause() {
        pauseDeadline = .max
        for position in 0..<activeCount {
            let index = active[position]
            guard places[index].isCongested else { continue }
            let deadline = places[index].congestedSince + UInt64(max(places[index].pauseCredit, 0))
            if now >= deadline {
                endCongestion(index)
                declareSlow(index)
            } else {
                pauseDeadline = min(pauseDeadline, deadline)
            }
        }
        if congestedCount == 0 { resumeInputs() }
    }

    private mutating func resumeInputs() {
        pauseDeadline = .max
        for position in 0..<activeCount where places[active[position]].isPaused {
            places[active[position]].isPaused = false
            if places[active[position]].hasBacklog { hasBacklog = true }
            updateInterest(active[position])
        }
    }
}
