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
        case .fabricRestarted:
            askForFacts()
            publish("fabric", [("state", "restarted")])
        case .log(let line): publish("log", [("line", .string(line))])
        case .interfaceGone, .other: break
        }
        supervise()
    }

    private func guestChanged(_ name: String, _ before: GuestState?, _ state: GuestState, _ status: WaitStatus?) {
        let run = run(of: name)
        switch state {
        case .running where before != .paused: guestRuns(name)
        case .starting where before == .running || before == .paused:
            // It is being reset: ready is who has come up again.
            run.isReady = false
            run.probe?.cancel()
            run.probe = nil
        case .stopping: run.isReady = false
        case .stopped:
            let (wasRunning, wasAsked) = (run.runningSince, run.isLeft && before == .stopping)
            run.end(loop)
            run.isLeft = false
            // Who wants it to run nevertheless has said so afterwards: it is started as any other.
            if !wasAsked { guestEnded(name, run, wasRunning, status) }
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
        run.isLeft = false
        run.failure = nil
        run.runningSince = MonotonicClock.nanoseconds
        probe(name)
    }

    /// Finds out whether a guest that runs is ready.
    func probe(_ name: String) {
        let run = run(of: name)
        guard let check = intent.lab.guest(name)?.ready else {
            run.isReady = true
            return
        }
        run.probe = ReadyProbe(check, guest: name, layout: layout, loop: loop, console: run.console) {
            [weak self] isReady in
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
        if again { startLater(name, run) }
        if isFine {
            // One that is to be found ready was not.
            let failure = run.hasBeenReady ? nil : ControlError("ended before it was ready")
            if again { run.setback = failure } else { giveUp(name, failure) }
            return
        }
        run.isAskedFor = true
        let requests = run.requests
        askWhy(name) { [weak self] reason in
            guard let self, run.requests == requests, run.isAskedFor else { return }
            run.isAskedFor = false
            let failure = reason ?? ControlError(since == nil ? "did not start" : Self.ending(status))
            if !again {
                giveUp(name, failure)
            } else if since == nil {
                run.failure = failure
            } else {
                run.setback = failure
            }
            supervise()
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
        // While things are being made nobody is started into what is half there.
        if !isGoingDown, !hasEnded, !isApplying {
            for guest in intent.lab.guests where intent.wanted.contains(guest.name) { startIfDue(guest) }
        }
        lookAround()
    }

    /// Those who wait for this guest may begin: it is ready, or was and has done its work.
    private func isPassed(_ name: String) -> Bool {
        let run = run(of: name)
        return run.isReady || run.hasBeenReady && !intent.wanted.contains(name)
    }

    /// What it writes from here on is of the life that begins.
    func markConsole(_ guest: Guest) {
        guard case .console? = guest.ready?.test else { return }
        run(of: guest.name).console = ConsoleMark(layout, guest.name)
    }

    private func startIfDue(_ guest: Guest) {
        let run = run(of: guest.name)
        guard let state = actual.guests[guest.name]?.state, state == .stopped, !run.isStarting, !run.isAskedFor,
            intent.applied[Resource.key(.guest, guest.name)] != nil
        else { return }
        guard guest.after.allSatisfy(isPassed) else { return }
        run.isStarting = true
        markConsole(guest)
        keeper.ask(["start", guest.name]) { [weak self] answer in
            guard let self, case .failure(let error) = answer else { return }
            run.isStarting = false
            run.failure = ControlError(error)
            actual.guests[guest.name]?.error = error.message
            if guest.restart == .never {
                giveUp(guest.name, run.failure)
            } else {
                startLater(guest.name, run)
            }
            lookAround()
        }
    }
}
