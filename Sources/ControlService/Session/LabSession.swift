// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
public import LinuxSystem
import Model

/// One running lab: what is wanted of it, what there is, and bringing the two together.
///
/// Theory of operation. Everything happens on one thread, on its loop; nothing waits. Operations (a new lab file, a change of
/// a link) are done one after the other: each plans, compares and applies steps, phase by phase, the requests of a phase all
/// at once. Before a phase begins, what it touches is written down as doubtful, and afterwards what came of it: a daemon that
/// is killed in between leaves a file from which the next one resumes. Guests are started by the supervisor (see
/// `LabSession+Supervision.swift`), which looks at the state whenever that changes; an operation is done when its steps are,
/// and who wants to know when the guests are ready waits for that (`whenSettled`).
public final class LabSession {
    public let layout: LabLayout
    public internal(set) var intent: Intent
    public internal(set) var actual = ActualState()
    let keeper: any KeeperLink
    let loop: ControlLoop
    let hub: EventHub
    let program: String
    public internal(set) var keeperFacts: [String: String] = [:]
    var runs: [String: GuestRun] = [:]
    /// Guests that the last operation has started anew.
    public internal(set) var restarted: Set<String> = []
    /// Guests in the order in which they are to be looked at.
    var waiters: [Waiter] = []
    public internal(set) var isGoingDown = false
    /// The keeper has gone, and with it the lab.
    public internal(set) var hasEnded = false
    /// Called once when it has.
    public var onEnd: () -> Void = {}
    private var operations: [(@escaping () -> Void) -> Void] = []
    private var isBusy = false
    /// Steps are being carried out.
    var isApplying = false

    /// Somebody who waits for a condition.
    final class Waiter {
        let check: () -> Bool
        var then: ((Bool) -> Void)?
        var timer: ControlLoop.Token?

        init(check: @escaping () -> Bool, then: @escaping (Bool) -> Void) {
            self.check = check
            self.then = then
        }

        func finish(_ isReached: Bool, _ loop: ControlLoop) {
            if let timer { loop.cancel(timer) }
            timer = nil
            let then = then
            self.then = nil
            then?(isReached)
        }
    }

    public init(
        _ intent: Intent,
        layout: LabLayout,
        keeper: any KeeperLink,
        loop: ControlLoop,
        hub: EventHub,
        program: String
    ) {
        self.intent = intent
        self.layout = layout
        self.keeper = keeper
        self.loop = loop
        self.hub = hub
        self.program = program
        keeper.onEvent = { [weak self] in self?.take($0) }
        keeper.onEnd = { [weak self] in self?.keeperEnded() }
    }

    public var name: String { layout.lab }

    /// Learns what there is, and hears of what happens from then on.
    public func begin(then: @escaping (ControlError?) -> Void) {
        askForFacts()
        keeper.ask(["watch"]) { _ in }
        keeper.ask(["state"]) { [weak self] answer in
            guard let self else { return }
            switch answer {
            case .failure(let error): then(ControlError(error))
            case .success(let answer):
                actual = ActualState(KeeperState(words: answer.words))
                for (name, guest) in actual.guests where guest.state == .running { guestRuns(name) }
                forgetEnded()
                then(nil)
                supervise()
            }
        }
    }

    /// Process numbers and the like.
    func askForFacts() {
        keeper.ask(["hello"]) { [weak self] answer in
            for word in (try? answer.get())?.words ?? [] {
                let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                if parts.count == 2 { self?.keeperFacts[parts[0]] = parts[1] }
            }
        }
    }

    /// Guests that ended while nobody looked stay so, unless their policy says otherwise.
    private func forgetEnded() {
        for guest in intent.lab.guests where intent.wanted.contains(guest.name) {
            guard let actual = actual.guests[guest.name], actual.state == .stopped, let status = actual.status else {
                continue
            }
            let again = guest.restart == .always || guest.restart == .onFailure && status.exitCode != 0
            if !again { intent.wanted.remove(guest.name) }
        }
    }

    /// Asks the keeper for what its events do not tell: process numbers, hardware addresses.
    public func refresh(then: @escaping (ControlError?) -> Void) {
        keeper.ask(["state"]) { [weak self] answer in
            switch answer {
            case .failure(let error): then(ControlError(error))
            case .success(let answer):
                self?.actual = ActualState(KeeperState(words: answer.words))
                then(nil)
            }
        }
    }

    // MARK: Operations

    /// Does something when all that was asked for before is done.
    func enqueue(_ operation: @escaping (@escaping () -> Void) -> Void) {
        operations.append(operation)
        next()
    }

    private func next() {
        guard !isBusy, !operations.isEmpty else { return }
        isBusy = true
        operations.removeFirst()({ [weak self] in
            self?.isBusy = false
            self?.next()
        })
    }

    func save() {
        do {
            try intent.save(layout.intentFile)
        } catch {
            log("\(layout.intentFile): cannot be written: \(error)")
        }
    }

    func log(_ line: String) { publish("log", [("line", .string(line))]) }

    func publish(_ event: String, _ members: [(String, JSON)]) {
        hub.publish(name, event, members.map { JSON.Member($0.0, $0.1) })
    }

    // MARK: Waiting

    /// Calls `then` once `check` holds, which is looked at whenever anything has changed; with false after the time, and when
    /// the lab has ended.
    func wait(milliseconds: UInt64?, _ check: @escaping () -> Bool, then: @escaping (Bool) -> Void) {
        if check() { return then(true) }
        if hasEnded { return then(false) }
        let waiter = Waiter(check: check, then: then)
        if let milliseconds {
            waiter.timer = loop.after(milliseconds: milliseconds) { [loop, weak waiter] in
                waiter?.timer = nil
                waiter?.finish(false, loop)
            }
        }
        waiters.append(waiter)
    }

    func lookAround() {
        // Whoever is called may add others.
        let before = waiters
        waiters = []
        for waiter in before where waiter.then != nil {
            if waiter.check() {
                waiter.finish(true, loop)
            } else if hasEnded {
                waiter.finish(false, loop)
            } else {
                waiters.append(waiter)
            }
        }
    }

    private func keeperEnded() {
        guard !hasEnded else { return }
        hasEnded = true
        for run in runs.values { run.end(loop) }
        publish("lab", [("state", .string(isGoingDown ? "down" : "lost"))])
        hub.end(name)
        lookAround()
        onEnd()
    }

    // MARK: Going down

    /// Stops all guests and ends the lab.
    public func down(milliseconds grace: UInt64?, then: @escaping (ControlError?) -> Void) {
        isGoingDown = true
        intent.wanted = []
        save()
        for run in runs.values { run.end(loop) }
        publish("lab", [("state", .string("going down"))])
        var refusal: ControlError?
        keeper.ask(["down"] + (grace.map { ["grace=\($0)"] } ?? [])) { [weak self] answer in
            guard let self, case .failure(let error) = answer, !hasEnded else { return }
            // Its end is what was asked for.
            if !error.message.contains("has ended") {
                refusal = ControlError(error)
                isGoingDown = false
                lookAround()
            }
        }
        wait(milliseconds: (grace ?? 10_000) + 60_000) { [weak self] in
            self?.hasEnded != false || refusal != nil
        } then: { [weak self] _ in
            if let refusal { return then(refusal) }
            guard self?.hasEnded != false else {
                return then(ControlError("lab \"\(self?.name ?? "")\": its keeper does not end", status: 3))
            }
            then(nil)
        }
    }
}
