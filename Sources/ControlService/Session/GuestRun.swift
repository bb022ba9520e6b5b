// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What the supervisor remembers of a guest beside its state.
final class GuestRun {
    /// It is up as its own check says, or runs and has none.
    var isReady = false {
        didSet { if isReady { hasBeenReady = true } }
    }
    /// It was, since somebody wanted it to run: whatever becomes of it afterwards is its own life.
    private(set) var hasBeenReady = false
    /// Its end was asked for.
    var isLeft = false
    /// It has ended, and the keeper is being asked why: nobody is told before.
    var isAskedFor = false
    /// A request to start it is under way, or it will be started when its time has come.
    var isStarting = false
    /// Counts requests to start and stop it: what is found out of an end before the last one does not concern it.
    var requests = 0
    /// Starts in a row that came to nothing.
    var failures = 0
    /// Starts by policy since the lab came up.
    var restarts = 0
    /// Where its console was when it was started; nil: nobody has looked.
    var console: ConsoleMark?
    /// Why it does not run although it was to, a line.
    var failure: ControlError?
    /// Why it was started again by its policy the last time.
    var setback: ControlError?
    var timer: ControlLoop.Token?
    var probe: ReadyProbe?
    /// Monotonic nanoseconds.
    var runningSince: UInt64?

    /// Nanoseconds that a guest has to run for its failures to be forgotten.
    static let soundAfter: UInt64 = 10_000_000_000
    private static let longestWait: UInt64 = 30_000

    /// Milliseconds until the next attempt: each waits twice as long as the one before.
    var backOff: UInt64 { min(Self.longestWait, 100 << UInt64(min(failures, 16))) }

    /// Somebody has just asked for it to run, or not to: what was before does not count any more, and nothing is waited for.
    func begin(_ loop: ControlLoop) {
        hasBeenReady = isReady && !isLeft
        failure = nil
        setback = nil
        isAskedFor = false
        requests += 1
        guard let timer else { return }
        loop.cancel(timer)
        self.timer = nil
        isStarting = false
    }

    func end(_ loop: ControlLoop) {
        isReady = false
        isStarting = false
        isAskedFor = false
        runningSince = nil
        probe?.cancel()
        probe = nil
        if let timer { loop.cancel(timer) }
        timer = nil
    }
}
