// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem

/// The data plane of a process: one bridge, its ports, and the loop that drives them.
///
/// # Theory of operation
///
/// One thread runs to completion: it waits for readable descriptors, takes a burst from one, decides about each frame,
/// hands the frames to the outputs, and only then looks at the next descriptor. Between reading and writing a frame stays
/// where it was received; it is copied only when it must wait, or must be cut for an output that cannot take it whole.
///
///     epoll ─▶ receive(burst ≤ 32 frames, ~128 KiB) ─▶ classify each ─▶ group by output ─▶ fit (segment, sum) ─▶ send
///                                                                                             └▶ blocked: queue, wait
///                                                                                                for "writable"
///
/// The thread makes no blocking call. Everything else (consoles, control sockets, files, names) is the control thread's,
/// which posts commands through a mailbox and reads counters and tables from the state memory while the loop writes them.
///
/// A descriptor's epoll word is its kind, its generation, its channel and its index, so that an event that was already
/// waiting when the endpoint was replaced is recognised and ignored.
struct Engine: ~Copyable {
    /// What is plugged in at one place of the endpoint table.
    struct Place: ~Copyable {
        var endpoint: Endpoint?
        var kind: EndpointKind?
        /// What its client wants of the frames that the port offers, and lets itself send.
        var filters: ClientFilters?
        /// Whose they are.
        var filtersGeneration: UInt32 = 0
        /// The endpoint does things by the clock, and may have something to say.
        var hasTimers = false
        var capabilities: PortCapabilities = []
        var port = -1
        /// What else its port does with frames.
        var features: HookFeatures = []
        /// The next endpoint of the same port, -1 at the end.
        var nextInPort = -1
        var generation: UInt32 = 0
        var watchesWritable = false
        /// As an output: its queue is long, and senders wait for it.
        var isCongested = false
        var congestedSince: UInt64 = 0
        /// As an output: how long senders may still wait for it, in nanoseconds.
        var pauseCredit = Tunables.pauseCredit
        /// As an output: it did not catch up while senders waited; nobody waits again before it has earned that.
        var isSlow = false
        /// As an input: it is not read from until the outputs have caught up.
        var isPaused = false
        /// The endpoint holds frames that no descriptor tells of.
        var hasBacklog = false
        /// As an input: frames since `heatSince`.
        var heat = 0
        var heatSince: UInt64 = 0
        /// As an input: the loop looks at it in every turn, epoll does not watch it.
        var isHot = false
        /// Until when it stays so without a frame.
        var hotUntil: UInt64 = 0
        /// When the endpoint wants to be called, `.max` for never.
        var deadline: UInt64 = .max
    }

    /// Kinds of epoll words, in their upper eight bits.
    enum WordKind: UInt64 {
        case mailbox = 1
        case endpoint = 2
        case hostSocket = 3
        case timer = 4
    }

    let mailbox: EngineMailbox
    let table: PortTable
    let journal: ForwardingJournal
    var pool: FramePool
    var bridge: Bridge
    var queues: OutputQueues
    var places: RigidTable<Place>
    /// First endpoint of each port, -1 when nothing is plugged in.
    var firstOfPort: RigidTable<Int>
    /// Indices of the places in use, in no order: what a flood walks over.
    var active: RigidTable<Int>
    var activeCount = 0

    /// Frames of the burst in work.
    var burst = FrameBurst(capacity: Engine.burstCapacity)
    /// Frames of that burst which go to one output.
    var staged = FrameBurst(capacity: Engine.burstCapacity)
    /// Those frames as the output takes them.
    var fitted = FrameBurst(capacity: 2048)
    /// Frames that leave a queue.
    var flushed = FrameBurst(capacity: Tunables.burstFrameCount)
    var drops = DropTally()

    var gateway: GatewayElement?
    /// Its place in the endpoint table, -1 when there is none.
    var gatewayPlace = -1
    /// It was given something since its last turn.
    var gatewayTouched = false
    /// The gateway has more to say than fitted its last turn.
    var gatewayHasWork = false
    /// When its next timer is due.
    var gatewayDeadline: UInt64 = .max

    /// Captures, mirrors, rate limits and impairments, and the frames that wait for their time.
    var hooks: EngineHooks
    /// Who hears whom, when this is a multiplexer.
    var multiplexer: Multiplexer
    /// When its counts are to be brought up to date.
    var skippedDeadline: UInt64 = .max
    let timer: TimerFD

    /// Where the burst in work came from.
    var burstSource = -1
    /// What is being sent goes before what waits, should a queue be full.
    var isUrgent = false
    /// The earliest time at which an endpoint wants to be called.
    var endpointDeadline: UInt64 = .max

    /// Some endpoint that is read from holds frames that no descriptor tells of.
    var hasBacklog = false

    /// Inputs that are looked at in every turn.
    var hot: [4 of Int] = InlineArray(repeating: -1)
    var hotCount = 0

    /// Spanning trees, while they are on.
    var spanning: SpanningTrees?
    /// What was set for the trees, kept while they are off.
    var treeSettings: [UInt16: SpanningTree.Settings] = [:]
    var treeDeadline: UInt64 = .max

    /// What a port may flood, by port: empty while no port is limited.
    var floodLimits: [Int: FloodLimit] = [:]

    /// Outputs that senders wait for, and until when at most.
    var congestedCount = 0
    var pauseDeadline: UInt64 = .max

    /// How long the loop keeps looking after the last event before it sleeps, in nanoseconds.
    let spinNanoseconds: UInt64
    /// Until when it keeps looking.
    var spinDeadline: UInt64 = 0

    /// Monotonic nanoseconds at the latest wake-up.
    var now: UInt64 = 0
    var nextSweep: UInt64 = .max
    var isStopped = false

    /// Most frames in work at once: a burst, or what a gateway has to say to one.
    static var burstCapacity: Int { 64 }

    init(configuration: EngineConfiguration, mailbox: EngineMailbox) throws(Errno) {
        try mailbox.epoll.add(mailbox.wakeUpDescriptor, .readable, word: WordKind.mailbox.rawValue << 56)
        let timer = try TimerFD()
        try mailbox.epoll.add(timer.rawDescriptor, .readable, word: WordKind.timer.rawValue << 56)
        self.timer = timer
        self.mailbox = mailbox
        let state = mailbox.state
        table = state.table
        journal = state.journal
        bridge = Bridge(
            forwarding: state.takeForwarding(),
            vlans: state.takeVLANs(),
            states: state.takePortStates()
        )
        bridge.isHub = configuration.isHub
        spinNanoseconds = UInt64(clamping: configuration.spinMicroseconds) &* 1000
        pool = FramePool(smallCount: configuration.smallSlotCount, largeCount: configuration.largeSlotCount)
        let endpointCount = table.endpointCount
        queues = OutputQueues(endpointCount: endpointCount, firstLargeSlot: pool.smallCount)
        places = RigidTable(count: endpointCount) { _ in Place() }
        firstOfPort = RigidTable(count: table.portCount) { _ in -1 }
        active = RigidTable(count: endpointCount) { _ in -1 }
        hooks = EngineHooks(portCount: table.portCount)
        multiplexer = Multiplexer(
            isOn: configuration.isMultiplexer,
            portCount: table.portCount,
            clientCount: endpointCount
        )
    }

    /// Seconds of the monotonic clock, as the forwarding database counts them.
    var tick: UInt16 { UInt16(truncatingIfNeeded: now / 1_000_000_000) }

    /// Runs until a `stop` command comes.
    mutating func run() {
        var ready = Epoll.ReadyList()
        now = MonotonicClock.nanoseconds
        while !isStopped {
            do {
                try mailbox.epoll.wait(&ready, timeout: timeout())
            } catch {
                mailbox.post(.failed(error))
                return
            }
            now = MonotonicClock.nanoseconds
            if spinNanoseconds != 0, ready.count != 0 { spinDeadline = now &+ spinNanoseconds }
            // What has waited is before what comes now.
            if now >= hooks.waiting.nextDeadline { runWaiting() }
            for index in 0..<ready.count { dispatch(ready.word(index), ready.events(index)) }
            if hotCount != 0 { serveHot() }
            if hasBacklog { serveBacklog() }
            if gatewayPlace >= 0 { runGatewayTimers() }
            if now >= endpointDeadline { runEndpointTimers() }
            if now >= pauseDeadline { endPause() }
            if now >= nextSweep { sweep() }
            if journal.announces() { mailbox.post(.forwardingChanged) }
            if now >= treeDeadline { runTrees() }
            if now >= skippedDeadline { countAllSkipped() }
            if bridge.hasNews { postNews() }
            if hooks.waiting.nextDeadline != hooks.armedDeadline { armTimer() }
        }
        endCaptures()
    }

    /// Milliseconds that the loop may sleep: until the next deadline, rounded up; -1 when there is none.
    private func timeout() -> Int32 {
        if gatewayHasWork || hasBacklog || hotCount != 0 || now < spinDeadline { return 0 }
        let deadline = min(
            min(min(nextSweep, endpointDeadline), min(gatewayDeadline, pauseDeadline)),
            min(treeDeadline, skippedDeadline)
        )
        if deadline == .max { return -1 }
        if deadline <= now { return 0 }
        return Int32(clamping: (deadline - now + 999_999) / 1_000_000)
    }

    mutating func dispatch(_ word: UInt64, _ events: Epoll.Events) {
        switch WordKind(rawValue: word >> 56) {
        case .endpoint:
            let index = Int(word & 0xffff)
            let channel = Int(word >> 16 & 0xffff)
            let generation = UInt32(truncatingIfNeeded: word >> 32) & 0xff_ffff
            guard places[index].generation & 0xff_ffff == generation,
                let roles = places[index].endpoint?.roles(channel: channel, events)
            else { return }
            if roles.contains(.takesFrames) { flushQueue(index) }
            // The end of a sender that waits is told again and again, and there is not much left to take from it.
            let isEnding = !events.isDisjoint(with: [.hangUp, .error])
            if roles.contains(.hasFrames), isEnding || !places[index].isPaused { serve(index, channel: channel) }
        case .hostSocket:
            serveGateway(word, events)
        case .timer:
            timer.drain()
            hooks.armedDeadline = .max
        case .mailbox:
            mailbox.drainWakeUp()
            while let command = mailbox.nextCommand() {
                perform(command)
                mailbox.commandDone()
            }
        case nil: break
        }
    }

    /// Takes a burst from an endpoint, or a few of those that it holds, and sends them on their way.
    mutating func serve(_ index: Int, channel: Int) {
        var rounds = 0
        while serveBurst(index, channel: channel), places[index].endpoint?.holdsFrames ?? false {
            rounds += 1
            if places[index].isPaused || rounds == Self.heldBurstLimit {
                // No descriptor tells of these: their turn comes after the others'.
                places[index].hasBacklog = true
                hasBacklog = true
                return
            }
        }
    }

    /// Bursts that an endpoint may send from what it holds before others have their turn.
    private static var heldBurstLimit: Int { 4 }

    /// Serves the endpoints that hold frames of theirs.
    private mutating func serveBacklog() {
        hasBacklog = false
        var position = 0
        while position < activeCount {
            let index = active[position]
            if places[index].hasBacklog {
                // A paused one keeps its mark; the end of the pause sets the other.
                if !places[index].isPaused {
                    places[index].hasBacklog = false
                    serve(index, channel: 0)
                }
            }
            // One that ended has another in its position now.
            if position < activeCount, active[position] == index { position += 1 }
        }
    }

    /// Takes one burst from an endpoint and sends it on its way. False when it has ended.
    private mutating func serveBurst(_ index: Int, channel: Int) -> Bool {
        let result = Self.receive(&places, index, channel: channel, now: now, into: &burst, &pool, &drops)
        drops.flush(to: table, endpoint: index)
        noteHeat(index, frames: burst.count)
        if !burst.isEmpty { forwardBurst(from: index) }
        if places[index].hasTimers { attend(index) }
        if result == .ended {
            let generation = places[index].generation
            remove(index)
            mailbox.post(.endpointEnded(index: index, generation: generation))
            return false
        }
        return true
    }

    // Parts of the engine go to these by reference, one by one: the compiler then sees that they do not overlap.

    private static func receive(
        _ places: inout RigidTable<Place>,
        _ index: Int,
        channel: Int,
        now: UInt64,
        into burst: inout FrameBurst,
        _ pool: inout FramePool,
        _ drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        places[index].endpoint?.receive(channel: channel, now: now, into: &burst, pool: &pool, drops: &drops)
            ?? .drained
    }

    static func send(
        _ places: inout RigidTable<Place>,
        _ index: Int,
        now: UInt64,
        _ burst: inout FrameBurst,
        _ pool: inout FramePool,
        _ drops: inout DropTally
    ) -> Endpoint.SendResult {
        places[index].endpoint?.send(burst, from: 0, now: now, pool: pool, drops: &drops) ?? .done
    }

    static func classify(
        _ bridge: inout Bridge,
        _ pool: inout FramePool,
        _ frame: FrameReference,
        port: Int,
        now: UInt16
    ) -> Bridge.Verdict {
        bridge.classify(pool.bytes(frame), port: port, now: now)
    }

    /// Forgets aged addresses now and then, as long as there are any: an idle switch sleeps.
    private mutating func sweep() {
        bridge.forwarding.sweep(now: tick)
        scheduleSweep()
    }

    /// To be called after learning may have begun.
    mutating func scheduleSweep() {
        // Whoever hears of forgotten addresses shall hear of them in time.
        let seconds = journal.isOn ? Tunables.watchedSweepSeconds : max(1, bridge.forwarding.ageingSeconds)
        nextSweep = bridge.forwarding.count == 0 ? .max : now + UInt64(seconds) * 1_000_000_000
    }
}
