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
    private func leave(_ guest: String) {
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
            if case .failure(let error) = answer { return then(ControlError(error)) }
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

    /// Words for a guest: `network` (ip(8)'s words), `monitor` (a line), `type` (a text).
    public func ask(_ guest: String, _ kind: String, _ words: [String], then: @escaping LinesThen) {
        guard intent.lab.guest(guest) != nil else { return then(.failure(.noGuest(guest, self))) }
        guard ["network", "monitor", "type"].contains(kind) else {
            return then(.failure(.usage("\"\(kind)\": wanted is network, monitor or type")))
        }
        if kind == "network" {
            var lab = intent.lab
            do throws(ControlError) {
                // What will belong to the lab must be possible there.
                if Self.edit(&lab, guest, words) { try LabChange.validate(&lab) }
            } catch {
                return then(.failure(error))
            }
        }
        let request = kind == "network" ? words : [words.joined(separator: " ")]
        keeper.ask([kind, guest] + request) { [weak self] answer in
            switch answer {
            case .failure(let error): then(.failure(ControlError(error)))
            case .success(let answer):
                if kind == "network" { self?.remember(guest, words) }
                then(.success(answer.words))
            }
        }
    }

    /// An address or route that was set from outside belongs to the lab from then on.
    private func remember(_ guest: String, _ words: [String]) {
        guard Self.edit(&intent.lab, guest, words) else { return }
        noteGuestApplied(guest)
        save()
    }

    /// Whether the words change an address or a route that a lab knows.
    private static func edit(_ lab: inout Lab, _ guest: String, _ words: [String]) -> Bool {
        guard words.count >= 3, let index = lab.guests.firstIndex(where: { $0.name == guest }) else { return false }
        let isAddition = words[1] == "add" || words[1] == "a"
        guard isAddition || words[1].hasPrefix("del") else { return false }
        func value(_ key: String) -> String? {
            words.firstIndex(of: key).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
        }
        if words[0].hasPrefix("a"), let address = InterfaceAddress(words[2]), let device = value("dev"),
            let place = lab.guests[index].interfaces.firstIndex(where: { $0.name == device })
        {
            lab.guests[index].interfaces[place].addresses.removeAll { $0 == address }
            if isAddition { lab.guests[index].interfaces[place].addresses.append(address) }
            return true
        } else if words[0].hasPrefix("r"), let via = value("via").flatMap({ IPAddress($0) }) {
            let destination = InterfaceAddress(words[2])
            guard words[2] == "default" || destination != nil else { return false }
            let route = Route(destination: destination, via: via)
            lab.guests[index].routes.removeAll { $0 == route }
            if isAddition { lab.guests[index].routes.append(route) }
            return true
        }
        return false
    }

    /// The guest is as its plan says already, and has this plan for its next start.
    private func noteGuestApplied(_ guest: String) {
        let planner = Planner(intent.lab, places: layout, program: program, exists: LabSession.exists)
        guard let desired = try? planner.plan(),
            let resource = desired.resources.first(where: { $0.key == Resource.key(.guest, guest) })
        else { return }
        intent.applied[resource.key] = resource
        keeper.ask(resource.make[0]) { _ in }
    }

    /// `snapshots`, `snapshot-save NAME`, `snapshot-restore NAME`, `snapshot-remove NAME`. Guests that run are stopped for a
    /// restore, and started again after it.
    public func snapshot(_ words: [String], then: @escaping LinesThen) {
        enqueue { [weak self] done in
            guard let self else { return done() }
            let wanted = intent.wanted
            let running =
                words[0] == "snapshot-restore" ? actual.guests.filter { $0.value.state != .stopped }.map(\.key) : []
            // Also those that wait to be started again: not into what is being restored.
            if words[0] == "snapshot-restore" { for guest in wanted.union(running) { leave(guest) } }
            for guest in running { keeper.ask(["stop", guest]) { _ in } }
            wait(milliseconds: 60_000) { [weak self] in
                running.allSatisfy { self?.actual.guests[$0]?.state == .stopped }
            } then: { [weak self] isReached in
                guard let self, !hasEnded else {
                    done()
                    return then(.failure(ControlError("the lab has ended")))
                }
                guard isReached else {
                    // Nothing has been restored: those that have stopped go on as they were.
                    intent.wanted.formUnion(wanted)
                    save()
                    supervise()
                    done()
                    return then(.failure(ControlError("not all guests have stopped in time", status: 3)))
                }
                keeper.ask(words) { [weak self] answer in
                    guard let self else { return }
                    intent.wanted.formUnion(wanted)
                    save()
                    supervise()
                    done()
                    let lines = answer.map(\.words).mapError { ControlError($0) }
                    guard !running.isEmpty else { return then(lines) }
                    whenSettled(Set(running), milliseconds: 120_000) { then($0.map { .failure($0) } ?? lines) }
                }
            }
        }
    }
}
