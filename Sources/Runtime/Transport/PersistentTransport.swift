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
    private let context: TransportContext
    private let isKept: Bool
    private var current: (any Transport)?
    private var timer: ControlLoop.Token?
    private var pause = PersistentTransport.firstPause
    private var isClosed = false

    /// Opens one of the alternatives. A kept one that nobody answers yet goes on trying; one that can never work (a wrong
    /// URL, something missing on this host) throws `TransportError` in either case.
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
        do {
            try open()
        } catch let error as TransportError where isKept && !mustOpen && error.mayHeal {
            context.host.log("\(error); trying again")
            scheduleRetry()
        }
    }

    /// Something is plugged in now.
    public var isUp: Bool { current != nil }

    private func open() throws {
        var failure: TransportError?
        for url in alternatives {
            var context = context
            // A transport that ends while it opens has not been kept yet.
            var endedEarly: String?
            context.onEnd = { [weak self] reason in
                if self?.current == nil { endedEarly = reason } else { self?.ended(reason) }
            }
            do {
                let transport = try TransportRegistry.open(url, context)
                if let reason = endedEarly {
                    transport.close()
                    throw TransportError(.unreachable, reason)
                }
                current = transport
                pause = Self.firstPause
                self.context.onLinkChange(true, "\(url)")
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
        transport.close()
        context.onLinkChange(false, reason)
        if isKept {
            context.host.log("\(reason); trying again")
            scheduleRetry()
        } else {
            context.onEnd(reason)
        }
    }

    private func scheduleRetry() {
        timer = context.loop.after(milliseconds: pause) { [weak self] in self?.retry() }
        pause = min(pause * 2, Self.lastPause)
    }

    private func retry() {
        timer = nil
        guard !isClosed, current == nil else { return }
        do {
            try open()
            context.host.log("connected again")
        } catch {
            scheduleRetry()
        }
    }

    public func close() {
        isClosed = true
        if let timer { context.loop.cancel(timer) }
        timer = nil
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
