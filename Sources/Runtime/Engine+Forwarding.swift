// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import Wire

/// From a burst to the outputs.
extension Engine {
    private static var flood: Int32 { -1 }
    private static var handled: Int32 { -2 }

    /// Decides about every frame of `burst`, which came in at place `index`, hands them to the outputs and lets them go.
    mutating func forwardBurst(from index: Int) {
        burstSource = index
        table.countIn(port: places[index].port, frames: burst.count, bytes: burst.byteCount)
        if places[index].features.isDisjoint(with: .ingress) {
            forwardAdmitted(from: index)
        } else {
            runIngressHooks(index)
        }
        if gatewayPlace >= 0 { finishGatewayBurst() }
    }

    /// The same without asking what else the port does.
    mutating func forwardAdmitted(from index: Int) {
        let port = places[index].port
        if multiplexer.isOn {
            forwardMultiplexed(from: index)
        } else if bridge.isTransparent {
            forwardTransparently(from: index, port: port)
        } else {
            forwardManaged(from: index)
        }
        if nextSweep == .max, bridge.forwarding.count != 0 { scheduleSweep() }
        for position in 0..<burst.count { pool.release(burst[position]) }
        burst.removeAll()
    }

    /// By addresses alone, tags and all.
    private mutating func forwardTransparently(from index: Int, port: Int) {
        var verdicts: [64 of Int32] = InlineArray(repeating: Self.handled)
        let tick = tick
        for position in 0..<burst.count {
            switch Self.classify(&bridge, &pool, burst[position], port: port, now: tick) {
            case .forward(let target): verdicts[position] = Int32(truncatingIfNeeded: target)
            case .flood:
                if mayFlood(burst[position], from: port) {
                    verdicts[position] = Self.flood
                } else {
                    drops.count(.rateExceeded)
                }
            case .discard(let cause): drops.count(cause)
            }
        }
        drops.flush(to: table, endpoint: index)

        for position in 0..<burst.count where verdicts[position] != Self.handled {
            // All frames of the burst that go the same way are sent together, in their order.
            let verdict = verdicts[position]
            staged.removeAll()
            for other in position..<burst.count where verdicts[other] == verdict {
                staged.append(burst[other])
                verdicts[other] = Self.handled
            }
            if verdict == Self.flood {
                floodStaged(exceptPort: port)
            } else {
                deliverStaged(toPort: Int(verdict))
            }
        }
    }

    private mutating func floodStaged(exceptPort origin: Int) {
        var position = 0
        while position < activeCount {
            let index = active[position]
            if places[index].port != origin { deliverStaged(to: index) }
            position += 1
        }
    }

    mutating func deliverStaged(toPort port: Int) {
        var index = firstOfPort[port]
        while index >= 0 {
            deliverStaged(to: index)
            index = places[index].nextInPort
        }
    }

    mutating func deliverStaged(to index: Int) {
        if places[index].features.isDisjoint(with: .egress) {
            emitStaged(to: index)
        } else if places[index].features.contains(.clientOut) {
            deliverWanted(to: index)
        } else {
            runEgressHooks(index)
        }
    }

    /// The same without asking what else the port does.
    mutating func emitStaged(to index: Int) {
        table.countOut(port: places[index].port, frames: staged.count, bytes: staged.byteCount)
        if index == gatewayPlace {
            receiveInGateway()
            return
        }
        let capabilities = places[index].capabilities
        if capabilities.contains(.all) {
            transmit(to: index, fittedOnly: false)
        } else {
            fitStaged(for: index, capabilities)
        }
        drops.flush(to: table, endpoint: index)
    }

    /// Cuts and sums what the output cannot take as it is, then sends.
    private mutating func fitStaged(for index: Int, _ capabilities: PortCapabilities) {
        var needsWork = false
        for position in 0..<staged.count where pool.needsWork(staged[position]) {
            needsWork = true
            break
        }
        guard needsWork else {
            transmit(to: index, fittedOnly: false)
            return
        }
        for position in 0..<staged.count {
            let frame = staged[position]
            let header = pool.header(frame)
            if capabilities.takes(header) || !header.isSuperFrame {
                if !capabilities.takes(header) { pool.completeChecksum(frame) }
                if fitted.isFull { transmitFitted(to: index) }
                pool.retain(frame)
                fitted.append(frame)
                continue
            }
            var failure = pool.segment(frame, into: &fitted)
            if failure == .noMemory, !fitted.isEmpty {
                transmitFitted(to: index)
                failure = pool.segment(frame, into: &fitted)
            }
            if let failure { drops.count(failure == .badHeader ? .badHeader : .noFrameMemory) }
        }
        if !fitted.isEmpty { transmitFitted(to: index) }
    }

    private mutating func transmitFitted(to index: Int) {
        transmit(to: index, fittedOnly: true)
        for position in 0..<fitted.count { pool.release(fitted[position]) }
        fitted.removeAll()
    }

    /// Sends `fitted` or `staged`; what the output does not take now waits in its queue.
    private mutating func transmit(to index: Int, fittedOnly: Bool) {
        var first = 0
        let count = fittedOnly ? fitted.count : staged.count
        if queues.isEmpty(index) {
            let result =
                fittedOnly
                ? Self.send(&places, index, now: now, &fitted, &pool, &drops)
                : Self.send(&places, index, now: now, &staged, &pool, &drops)
            guard case .blocked(let next) = result else {
                earnCredit(index, frames: count)
                return
            }
            earnCredit(index, frames: next)
            first = next
        }
        for position in first..<count {
            enqueue(fittedOnly ? fitted[position] : staged[position], at: index)
        }
        // The rest of the last frame may wait in the endpoint itself.
        if first == count { watchWritable(index, true) }
    }

    /// Puts a frame behind those that wait for a slow output.
    private mutating func enqueue(_ frame: FrameReference, at index: Int) {
        if isUrgent { makeRoom(index, byteCount: Int(frame.byteCount)) }
        guard queues.hasRoom(index, byteCount: Int(frame.byteCount)) else {
            drops.count(.queueFull)
            return
        }
        let isLarge = Int(frame.byteCount) > FramePool.smallCapacity
        guard isUrgent || share(index, ofLarge: isLarge) > 0 else {
            drops.count(.noFrameMemory)
            pauseSource(of: index, isAtLimit: true)
            return
        }
        if pool.isLarge(frame), !isLarge {
            guard let copy = pool.copy(frame) else {
                drops.count(.noFrameMemory)
                return
            }
            queues.append(index, copy)
        } else {
            pool.retain(frame)
            queues.append(index, frame)
        }
        watchWritable(index, true)
        pauseSource(of: index)
    }

    /// Drops the newest frames that wait until there is room for another.
    private mutating func makeRoom(_ index: Int, byteCount: Int) {
        while !queues.hasRoom(index, byteCount: byteCount), let frame = queues.removeLast(index) {
            pool.release(frame)
            drops.count(.queueFull)
        }
    }

    /// How many slots a queue could still take: it may hold as many as are free beyond what is kept back (dynamic
    /// thresholds, Choudhury and Hahne 1998). For a slow reader that is half of all: however many dead ones hoard frames,
    /// the queues of the living have the other half.
    private func share(_ index: Int, ofLarge isLarge: Bool) -> Int {
        let held = queues.largeCount(index)
        let isSlow = places[index].isSlow
        return isLarge
            ? pool.freeLargeCount - (isSlow ? pool.largeCount / 2 : Tunables.largeSlotReserve) - held
            : pool.freeSmallCount - (isSlow ? pool.smallCount / 2 : Tunables.smallSlotReserve)
                - (queues.count(index) - held)
    }

    /// Nobody waits for the reader at `index` any more. What it hoards beyond a slow one's share is dropped, newest first.
    mutating func declareSlow(_ index: Int) {
        places[index].isSlow = true
        while share(index, ofLarge: true) < 0 || share(index, ofLarge: false) < 0,
            let frame = queues.removeLast(index)
        {
            pool.release(frame)
            drops.count(.queueFull)
        }
        drops.flush(to: table, endpoint: index)
    }

    /// Sends what waits for an output that has become writable.
    mutating func flushQueue(_ index: Int) {
        flushed.removeAll()
        let count = min(queues.count(index), Tunables.burstFrameCount)
        for offset in 0..<count { flushed.append(queues.peek(index, at: offset)) }
        var sent = count
        var isBlocked = false
        // Also without frames: an endpoint may keep the rest of one.
        if case .blocked(let next) = Self.send(&places, index, now: now, &flushed, &pool, &drops) {
            sent = next
            isBlocked = true
        }
        for _ in 0..<sent {
            if let frame = queues.removeFirst(index) { pool.release(frame) }
        }
        drops.flush(to: table, endpoint: index)
        dropDeserted(index)
        if queues.isEmpty(index), !isBlocked {
            watchWritable(index, false)
        } else if places[index].endpoint?.takeInterestChange() == true {
            updateInterest(index)
        }
        noteProgress(index, frames: sent)
    }

    /// Drops what waits for an endpoint that nobody is at any more. Whoever comes next is somebody else, may not take such
    /// frames, and nothing would tell that the queue can go on until then.
    mutating func dropDeserted(_ index: Int) {
        guard !queues.isEmpty(index), places[index].endpoint?.isDeserted == true else { return }
        while let frame = queues.removeFirst(index) {
            pool.release(frame)
            drops.count(.noCarrier)
        }
        drops.flush(to: table, endpoint: index)
        watchWritable(index, false)
        noteProgress(index, frames: 0)
    }

    private mutating func watchWritable(_ index: Int, _ isOn: Bool) {
        guard places[index].watchesWritable != isOn else { return }
        places[index].watchesWritable = isOn
        updateInterest(index)
    }
}
