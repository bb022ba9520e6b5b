// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem
public import Model
import Wire

extension ControlError {
    public static func noGuest(_ name: String, _ session: LabSession) -> ControlError {
        let names = session.intent.lab.guests.map(\.name).joined(separator: ", ")
        return .usage("lab \"\(session.name)\" has no guest \"\(name)\"; there are \(names)")
    }
}

/// What is asked of a session beside changes: life cycles of guests, words to them, snapshots.
extension LabSession {
    /// The lab as it runs, for a file.
    public func savedLab() -> Lab { intent.lab }

    /// Starts, stops, kills, pauses, resumes or resets a guest.
    ///
    /// - Parameter waits: answers when it has come about, not when it has begun.
    public func act(
        _ guest: String,
        _ action: String,
        grace: UInt64?,
        waits: Bool,
        milliseconds: UInt64?,
        then: @escaping (ControlError?) -> Void
    ) {
        guard intent.lab.guest(guest) != nil else { return then(.noGuest(guest, self)) }
        guard !isGoingDown else { return then(ControlError("lab \"\(name)\" is going down")) }
        switch action {
        case "start": start(guest, waits, milliseconds, then)
        case "stop":
            leave(guest)
            request(
                ["stop", guest] + (grace.map { ["grace=\($0)"] } ?? []),
                guest,
                .stopped,
                waits,
                milliseconds,
                then
            )
        case "kill":
            leave(guest)
            request(["kill", guest], guest, .stopped, waits, milliseconds, then)
        case "pause": request(["pause", guest], guest, .paused, waits, milliseconds, then)
        case "resume": request(["resume", guest], guest, .running, waits, milliseconds, then)
        case "reset":
            intent.lab.guest(guest).map(markConsole)
            request(["reset", guest], guest, .running, waits, milliseconds, then)
        default: then(.usage("\"\(action)\": wanted is start, stop, kill, pause, resume or reset"))
        }
    }

    /// From now on nobody expects it to run.
    func leave(_ guest: String) {
        intent.wanted.remove(guest)
        let run = run(of: guest)
        run.isLeft = true
        run.begin(loop)
        run.isStarting = false
        save()
    }

    /// A guest is to run from now on. One that runs and was not found ready in time is looked at again.
    func expect(_ guest: String) {
        let run = run(of: guest)
        run.begin(loop)
        if actual.guests[guest]?.state == .running, !run.isReady, !run.isLeft, run.probe == nil { probe(guest) }
    }

    private func start(
        _ guest: String,
        _ waits: Bool,
        _ milliseconds: UInt64?,
        _ then: @escaping (ControlError?) -> Void
    ) {
        guard actual.guests[guest] != nil else { return then(.noGuest(guest, self)) }
        // As `up` does: with those that must be ready before it.
        for name in intent.lab.withThoseBefore([guest]) {
            intent.wanted.insert(name)
            expect(name)
            run(of: name).failures = 0
        }
        save()
        supervise()
        guard waits else { return then(nil) }
        whenSettled([guest], milliseconds: milliseconds, then: then)
    }

    private func request(
        _ words: [String],
        _ guest: String,
        _ state: GuestState,
        _ waits: Bool,
        _ milliseconds: UInt64?,
        _ then: @escaping (ControlError?) -> Void
    ) {
        if state == .stopped, actual.guests[guest]?.state == .stopped { return then(nil) }
        keeper.ask(words) { [weak self] answer in
            if case .failure(let error) = answer {
                // It may have ended by itself just before: what was wanted has come about.
                let isThere = state == .stopped && self?.actual.guests[guest]?.state == .stopped
                return then(isThere ? nil : ControlError(error))
            }
            guard waits, let self else { return then(nil) }
            wait(milliseconds: milliseconds) { [weak self] in
                self?.actual.guests[guest]?.state == state
            } then: { isReached in
                then(isReached ? nil : ControlError("guest \"\(guest)\" is not \(state.rawValue) in time", status: 3))
            }
        }
    }

    /// Takes a guest out of the lab; what it changed stays, unless that is to go, too.
    public func deleteGuest(_ guest: String, files: Bool, then: @escaping LinesThen) {
        guard intent.lab.guest(guest) != nil else { return then(.failure(.noGuest(guest, self))) }
        var options = ConvergeOptions()
        options.start = []
        options.undoesOnFailure = true
        guard files else {
            return change(
                options,
                { (lab) throws(ControlError) in
                    try LabChange(["guest", "delete", guest]).apply(to: &lab)
                },
                then: then
            )
        }
        do throws(ControlError) {
            // Nothing is deleted for a lab that cannot be without it.
            var lab = intent.lab
            try LabChange(["guest", "delete", guest]).apply(to: &lab)
            try LabChange.validate(&lab)
        } catch {
            return then(.failure(error))
        }
        // With its files it is the keeper's to delete, before the lab forgets it.
        act(guest, "kill", grace: nil, waits: true, milliseconds: 30_000) { [weak self] error in
            guard let self, error == nil else { return then(.failure(error ?? ControlError("the lab has ended"))) }
            keeper.ask(["delete", guest, "files"]) { [weak self] answer in
                guard let self else { return }
                if case .failure(let error) = answer { return then(.failure(ControlError(error))) }
                actual.guests[guest] = nil
                intent.applied[Resource.key(.guest, guest)] = nil
                actual.interfaces = actual.interfaces.filter { !$0.key.hasPrefix(guest + ":") }
                for key in intent.applied.keys where key.split(separator: " ").last?.hasPrefix(guest + ":") == true {
                    intent.applied[key] = nil
                }
                change(
                    options,
                    { (lab) throws(ControlError) in
                        try LabChange(["guest", "delete", guest]).apply(to: &lab)
                    },
                    then: then
                )
            }
        }
    }
}
