// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The control thread's event loop: consoles, control sockets, signals, timers. One thread uses it.
///
/// Nothing here is on the frame path, so handlers are ordinary closures.
public final class ControlLoop {
    public typealias Handler = (Epoll.Events) -> Void

    private let epoll: Epoll
    private var ready = Epoll.ReadyList()
    private var handlers: [UInt64: (descriptor: Int32, run: Handler)] = [:]
    private var timers: [(id: UInt64, deadline: UInt64, run: () -> Void)] = []
    private var nextID: UInt64 = 1
    private var isStopped = false

    public init() throws(Errno) { epoll = try Epoll() }

    /// A registration that can be cancelled.
    public struct Token: Hashable, Sendable {
        fileprivate let id: UInt64
    }

    /// Calls `run` whenever the descriptor is ready. The caller keeps the descriptor open until it cancels.
    @discardableResult
    public func watch(_ descriptor: Int32, _ events: Epoll.Events = .readable, run: @escaping Handler) throws(Errno)
        -> Token
    {
        let id = nextID
        nextID += 1
        try epoll.add(descriptor, events, word: id)
        handlers[id] = (descriptor, run)
        return Token(id: id)
    }

    /// Changes what a registration waits for.
    public func change(_ token: Token, to events: Epoll.Events) {
        guard let handler = handlers[token.id] else { return }
        try? epoll.modify(handler.descriptor, events, word: token.id)
    }

    /// Ends a registration; to be called before its descriptor is closed.
    public func cancel(_ token: Token) {
        if let handler = handlers.removeValue(forKey: token.id) { try? epoll.remove(handler.descriptor) }
        timers.removeAll { $0.id == token.id }
    }

    /// Calls `run` once, `milliseconds` from now.
    @discardableResult
    public func after(milliseconds: UInt64, run: @escaping () -> Void) -> Token {
        let id = nextID
        nextID += 1
        // A time that long is never, and no overflow: 2^43 ms are 279 years.
        timers.append((id, MonotonicClock.nanoseconds + min(milliseconds, 1 << 43) * 1_000_000, run))
        return Token(id: id)
    }

    /// Runs until `stop`.
    public func run() throws(Errno) {
        isStopped = false
        while !isStopped { try turn(timeout: timeout()) }
    }

    /// Does what is due now, without waiting: for a caller who waits himself, on `descriptor` and until `nextDeadline`.
    public func runPending() throws(Errno) { try turn(timeout: 0) }

    /// Readable when a handler is to be called.
    public var descriptor: Int32 { epoll.rawDescriptor }
    /// When the next timer is due, in monotonic nanoseconds.
    public var nextDeadline: UInt64? { timers.map(\.deadline).min() }

    private func turn(timeout: Int32) throws(Errno) {
        try epoll.wait(&ready, timeout: timeout)
        // Handlers may cancel one another: each word is looked up when its turn comes.
        let words = (0..<ready.count).map { (ready.word($0), ready.events($0)) }
        for (word, events) in words { handlers[word]?.run(events) }
        runTimers()
    }

    public func stop() { isStopped = true }

    private func timeout() -> Int32 {
        guard let next = timers.map(\.deadline).min() else { return -1 }
        let now = MonotonicClock.nanoseconds
        return next <= now ? 0 : Int32(clamping: (next - now + 999_999) / 1_000_000)
    }

    private func runTimers() {
        guard !timers.isEmpty else { return }
        let now = MonotonicClock.nanoseconds
        let due = timers.filter { $0.deadline <= now }
        timers.removeAll { $0.deadline <= now }
        for timer in due.sorted(by: { $0.deadline < $1.deadline }) { timer.run() }
    }
}
