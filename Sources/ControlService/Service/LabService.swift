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
    public private(set) var sessions: [String: LabSession] = [:]
    private var starting: [String: KeeperProgram] = [:]
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

    // MARK: Adopting

    /// Takes over all labs whose keepers run.
    public func adopt(then: @escaping () -> Void) {
        var open = 1
        func close() {
            open -= 1
            if open == 0 { then() }
        }
        for name in (try? FileSystem.names(in: userDirectory)) ?? [] {
            let files = RuntimeFiles(directory: "\(userDirectory)/\(name)")
            guard let owner = files.owner(), sessions[owner.name] == nil else { continue }
            open += 1
            connect(owner.name, owner.directory) { _ in close() }
        }
        close()
    }

    /// A session with a keeper that runs.
    private func connect(
        _ name: String,
        _ directory: String,
        then: @escaping (Result<LabSession, ControlError>) -> Void
    ) {
        let layout = layout(name, directory)
        do throws(GuestError) {
            let keeper = try KeeperConnection.keeper(runtimeDirectory: layout.runtime, loop: loop)
            let intent = Intent.load(layout.intentFile) ?? Intent(lab: Lab(name: name), directory: directory)
            let session = LabSession(
                intent,
                layout: layout,
                keeper: keeper,
                loop: loop,
                hub: hub,
                program: program
            )
            sessions[name] = session
            session.onEnd = { [weak self, weak session] in
                guard let self, sessions[name] === session else { return }
                sessions[name] = nil
                touch()
            }
            session.begin { error in
                if let error { return then(.failure(error)) }
                then(.success(session))
            }
        } catch {
            then(.failure(ControlError(error)))
        }
    }

    func layout(_ name: String, _ directory: String) -> LabLayout {
        LabLayout(
            lab: name,
            directory: directory,
            runtime: "\(userDirectory)/\(LabPlaces.identifier(lab: name))"
        )
    }

    // MARK: Up

    /// A lab that is to run.
    public struct UpRequest: Sendable, Equatable {
        /// The lab's directory, absolute.
        public var directory: String
        /// Its file, and what messages call that.
        public var file: String
        public var fileName: String
        /// The name of a lab whose file gives none.
        public var labName: String
        public var environment: [String: String] = [:]
        public var options = ConvergeOptions()
        /// Answers when all is ready, or only when all has begun.
        public var waits = true
        public var milliseconds: UInt64?

        public init(directory: String, file: String, fileName: String, labName: String) {
            self.directory = directory
            self.file = file
            self.fileName = fileName
            self.labName = labName
        }
    }

    /// What came of it.
    public struct UpAnswer: Sendable {
        public var lab: String
        public var lines: [String]
    }

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
                let wanted = request.options.start ?? Set(lab.guests.map(\.name))
                let steps = Difference.steps(
                    Difference(desired: desired, applied: [:], actual: ActualState(), wanted: wanted)
                )
                let lines = steps.map(\.line).filter { !$0.isEmpty }
                return then(.success(UpAnswer(lab: lab.name, lines: lines)))
            }
            guard starting[lab.name] == nil else { throw ControlError("lab \"\(lab.name)\" is being started") }
            starting[lab.name] = try KeeperProgram(program, layout: layout, loop: loop) { [weak self] error in
                guard let self else { return }
                starting[lab.name] = nil
                if let error { return then(.failure(error)) }
                connect(lab.name, directory) { [weak self] result in
                    switch result {
                    case .failure(let error): then(.failure(error))
                    case .success(let session):
                        session.publish("lab", [("state", "coming up")])
                        self?.converge(session, lab, request, then)
                    }
                }
            }
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
