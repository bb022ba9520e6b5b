// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What waits to be sent to a page, as server-sent events (HTML Living Standard, section 9.2).
///
/// The console is always read, so that a page that reads slowly never makes a switch wait; instead the page has a limit.
final class PageQueue: Sendable {
    /// Numbers that tests change.
    struct Limits: Sendable {
        /// More than this unsent: the page is dropped.
        var byteCount = 4 << 20
        /// So many ticks in a row in which it took nothing: the page is dropped.
        var tickCount = 4
    }

    private struct State {
        var text = ""
        var isFinished = false
        var idleTicks = 0
    }

    private let limits: Limits
    private let state = Mutex(State())
    /// One element whenever there may be something to take; ends after the last.
    let wakes: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    init(_ limits: Limits = Limits()) {
        self.limits = limits
        (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Adds an event whose data is one line; false when the page is too slow for it.
    func put(_ event: String, _ data: String) -> Bool {
        add("event: \(event)\ndata: \(data)\n\n")
    }

    /// Adds a comment, so that a connection whose page is gone is noticed; false when the page has not taken anything for too
    /// many calls of this.
    func tick() -> Bool {
        let isStalled = state.withLock { state in
            state.idleTicks = state.text.isEmpty ? 0 : state.idleTicks + 1
            return state.idleTicks >= limits.tickCount
        }
        return !isStalled && add(": alive\n\n")
    }

    private func add(_ text: String) -> Bool {
        let fits = state.withLock { state in
            guard state.text.utf8.count + text.utf8.count <= limits.byteCount else { return false }
            state.text += text
            return true
        }
        if fits { wake.yield() }
        return fits
    }

    /// Nothing comes any more.
    func finish() {
        state.withLock { $0.isFinished = true }
        wake.yield()
    }

    /// Everything that waits, and whether it is the last.
    func take() -> (text: String, isLast: Bool) {
        state.withLock { state in
            let text = state.text
            state.text = ""
            state.idleTicks = 0
            return (text, state.isFinished)
        }
    }
}
