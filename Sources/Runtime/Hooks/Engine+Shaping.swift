// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem

/// Rate limits and impairments: what is dropped, what goes on at once, what waits and for how long.
extension Engine {
    /// Decides about one ordinary frame, whose hold it takes over: it is let go, goes to `burst` (inbound) or `through`
    /// (outbound), or waits.
    mutating func shape(_ frame: FrameReference, at index: Int, isInbound: Bool) {
        let port = places[index].port
        let slot = EngineHooks.shaper(port: port, isInbound: isInbound)
        let size = Int(frame.byteCount)
        if places[index].features.contains(isInbound ? .judgeSegmentsIn : .judgeSegmentsOut),
            let cause = Self.judge(&hooks, &pool, frame, port: port, isInbound: isInbound)
        {
            drops.count(cause)
            pool.release(frame)
            return
        }
        if hooks.shapers[slot].rate?.passes(byteCount: size, now: now) == false,
            !isTreeFrame(frame, port: port, isInbound: isInbound)
        {
            drops.count(.rateExceeded)
            pool.release(frame)
            return
        }
        guard let admission = hooks.shapers[slot].impairment?.admit(byteCount: size) else {
            goOn(frame, at: index, isInbound: isInbound)
            return
        }
        switch admission {
        case .lost(let cause): drops.count(cause)
        case .passes(let copies):
            for _ in 0..<copies { schedule(frame, at: index, slot: slot, isInbound: isInbound) }
        }
        pool.release(frame)
    }

    /// Protocol frames of our own spanning trees pass a rate limit that others have used up: a neighbour that hears nothing opens
    /// a port, and a loop, just when there is too much traffic already. The trees themselves bound how many there are.
    private func isTreeFrame(_ frame: FrameReference, port: Int, isInbound: Bool) -> Bool {
        isInbound ? bridge.isForBridge(pool.bytes(frame), port: port) : isUrgent
    }

    /// Sends one copy of a frame through the wire; the caller keeps its hold.
    private mutating func schedule(_ frame: FrameReference, at index: Int, slot: Int, isInbound: Bool) {
        let size = Int(frame.byteCount)
        guard let time = hooks.shapers[slot].impairment?.schedule(byteCount: size, now: now) else {
            drops.count(.queueFull)
            return
        }
        let bits = hooks.shapers[slot].impairment?.damage(byteCount: size) ?? 0
        let isWaiting = time > now
        // A frame that waits moves to a slot of its size; one that is changed must be nobody else's.
        let isMoved = bits > 0 || isWaiting && pool.isLarge(frame) && size <= FramePool.smallCapacity
        var copy = frame
        if isMoved {
            guard let made = pool.copy(frame) else {
                lose(size, slot, .noFrameMemory, isWaiting: isWaiting)
                return
            }
            copy = made
            if bits > 0 { Self.damage(&hooks, slot, &pool, copy, bits: bits) }
        } else {
            pool.retain(frame)
        }
        guard isWaiting else {
            goOn(copy, at: index, isInbound: isInbound)
            return
        }
        let isLarge = pool.isLarge(copy)
        let hasRoom = hasShare(slot, ofLarge: isLarge)
        let waiting = waitingFrame(isInbound ? .inbound : .outbound, index, copy)
        guard hasRoom, hooks.waiting.add(waiting, at: time) else {
            lose(size, slot, hasRoom ? .queueFull : .noFrameMemory, isWaiting: true)
            pool.release(copy)
            return
        }
        hooks.shapers[slot].hold(isLarge: isLarge)
    }

    /// What waits in one direction of one port may hold as many slots as are free beyond what is kept back, as a queue may
    /// (`share`): half of all when it is alone, and a flood through one delayed port leaves the others theirs.
    private func hasShare(_ slot: Int, ofLarge isLarge: Bool) -> Bool {
        isLarge
            ? pool.freeLargeCount - Tunables.largeSlotReserve > hooks.shapers[slot].heldLarge
            : pool.freeSmallCount - Tunables.smallSlotReserve > hooks.shapers[slot].heldSmall
    }

    private mutating func lose(_ size: Int, _ slot: Int, _ cause: DropCause, isWaiting: Bool) {
        drops.count(cause)
        hooks.shapers[slot].impairment?.cancel(byteCount: size, wasToWait: isWaiting)
    }

    private mutating func goOn(_ frame: FrameReference, at index: Int, isInbound: Bool) {
        if isInbound {
            if burst.isFull { forwardAdmitted(from: index) }
            burst.append(frame)
        } else {
            if hooks.through.isFull { emitThrough(index) }
            hooks.through.append(frame)
        }
    }

    private static func damage(
        _ hooks: inout EngineHooks,
        _ slot: Int,
        _ pool: inout FramePool,
        _ frame: FrameReference,
        bits: Int
    ) {
        var bytes = pool.mutableBytes(frame)
        hooks.shapers[slot].impairment?.damage(&bytes, bits: bits)
    }

    func waitingFrame(_ kind: WaitingFrame.Kind, _ index: Int, _ frame: FrameReference) -> WaitingFrame {
        WaitingFrame(
            kind,
            place: index,
            port: places[index].port,
            generation: places[index].generation,
            frame: frame
        )
    }

    // MARK: Time

    /// Lets what has waited long enough go on, in the order of its times.
    mutating func runWaiting() {
        var budget = EngineHooks.turnFrameCount
        while budget > 0, let first = hooks.waiting.peek(now: now) {
            budget -= 1
            let index = Int(first.place)
            let isPresent = places[index].generation == first.generation && places[index].kind != nil
            guard first.kind != .resume else {
                _ = hooks.waiting.take(now: now)
                if isPresent { resumeSender(index) }
                continue
            }
            // All that follow of the same place go together.
            burst.removeAll()
            staged.removeAll()
            hooks.through.removeAll()
            while !hooks.through.isFull, hooks.through.count < Tunables.burstFrameCount,
                let next = hooks.waiting.peek(now: now), next.kind == first.kind, next.place == first.place,
                next.generation == first.generation
            {
                _ = hooks.waiting.take(now: now)
                left(next)
                if isPresent { hooks.through.append(next.frame) } else { pool.release(next.frame) }
            }
            budget -= hooks.through.count
            if hooks.through.isEmpty { continue }
            burstSource = -1
            if first.kind == .inbound {
                for position in 0..<hooks.through.count { burst.append(hooks.through[position]) }
                hooks.through.removeAll()
                forwardAdmitted(from: index)
            } else {
                emitThrough(index)
            }
            drops.flush(to: table, endpoint: index)
        }
        if gatewayPlace >= 0 { finishGatewayBurst() }
    }

    private mutating func left(_ item: WaitingFrame) {
        let slot = EngineHooks.shaper(port: Int(item.port), isInbound: item.kind == .inbound)
        guard slot < hooks.shapers.count else { return }
        hooks.shapers[slot].letGo(isLarge: pool.isLarge(item.frame))
        hooks.shapers[slot].impairment?.left(byteCount: Int(item.frame.byteCount))
    }

    /// Lets go of what waits for its time at an endpoint that goes, in either direction: whoever comes next is somebody else. How
    /// many frames those are.
    mutating func dropWaiting(_ index: Int) -> Int {
        guard !hooks.waiting.isEmpty else { return 0 }
        let generation = places[index].generation
        var count = 0
        for item in hooks.waiting.takeAll(where: { Int($0.place) == index && $0.generation == generation }) {
            if item.kind == .resume { continue }
            left(item)
            pool.release(item.frame)
            count += 1
        }
        return count
    }

    private mutating func resumeSender(_ index: Int) {
        guard places[index].isPaused, congestedCount == 0 else { return }
        places[index].isPaused = false
        if places[index].hasBacklog { hasBacklog = true }
        updateInterest(index)
    }

    /// What kept senders waiting has changed. Where it still does, their next burst finds that out.
    private mutating func resumeSenders(port: Int) {
        var index = firstOfPort[port]
        while index >= 0 {
            resumeSender(index)
            index = places[index].nextInPort
        }
    }

    /// Sets the timer to the first time that something waits for. Milliseconds, all that epoll_wait(2) knows, are too coarse.
    mutating func armTimer() {
        let deadline = hooks.waiting.nextDeadline
        timer.arm(at: deadline == .max ? nil : deadline)
        hooks.armedDeadline = deadline
    }

    // MARK: Changes

    mutating func perform(_ change: HookChange) {
        switch change {
        case .impairment(let port, let isInbound, let settings, let seed):
            makeShapers()
            let slot = EngineHooks.shaper(port: port, isInbound: isInbound)
            if let settings {
                if hooks.shapers[slot].impairment == nil {
                    hooks.shapers[slot].impairment = ImpairedDirection(settings, seed: seed)
                } else {
                    hooks.shapers[slot].impairment?.settings = settings
                }
            } else {
                hooks.shapers[slot].impairment = nil
            }
            refreshFeatures(port: port)
            if isInbound { resumeSenders(port: port) }
        case .query(let port, let isInbound, let query):
            let slot = EngineHooks.shaper(port: port, isInbound: isInbound)
            if slot < hooks.shapers.count { query.fill(hooks.shapers[slot].impairment) }
        case .seed(let port, let isInbound, let seed):
            makeShapers()
            hooks.shapers[EngineHooks.shaper(port: port, isInbound: isInbound)].impairment?.reseed(seed)
        case .rate(let port, let isInbound, let bits, let frames):
            makeShapers()
            let isLimited = bits > 0 || frames > 0
            hooks.shapers[EngineHooks.shaper(port: port, isInbound: isInbound)].rate =
                isLimited ? RateLimit(bitsPerSecond: bits, framesPerSecond: frames, now: now) : nil
            refreshFeatures(port: port)
        case .mirror(let slot, let box):
            hooks.mirrors[slot] = box?.take() ?? MirrorRule()
            refreshAllFeatures()
        case .capture(let slot, let box):
            hooks.captures[slot]?.end()
            hooks.captures[slot] = box?.take()
            refreshAllFeatures()
        case .monitor(let port, let isOn):
            hooks.isClosed[port] = isOn
            refreshFeatures(port: port)
        case .policies(let changes):
            makeShapers()
            makePolicies()
            for change in changes { perform(change) }
            refreshAllFeatures()
        case .tags(let port, let box):
            hooks.tags[port] = box?.take()
            refreshFeatures(port: port)
        }
    }

    private mutating func makeShapers() {
        guard hooks.shapers.count == 0 else { return }
        hooks.shapers = RigidTable(count: 2 * table.portCount) { _ in Shaper() }
    }

    mutating func refreshFeatures(port: Int) {
        let features = hooks.computeFeatures(port: port)
        hooks.features[port] = features
        var index = firstOfPort[port]
        while index >= 0 {
            var own = features
            if places[index].filters?.hasSend == true { own.insert(.clientIn) }
            if places[index].filters?.hasReceive == true { own.insert(.clientOut) }
            places[index].features = own
            index = places[index].nextInPort
        }
    }

    private mutating func refreshAllFeatures() {
        for port in 0..<table.portCount { refreshFeatures(port: port) }
    }

    /// Captures end with the loop.
    mutating func endCaptures() {
        for slot in 0..<EngineHooks.captureCapacity { hooks.captures[slot]?.end() }
    }
}
