// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import LinuxSystem

/// A cable that is not perfect: what `wire` and `wirefilter` are. The control thread's side; the loop impairs the frames.
///
/// # Theory of operation
///
///     left ─▶ [in at end 1: left to right] ─▶ ends joined ─▶ right
///     left ◀─ ends joined ◀─ [in at end 2: right to left] ◀─ right
///
/// Settings are kept for each state of a Markov chain, which has one state only unless more are asked for; a timer goes from
/// state to state, and each time the loop is given the settings of the new one. Random numbers of both directions and of the
/// chain come from one seed.
public final class ImpairedWire {
    public enum Direction: Int, Sendable, CaseIterable {
        case leftToRight
        case rightToLeft
    }

    public let cable: TransportCable
    public private(set) var chain = MarkovChain()
    /// By state and direction.
    private var settings = [[ImpairmentSettings(), ImpairmentSettings()]]
    public private(set) var isOrdered = true
    /// Milliseconds between two steps of the chain.
    public private(set) var stepMilliseconds = 100.0
    /// Called when the state has changed by itself.
    public var onTransition: (_ from: Int, _ to: Int) -> Void = { _, _ in }
    private let loop: ControlLoop
    private var random: RandomSource
    private var seed: UInt64
    private var timer: ControlLoop.Token?
    private var nextStep: UInt64 = 0
    private var isImpaired = [false, false]

    public init(_ cable: TransportCable, loop: ControlLoop, seed: UInt64) {
        self.cable = cable
        self.loop = loop
        self.seed = seed
        random = RandomSource(seed: seed &+ 2)
    }

    /// What is set for one direction in a state.
    public func settings(_ state: Int, _ direction: Direction) -> ImpairmentSettings {
        var value = settings[state][direction.rawValue]
        value.isOrdered = isOrdered
        return value
    }

    public func setSettings(_ state: Int, _ direction: Direction, _ value: ImpairmentSettings) {
        settings[state][direction.rawValue] = value
        if state == chain.current { apply() }
    }

    public func set(_ key: ImpairmentKey, _ value: ImpairmentValue, _ directions: [Direction], state: Int) {
        for direction in directions { settings[state][direction.rawValue][key] = value }
        if state == chain.current { apply() }
    }

    public func setOrdered(_ isOrdered: Bool) {
        self.isOrdered = isOrdered
        apply()
    }

    /// Begins all random numbers anew.
    public func setSeed(_ seed: UInt64) {
        self.seed = seed
        random = RandomSource(seed: seed &+ 2)
        for direction in Direction.allCases {
            dataPlane.setSeed(port: direction.rawValue + 1, isInbound: true, seed &+ UInt64(direction.rawValue))
        }
    }

    // MARK: States

    /// False: no such number is possible.
    public func setStateCount(_ count: Int) -> Bool {
        guard chain.setCount(count) else { return false }
        let old = settings.count
        settings = Array(settings.prefix(count))
        for _ in old..<max(old, count) { settings.append([ImpairmentSettings(), ImpairmentSettings()]) }
        apply()
        schedule()
        return true
    }

    public func setState(_ state: Int) {
        chain.setCurrent(state)
        apply()
    }

    public func setName(_ state: Int, _ name: String) { chain.setName(state, name) }
    public func setWeight(from: Int, to: Int, _ weight: Double) { chain.setWeight(from: from, to: to, weight) }

    public func setStep(milliseconds: Double) {
        stepMilliseconds = milliseconds
        nextStep = 0
        schedule()
    }

    private func schedule() {
        if let timer = timer.take() { loop.cancel(timer) }
        guard chain.count > 1 else { return }
        let now = MonotonicClock.nanoseconds
        let period = UInt64(max(1, min(stepMilliseconds, 1e9)) * 1_000_000)
        // On a grid, so that the steps' own time does not add up; not more than one step after a long pause.
        nextStep = nextStep == 0 || nextStep &+ period < now ? now &+ period : nextStep &+ period
        timer = loop.after(milliseconds: (max(nextStep, now) - now + 999_999) / 1_000_000) { [weak self] in self?.step()
        }
    }

    private func step() {
        timer = nil
        let old = chain.current
        if chain.step(&random) {
            apply()
            onTransition(old, chain.current)
        }
        schedule()
    }

    // MARK: The loop

    private var dataPlane: DataPlane { cable.cable.dataPlane }

    /// Gives the loop what counts now.
    private func apply() {
        for direction in Direction.allCases {
            let wanted = settings(chain.current, direction)
            // Once impaired it stays so, with values of zero: what is in the wire arrives in its order.
            guard isImpaired[direction.rawValue] || !wanted.isPerfect else { continue }
            isImpaired[direction.rawValue] = true
            dataPlane.setImpairment(
                port: direction.rawValue + 1,
                isInbound: true,
                wanted,
                seed: seed &+ UInt64(direction.rawValue)
            )
        }
    }

    /// What is in the wire now, and what was lost in it since the beginning.
    public func status(_ direction: Direction) -> ImpairmentStatus {
        dataPlane.impairmentStatus(port: direction.rawValue + 1, isInbound: true)
    }

    /// Tells of each frame that leaves: in which direction, and its size.
    public func watchFrames(_ handler: @escaping (Direction, _ byteCount: Int) -> Void) throws(Errno) -> FrameWatch {
        var selection = CaptureSelection()
        selection.isInbound = false
        selection.isOutbound = true
        selection.snapLength = 0
        return try FrameWatch(dataPlane, loop, selection) { record, _ in
            handler(record.port == 2 ? .leftToRight : .rightToLeft, record.byteCount)
        }
    }

    /// Ends the timer.
    public func stop() {
        if let timer = timer.take() { loop.cancel(timer) }
    }
}
