// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A connection with alternatives, which may be kept: what `vde_autolink` did for VDE.
///
/// The alternatives are tried in order and the first that opens is used. A kept connection that ends is made anew, again
/// from the first alternative on, with a pause between rounds that doubles up to a limit.
public final class PersistentTransport: Transport {
    /// Pauses between rounds, in milliseconds.
    private static let firstPause: UInt64 = 50
    private static let lastPause: UInt64 = 2_000

    private let alternatives: [NetworkURL]
    private var context: TransportContext
    private let isKept: Bool
    private var current: (any Transport)?
    /// Which alternative it is.
    private var position = 0
    private var timer: ControlLoop.Token?
    private var resolver: NameResolver?
    private var pause = PersistentTransport.firstPause
    /// When it opened, in monotonic nanoseconds.
    private var opened: UInt64 = 0
    private var isClosed = false
    /// Called when what was open has ended by itself, and why; not for a peer that is silent.
    var onLoss: (String) -> Void = { _ in }

    /// Opens one of the alternatives. A kept one that nobody answers yet goes on trying; one that can never work (a wrong
    /// URL, something missing on this host) throws `TransportError` in either case. While the program runs (`mayWait` is false),
    /// names are looked up beside everything else, and a kept transport with names opens after that.
    ///
    /// - Parameter mustOpen: the first attempt must succeed also when the connection is kept afterwards.
    public init(
        _ alternatives: [NetworkURL],
        _ context: TransportContext,
        isKept: Bool,
        mustOpen: Bool = false
    ) throws {
        self.alternatives = alternatives
        self.context = context
        self.isKept = isKept
        // Only the beginning of a program has time.
        defer { self.context.mayWait = false }
        if isKept, !context.mayWait, !names.isEmpty {
            for url in alternatives where TransportRegistry.scheme(url.scheme) == nil {
                throw TransportRegistry.unknown(url)
            }
            retry()
            return
        }
        do {
            try open(alternatives)
        } catch let error as TransportError where isKept && !mustOpen && error.mayHeal {
            context.host.log("\(error); trying again")
            scheduleRetry()
        }
    }

    /// Something is plugged in now, and has somebody at its other side.
    public var isUp: Bool { current.map { !$0.isConnecting && $0.hasPeer } ?? false }
    public var hasPeer: Bool { isUp }

    private var names: [String] { Array(Set(alternatives.flatMap(\.hostNames))).sorted() }

    private func open(_ urls: [NetworkURL], from first: Int = 0) throws {
        var failure: TransportError?
        for index in first..<max(urls.count, first) {
            let url = urls[index]
            var context = context
            // A transport that ends while it opens has not been kept yet.
            var endedEarly: String?
            context.onEnd = { [weak self] reason in
                if self?.current == nil { endedEarly = reason } else { self?.ended(reason) }
            }
            context.onFinish = { [weak self] reason in self?.finished(reason) }
            do {
                let transport = try TransportRegistry.open(url, context)
                if let reason = endedEarly {
                    transport.close()
                    throw TransportError(.unreachable, reason)
                }
                current = transport
                position = index
                opened = MonotonicClock.nanoseconds
                if isUp {
                    self.context.onLinkChange(true, "\(url)")
                }
                return
            } catch let error as TransportError {
                // What is wrong by itself is said first: a retry would hide it.
                if failure == nil || failure?.mayHeal == true && !error.mayHeal { failure = error }
            } catch let error as AttachRefusal {
                failure = failure ?? TransportError(.failed, "\(url): \(error.message)")
            } catch {
                failure = failure ?? TransportError(.failed, "\(url): \(error)")
            }
        }
        throw failure ?? TransportError(.usage, "no network is named")
    }

    private func ended(_ reason: String) {
        guard !isClosed, let transport = current.take() else { return }
        let wasConnecting = transport.isConnecting
        transport.close()
        // It never was there: the next alternative has its turn, as if it had been refused at once.
        if wasConnecting, position + 1 < alternatives.count,
            (try? open(resolved, from: position + 1)) != nil
        {
            return
        }
        if !wasConnecting {
            context.onLinkChange(false, reason)
            onLoss(reason)
        }
        // What opens and ends at once, a program that fails, say, is not tried faster than what does not open.
        if !wasConnecting, MonotonicClock.nanoseconds > opened + Self.lastPause * 1_000_000 { pause = Self.firstPause }
        if isKept {
            context.host.log("\(reason); trying again")
            scheduleRetry()
        } else {
            context.onEnd(reason)
        }
    }

    /// What was to be done is done: nothing is tried again.
    private func finished(_ reason: String) {
        guard !isClosed, let transport = current.take() else { return }
        transport.close()
        isClosed = true
        context.onLinkChange(false, reason)
        onLoss(reason)
        context.onFinish(reason)
    }

    private func scheduleRetry() {
        timer = context.loop.after(milliseconds: pause) { [weak self] in self?.retry() }
        pause = min(pause * 2, Self.lastPause)
    }

    private func retry() {
        timer = nil
        guard !isClosed, current == nil else { return }
        let names = names
        if names.isEmpty { return reopen(alternatives) }
        do throws(Errno) {
            resolver = try NameResolver(names, context.loop) { [weak self] addresses in
                guard let self else { return }
                resolver = nil
                resolved = alternatives.map { url in
                    var url = url
                    url.resolved = addresses
                    return url
                }
                reopen(resolved)
            }
        } catch {
            scheduleRetry()
        }
    }

    /// The alternatives with the addresses of their names, as of the latest look-up.
    private lazy var resolved: [NetworkURL] = alternatives

    private func reopen(_ urls: [NetworkURL]) {
        guard !isClosed, current == nil else { return }
        do {
            try open(urls)
            if isUp { context.host.log("connected again") }
        } catch {
            scheduleRetry()
        }
    }

    public func close() {
        isClosed = true
        if let timer { context.loop.cancel(timer) }
        timer = nil
        resolver?.cancel()
        resolver = nil
        current.take()?.close()
    }
}

extension TransportError {
    /// Trying again later may help.
    var mayHeal: Bool {
        switch kind {
        case .usage, .unsupported: false
        case .unreachable, .failed: true
        }
    }
}
