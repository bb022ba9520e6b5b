// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem
import Model

/// Guests come up in their order, are started again as their policy says, and are found ready by their checks.
extension LabSession {
    func run(of guest: String) -> GuestRun {
        if let run = runs[guest] { return run }
        let run = GuestRun()
        runs[guest] = run
        return run
    }

    // MARK: What happens

    func take(_ words: [String]) {
        let event = KeeperEvent(words: words)
        let before = actual
        actual.take(event)
        switch event {
        case .guest(let name, let state, let status): guestChanged(name, before.guests[name]?.state, state, status)
        case .interface(let port, let segment, let carrier, _, _):
            publish(
                "interface",
                [
                    ("interface", .string(port)), ("segment", .optional(segment)), ("carrier", .boolean(carrier)),
                ]
            )
        case .fabricRestarted: publish("fabric", [("state", "restarted")])
        case .log(let line): publish("log", [("line", .string(line))])
        case .interfaceGone, .other: break
        }
        supervise()
    }

    private func guestChanged(_ name: String, _ before: GuestState?, _ state: GuestState, _ status: WaitStatus?) {
        let run = run(of: name)
        switch state {
        case .running where before != .paused: guestRuns(name)
        case .stopped:
            let wasRunning = run.runningSince
            run.end(loop)
            guestEnded(name, run, wasRunning, status)
        default: break
        }
        publishGuest(name, state, status)
    }

    private func publishGuest(_ name: String, _ state: GuestState, _ status: WaitStatus?) {
        var members: [(String, JSON)] = [
            ("guest", .string(name)), ("state", .string(state.rawValue)), ("ready", .boolean(run(of: name).isReady)),
        ]
        if let status { members.append(("status", .integer(status.shellStatus))) }
        publish("guest", members)
    }

    func guestRuns(_ name: String) {
        let run = run(of: name)
        run.isStarting = false
        run.failure = nil
        run.runningSince = MonotonicClock.nanoseconds
        guard let check = intent.lab.guest(name)?.ready else {
            run.isReady = true
            return
        }
        run.probe = ReadyProbe(check, guest: name, layout: layout, loop: loop) { [weak self] isReady in
            guard let self else { return }
            run.probe = nil
            run.isReady = isReady
            if !isReady { run.failure = ControlError("is not ready after \(check.timeout)") }
            publishGuest(name, .running, nil)
            supervise()
        }
    }

    /// A guest has ended; nobody asked for that when it is wanted.
    private func guestEnded(_ name: String, _ run: GuestRun, _ since: UInt64?, _ status: WaitStatus?) {
        guard intent.wanted.contains(name), !isGoingDown, let guest = intent.lab.guest(name) else { return }
        let isFine = status?.exitCode == 0 && since != nil
        if let since, MonotonicClock.nanoseconds - since > GuestRun.soundAfter { run.failures = 0 }
        let again =
            switch guest.restart {
            case .never: false
            case .onFailure: !isFine
            case .always: true
            }
        if again { return startLater(name, run) }
        if isFine { return giveUp(name, nil) }
        // Until the reason is known it counts as being started: nobody is told before.
        run.isStarting = true
        let requests = run.requests
        askWhy(name) { [weak self] reason in
            guard let self, run.requests == requests else { return }
            run.isStarting = false
            giveUp(name, reason ?? ControlError(since == nil ? "did not start" : Self.ending(status)))
            lookAround()
        }
    }

    /// It is not wanted to run any more.
    private func giveUp(_ name: String, _ failure: ControlError?) {
        intent.wanted.remove(name)
        run(of: name).failure = failure
        save()
    }

    private static func ending(_ status: WaitStatus?) -> String {
        guard let status else { return "ended" }
        if let signal = status.signal { return "was killed by signal \(signal)" }
        return "ended with status \(status.shellStatus)"
    }

    /// The keeper may know more than a number.
    private func askWhy(_ name: String, then: @escaping (ControlError?) -> Void) {
        keeper.ask(["state"]) { [weak self] answer in
            guard let words = (try? answer.get())?.words, let guest = KeeperState(words: words).guest(name),
                let error = guest.error, !error.isEmpty
            else { return then(nil) }
            self?.actual.guests[name]?.error = error
            then(ControlError(error, status: guest.errorStatus ?? 1))
        }
    }

    private func startLater(_ name: String, _ run: GuestRun) {
        run.isStarting = true
        run.restarts += 1
        let wait = run.backOff
        run.failures += 1
        publish("restart", [("guest", .string(name)), ("milliseconds", .integer(wait))])
        run.timer = loop.after(milliseconds: wait) { [weak self, weak run] in
            run?.timer = nil
            run?.isStarting = false
            self?.supervise()
        }
    }

    // MARK: What is to be done

    /// Starts what is wanted, does not run, and waits for nobody; then tells those who wait.
    func supervise() {
        if !isGoingDown, !hasEnded {
            for guest in intent.lab.guests where intent.wanted.contains(guest.name) { startIfDue(guest) }
        }
        lookAround()
    }

    private func startIfDue(_ guest: Guest) {
        let run = run(of: guest.name)
        guard let state = actual.guests[guest.name]?.state, state == .stopped, !run.isStarting,
            intent.applied[Resource.key(.guest, guest.name)] != nil
        else { return }
        guard guest.after.allSatisfy({ self.run(of: $0).isReady }) else { return }
        run.isStarting = true
        keeper.ask(["start", guest.name]) { [weak self] answer in
            guard let self, case .failure(let error) = answer else { return }
            run.isStarting = false
            run.failure = ControlError(error.message, status: error.status)
            actual.guests[guest.name]?.error = error.message
            if guest.restart == .never {
                giveUp(guest.name, run.failure)
            } else {
                startLater(guest.name, run)
            }
            lookAround()
        }
    }

    /// Why guests will not be ready, a line each.
    private func failures(_ names: Set<String>) -> [ControlError] {
        var failures: [ControlError] = []
        for guest in intent.lab.guests where names.contains(guest.name) {
            let run = run(of: guest.name)
            if let failure = run.failure, !run.isStarting {
                let text = Self.line(failure.message, of: guest.name)
                failures.append(ControlError(text, status: failure.status))
            }
        }
        return failures
    }

    /// A failure with the guest's name, unless it has that already.
    static func line(_ failure: String, of guest: String) -> String {
        let isNamed = failure.contains("\"\(guest)\"") || ["\(guest):", "\(guest) "].contains { failure.hasPrefix($0) }
        if isNamed { return failure }
        // What this file says of it is the rest of a sentence; what the keeper says is one.
        let isRest = ["did not ", "ended", "was killed ", "is not "].contains { failure.hasPrefix($0) }
        return "guest \"\(guest)\"\(isRest ? "" : ":") \(failure)"
    }

    /// Calls back when these guests are ready, or one of them cannot be, or after the time.
    public func whenSettled(
        _ names: Set<String>,
        milliseconds: UInt64?,
        then: @escaping (ControlError?) -> Void
    ) {
        wait(milliseconds: milliseconds) { [weak self] in
            guard let self else { return true }
            if !failures(names).isEmpty { return true }
            return !intent.wanted.intersection(names).contains { !self.run(of: $0).isReady }
        } then: { [weak self] isReached in
            guard let self, !hasEnded else { return then(ControlError("the lab has ended")) }
            let failures = failures(names)
            if isReached || !failures.isEmpty {
                guard let first = failures.first else { return then(nil) }
                // Of the same sort, or just failed.
                let status = failures.allSatisfy { $0.status == first.status } ? first.status : 1
                return then(ControlError(failures.map(\.message).joined(separator: "\n"), status: status))
            }
            let open = names.filter { !self.run(of: $0).isReady }.sorted().joined(separator: ", ")
            then(ControlError("not ready in time: \(open)", status: 3))
        }
    }
}
