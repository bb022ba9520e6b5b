// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Gateway
import LinuxSystem

/// The gateway's turn in the loop.
///
/// Frames for it are handed over in the middle of a burst; what it answers is collected in its own list and forwarded, as a
/// burst of its own, when the burst in work is done.
extension Engine {
    mutating func addGateway(
        _ element: consuming GatewayElement,
        at index: Int,
        generation: UInt32,
        port: Int
    ) {
        gateway = consume element
        gatewayPlace = index
        places[index].generation = generation
        places[index].kind = .gateway
        places[index].capabilities = .all
        plug(index, into: port)
        if spanning != nil { reconcileTrees(port: port) }
        gateway?.rearm()
        updateGatewaySchedule()
    }

    /// Hands the staged frames to the gateway.
    mutating func receiveInGateway() {
        for position in 0..<staged.count {
            gateway?.receive(staged[position], pool: &pool, now: now)
        }
        gatewayTouched = true
    }

    /// After a burst: acknowledgements and whatever else the frames of the burst caused.
    mutating func finishGatewayBurst() {
        guard gatewayTouched else { return }
        gatewayTouched = false
        gateway?.finishBurst(pool: &pool, now: now)
        forwardGatewayOutput()
    }

    /// A host socket is ready.
    mutating func serveGateway(_ word: UInt64, _ events: Epoll.Events) {
        guard gatewayPlace >= 0 else { return }
        gateway?.hostReady(word: word, events: events, pool: &pool, now: now)
        gatewayTouched = true
        finishGatewayBurst()
    }

    /// Timers that are due, and work that did not fit the last turn.
    mutating func runGatewayTimers() {
        if gatewayHasWork {
            gateway?.continueWork(pool: &pool, now: now)
            forwardGatewayOutput()
        }
        if now >= gatewayDeadline {
            gateway?.expire(pool: &pool, now: now)
            gateway?.finishBurst(pool: &pool, now: now)
            forwardGatewayOutput()
        }
    }

    /// Sends what the gateway has said on its way. The bridge never returns a frame to the port it came from, so that this
    /// does not come back here.
    private mutating func forwardGatewayOutput() {
        gateway?.takeOutput(&burst)
        if !burst.isEmpty { forwardBurst(from: gatewayPlace) }
        updateGatewaySchedule()
    }

    private mutating func updateGatewaySchedule() {
        gatewayHasWork = gateway?.hasPendingWork ?? false
        gatewayDeadline = gateway?.nextDeadline ?? .max
    }
}
