// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import Wire

/// What happens to frames of ports that do more than forward. `HookFeatures` of the place says whether anything does.
///
///     received ─▶ capture ─▶ mirror ─▶ tags ─▶ policy ─▶ rate, impairment ─▶ bridge
///                                                              └▶ waits ─▶┘
///     bridge ─▶ policy ─▶ rate, impairment ─▶ capture ─▶ mirror ─▶ sent
///                              └▶ waits ─▶┘
///
/// So a capture shows what the port's own wire carries: what its client sent, and what its client got. Rate limits and
/// impairments see ordinary frames only: a super-frame is cut, and its checksum summed, before.
extension Engine {
    // MARK: Frames that come in

    /// Works on `burst`, which came in at a place, and forwards what is to be forwarded now.
    mutating func runIngressHooks(_ index: Int) {
        let port = places[index].port
        let features = places[index].features
        if features.contains(.clientIn) { narrowSent(index) }
        if features.contains(.captureIn) { Self.capture(&hooks, &pool, burst, port, isInbound: true, now: now) }
        if features.contains(.mirrorIn) {
            Self.copy(burst, to: &hooks.mirrored)
            mirror(port: port, isInbound: true)
        }
        if features.contains(.closedIn) {
            drops.count(.filtered, burst.count)
            for position in 0..<burst.count { pool.release(burst[position]) }
            burst.removeAll()
        }
        if features.contains(.tagIn) { translateTags(port: port) }
        if features.contains(.judgeIn) { judgeBurst(port: port) }
        guard features.contains(.shapeIn) else {
            if !burst.isEmpty { forwardAdmitted(from: index) }
            drops.flush(to: table, endpoint: index)
            return
        }
        Self.copy(burst, to: &hooks.incoming)
        burst.removeAll()
        for position in 0..<hooks.incoming.count {
            let frame = hooks.incoming[position]
            if !Self.expand(frame, &pool, into: &hooks.ordinaryIn, &drops) {
                shapeInbound(index)
                if !Self.expand(frame, &pool, into: &hooks.ordinaryIn, &drops) { drops.count(.noFrameMemory) }
            }
            pool.release(frame)
        }
        shapeInbound(index)
        if !burst.isEmpty { forwardAdmitted(from: index) }
        hooks.incoming.removeAll()
        drops.flush(to: table, endpoint: index)
        holdSender(index, port: port)
    }

    /// Gives the frames of `burst` the tags that the port's table wants; those that do not pass are let go.
    private mutating func translateTags(port: Int) {
        Self.copy(burst, to: &hooks.incoming)
        burst.removeAll()
        for position in 0..<hooks.incoming.count {
            var frame = hooks.incoming[position]
            if let cause = Self.translate(&hooks, &pool, &frame, port: port) {
                drops.count(cause)
                pool.release(frame)
            } else {
                burst.append(frame)
            }
        }
        hooks.incoming.removeAll()
    }

    private static func translate(
        _ hooks: inout EngineHooks,
        _ pool: inout FramePool,
        _ frame: inout FrameReference,
        port: Int
    ) -> DropCause? {
        hooks.tags[port]?.apply(to: &frame, &pool)
    }

    private mutating func shapeInbound(_ index: Int) {
        for position in 0..<hooks.ordinaryIn.count {
            shape(hooks.ordinaryIn[position], at: index, isInbound: true)
        }
        hooks.ordinaryIn.removeAll()
    }

    /// The sender is not read from before its interface has sent what it gave, if that takes more than a moment.
    private mutating func holdSender(_ index: Int, port: Int) {
        let slot = EngineHooks.shaper(port: port, isInbound: true)
        guard let free = hooks.shapers[slot].impairment?.senderFree, free > now &+ 1_000_000, !places[index].isPaused
        else { return }
        let waiting = waitingFrame(.resume, index, FrameReference(slot: 0, start: 0, byteCount: 0))
        guard hooks.waiting.add(waiting, at: free) else { return }
        places[index].isPaused = true
        updateInterest(index)
    }

    // MARK: Frames that go out

    /// Works on `staged`, which is to leave at a place; `staged` is as before afterwards.
    mutating func runEgressHooks(_ index: Int) {
        let features = places[index].features
        if features.contains(.closedOut) { return }
        guard features.contains(.judgeOut) else {
            shapeStaged(index)
            return
        }
        Self.copy(staged, to: &hooks.judged)
        judgeStaged(port: places[index].port)
        if !staged.isEmpty { shapeStaged(index) }
        Self.copy(hooks.judged, to: &staged)
        drops.flush(to: table, endpoint: index)
    }

    /// What a policy has let pass, or all that there is.
    private mutating func shapeStaged(_ index: Int) {
        guard places[index].features.contains(.shapeOut) else {
            passOn(to: index)
            return
        }
        Self.copy(staged, to: &hooks.outgoing)
        for position in 0..<hooks.outgoing.count {
            let frame = hooks.outgoing[position]
            if !Self.expand(frame, &pool, into: &hooks.ordinaryOut, &drops) {
                shapeOutbound(index)
                if !Self.expand(frame, &pool, into: &hooks.ordinaryOut, &drops) { drops.count(.noFrameMemory) }
            }
        }
        shapeOutbound(index)
        Self.copy(hooks.outgoing, to: &staged)
        drops.flush(to: table, endpoint: index)
    }

    private mutating func shapeOutbound(_ index: Int) {
        for position in 0..<hooks.ordinaryOut.count {
            shape(hooks.ordinaryOut[position], at: index, isInbound: false)
        }
        hooks.ordinaryOut.removeAll()
        emitThrough(index)
    }

    /// Sends `through`, whose holds are ours, by way of `staged`.
    mutating func emitThrough(_ index: Int) {
        var first = 0
        while first < hooks.through.count {
            staged.removeAll()
            while first < hooks.through.count, !staged.isFull {
                staged.append(hooks.through[first])
                first += 1
            }
            passOn(to: index)
            for position in 0..<staged.count { pool.release(staged[position]) }
        }
        hooks.through.removeAll()
        staged.removeAll()
    }

    /// The last step before `staged` leaves. What several endpoints of a port get is captured and mirrored once.
    private mutating func passOn(to index: Int) {
        let port = places[index].port
        if firstOfPort[port] == index {
            let features = places[index].features
            if features.contains(.captureOut) {
                Self.capture(&hooks, &pool, staged, port, isInbound: false, now: now)
            }
            if features.contains(.mirrorOut) {
                Self.copy(staged, to: &hooks.mirrored)
                mirror(port: port, isInbound: false)
                Self.copy(hooks.mirrored, to: &staged)
            }
        }
        emitStaged(to: index)
    }

    // MARK: Copies

    /// Sends `mirrored` to the ports that are to see it, by way of `staged`. They get it whatever else is said of them.
    private mutating func mirror(port: Int, isInbound: Bool) {
        for slot in 0..<EngineHooks.mirrorCapacity {
            guard hooks.mirrors[slot].applies(port: port, isInbound: isInbound) else { continue }
            let destination = hooks.mirrors[slot].destination
            staged.removeAll()
            for position in 0..<hooks.mirrored.count {
                let frame = hooks.mirrored[position]
                if hooks.mirrors[slot].filter.accepts(pool.bytes(frame)) { staged.append(frame) }
            }
            if staged.isEmpty { continue }
            var index = firstOfPort[destination]
            if index >= 0, places[index].features.contains(.captureOut) {
                Self.capture(&hooks, &pool, staged, destination, isInbound: false, now: now)
            }
            while index >= 0 {
                emitStaged(to: index)
                index = places[index].nextInPort
            }
        }
        staged.removeAll()
    }

    private static func capture(
        _ hooks: inout EngineHooks,
        _ pool: inout FramePool,
        _ frames: borrowing FrameBurst,
        _ port: Int,
        isInbound: Bool,
        now: UInt64
    ) {
        for slot in 0..<EngineHooks.captureCapacity
        where hooks.captures[slot]?.wants(port: port, isInbound: isInbound) == true {
            hooks.captures[slot]?.take(frames, pool, port: port, isInbound: isInbound, now: now)
        }
    }

    private static func copy(_ source: borrowing FrameBurst, to target: inout FrameBurst) {
        target.removeAll()
        for position in 0..<source.count { target.append(source[position]) }
    }

    /// Appends a frame as one or more ordinary ones, each with one hold of its own; false when there is no room for them.
    private static func expand(
        _ frame: FrameReference,
        _ pool: inout FramePool,
        into output: inout FrameBurst,
        _ drops: inout DropTally
    ) -> Bool {
        if pool.needsWork(frame) {
            if pool.header(frame).isSuperFrame {
                guard let failure = pool.segment(frame, into: &output) else { return true }
                if failure == .noMemory { return false }
                drops.count(.badHeader)
                return true
            }
            pool.completeChecksum(frame)
        }
        if output.isFull { return false }
        pool.retain(frame)
        output.append(frame)
        return true
    }
}
