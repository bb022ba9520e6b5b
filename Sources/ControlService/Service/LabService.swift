// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LabFile
public import LinuxSystem
import Model

/// All running labs of a user. One thread uses it (`ServiceThread`).
public final class LabService {
    public let loop: ControlLoop
    public let hub: EventHub
    /// `etherloom`, by path.
    let program: String
    /// `…/etherloom` of the user's runtime directory.
    let userDirectory: String
    public internal(set) var sessions: [String: LabSession] = [:]
    var starting: [String: StartingLab] = [:]
    /// When the last lab went or the last request came: monotonic nanoseconds.
    public private(set) var idleSince = MonotonicClock.nanoseconds

    public init(loop: ControlLoop, hub: EventHub, program: String, userDirectory: String) {
        self.loop = loop
        self.hub = hub
        self.program = program
        self.userDirectory = userDirectory
    }

    public var isIdle: Bool { sessions.isEmpty && starting.isEmpty && hub.isEmpty }
    public func touch() { idleSince = MonotonicClock.nanoseconds }

    public func session(_ name: String) throws(ControlError) -> LabSession {
        guard let session = sessions[name] else {
            let names = sessions.keys.sorted().joined(separator: ", ")
            throw ControlError("no lab \"\(name)\" runs" + (names.isEmpty ? "" : "; running are: \(names)"))
        }
        return session
    }

    /// Calls back when it is known whether a lab runs: at once, unless its keeper is being started.
    public func whenStarted(_ name: String, then: @escaping () -> Void) {
        guard let lab = starting[name] else { return then() }
        lab.waiting.append(then)
    }

    /// Labs whose keepers are being started: their names and directories.
    public var startingLabs: [(name: String, directory: String)] {
        starting.map { ($0.key, $0.value.directory) }.sorted { $0.name < $1.name }
    }

    func started(_ name: String) {
        guard let lab = starting.removeValue(forKey: name) else { return }
        for waiting in lab.waiting { waiting() }
    }

    func layout(_ name: String, _ directory: String) -> LabLayout {
        LabLayout(
            lab: name,
            directory: directory,
            runtime: "\(userDirectory)/\(LabPlaces.identifier(lab: name))"
        )
    }

    // MARK: Up

    public func up(_ request: UpRequest, then: @escaping @Sendable (Result<UpAnswer, ControlError>) -> Void) {
        touch()
        let lab: Lab
        do throws(LabFileError) {
            let environment = request.environment
            lab = try LabFile(request.file, name: request.fileName, labName: request.labName) { environment[$0] }.lab
        } catch {
            return then(.failure(.usage(error.description)))
        }
        up(lab, directory: request.directory, request, then)
    }

    func up(
        _ lab: Lab,
        directory: String,
        _ request: UpRequest,
        _ then: @escaping @Sendable (Result<UpAnswer, ControlError>) -> Void
    ) {
        let unknown = (request.options.start ?? []).filter { lab.guest($0) == nil }.sorted()
        guard unknown.isEmpty else {
            return then(.failure(.usage("lab \"\(lab.name)\" has no guest \"\(unknown[0])\"")))
        }
        if let other = starting[lab.name] {
            guard other.directory == directory else {
                return then(.failure(.usage(Self.taken(lab.name, other.directory))))
            }
            // Whoever asked for it first may have gone; what he began goes on, and this is done after it.
            return whenStarted(lab.name) { [weak self] in self?.up(lab, directory: directory, request, then) }
        }
        let others = sessions.map { ($0.key, $0.value.layout.directory) } + startingLabs.map { ($0.name, $0.directory) }
        if let other = others.first(where: { $0.1 == directory && $0.0 != lab.name }) {
            let hint = "take it down before it gets another name"
            return then(.failure(.usage("a lab runs in \(directory) already, \"\(other.0)\"; \(hint)")))
        }
        if let session = sessions[lab.name] {
            guard session.layout.directory == directory else {
                return then(.failure(.usage(Self.taken(lab.name, session.layout.directory))))
            }
            return converge(session, lab, request, then)
        }
        let layout = layout(lab.name, directory)
        do throws(ControlError) {
            // Whatever is wrong with the lab is said before anything runs.
            let desired = try Planner(lab, places: layout, program: program, exists: LabSession.exists).plan()
            if request.options.isDryRun {
                let wanted = lab.startedGuests(request.options.start)
                let steps = Difference.steps(
                    Difference(desired: desired, applied: [:], actual: ActualState(), wanted: wanted)
                )
                let lines = steps.map(\.line).filter { !$0.isEmpty }
                return then(.success(UpAnswer(lab: lab.name, lines: lines)))
            }
            let keeper = try KeeperProgram(program, layout: layout, loop: loop) { [weak self] error in
                guard let self else { return }
                let isThere = error?.message == KeeperPlace.runsAlready(lab: lab.name, directory: directory)
                if let error, !isThere {
                    then(.failure(error))
                    return started(lab.name)
                }
                // One that an earlier daemon started just before it was killed will answer in a moment.
                let patience: UInt64 = error == nil ? 0 : 5_000_000_000
                let deadline = MonotonicClock.nanoseconds + patience
                connect(lab.name, directory, isNew: error == nil, until: deadline) { [weak self] result in
                    switch result {
                    case .failure(let failure): then(.failure(error ?? failure))
                    case .success(let session):
                        session.publish("lab", [("state", "coming up")])
                        self?.converge(session, lab, request, then)
                    }
                    self?.started(lab.name)
                }
            }
            starting[lab.name] = StartingLab(directory: directory, keeper: keeper)
        } catch {
            then(.failure(error))
        }
    }

    static func taken(_ name: String, _ directory: String) -> String {
        "a lab \"\(name)\" runs already, from \(directory); give this one another name:, or take that one down first"
    }

    private func converge(
        _ session: LabSession,
        _ lab: Lab,
        _ request: UpRequest,
        _ then: @escaping @Sendable (Result<UpAnswer, ControlError>) -> Void
    ) {
        session.converge(lab, request.options) { result in
            switch result {
            case .failure(let error): then(.failure(error))
            case .success(let lines):
                let answer = UpAnswer(lab: lab.name, lines: lines)
                guard request.waits, !request.options.isDryRun else { return then(.success(answer)) }
                let names = request.options.start ?? Set(lab.guests.map(\.name))
                session.whenSettled(names, milliseconds: request.milliseconds) { error in
                    if let error { then(.failure(error)) } else { then(.success(answer)) }
                }
            }
        }
    }
}
