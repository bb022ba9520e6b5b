// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem
public import Model

/// How a lab is to be brought to what is wanted.
public struct ConvergeOptions: Sendable, Equatable {
    /// Only says what would be done.
    public var isDryRun = false
    /// Guests to start beside those that are wanted already; nil: all of the lab.
    public var start: Set<String>?
    /// Milliseconds without carrier for what is moved.
    public var downFor: UInt64?
    /// When it fails, the lab is brought back to what it was.
    public var undoesOnFailure = false

    public init() {}
}

extension LabSession {
    public typealias LinesThen = (Result<[String], ControlError>) -> Void

    /// Makes the running lab the one that is given. Answers with what was done, a line each; nothing when nothing differed.
    public func converge(_ lab: Lab, _ options: ConvergeOptions, then: @escaping LinesThen) {
        enqueue { [weak self] done in
            guard let self else { return done() }
            convergeNow({ _ in lab }, options) { result in
                done()
                then(result)
            }
        }
    }

    /// The same with a change to the lab as it is when its turn comes.
    public func change(
        _ options: ConvergeOptions,
        _ edit: @escaping (inout Lab) throws(ControlError) -> Void,
        then: @escaping LinesThen
    ) {
        enqueue { [weak self] done in
            guard let self else { return done() }
            do throws(ControlError) {
                var lab = intent.lab
                try edit(&lab)
                try LabChange.validate(&lab)
                let changed = lab
                convergeNow({ _ in changed }, options) { result in
                    done()
                    then(result)
                }
            } catch {
                done()
                then(.failure(error))
            }
        }
    }

    private func convergeNow(_ lab: (Lab) -> Lab, _ options: ConvergeOptions, then: @escaping LinesThen) {
        if isGoingDown || hasEnded {
            return then(.failure(ControlError("lab \"\(name)\" is going down")))
        }
        isApplying = false
        let before = intent
        let lab = lab(before.lab)
        let steps: [Step]
        let asked = lab.startedGuests(options.start)
        let wanted = before.wanted.union(asked).intersection(lab.guests.map(\.name))
        do throws(ControlError) {
            let desired = try Planner(lab, places: layout, program: program, exists: LabSession.exists).plan()
            steps = Difference.steps(
                Difference(
                    desired: desired,
                    applied: intent.applied,
                    actual: actual,
                    doubtful: intent.doubtful,
                    wanted: wanted,
                    downFor: options.downFor
                )
            )
        } catch {
            return then(.failure(error))
        }
        let lines = steps.map(\.line).filter { !$0.isEmpty }
        restarted = []
        if options.isDryRun { return then(.success(lines)) }
        let stopped = steps.flatMap(\.actions).compactMap { action in
            if case .request(let words) = action, words.first == "stop", words.count > 1 { words[1] } else { nil }
        }
        restarted = wanted.intersection(stopped)
        intent.lab = lab
        intent.wanted = wanted
        for guest in asked { expect(guest) }
        forgetUnapplied()
        guard !steps.isEmpty else {
            save()
            supervise()
            return then(.success([]))
        }
        isApplying = true
        apply(steps[...]) { [weak self] error in
            guard let self else { return then(.failure(ControlError("the lab has ended"))) }
            if let error, options.undoesOnFailure {
                var back = ConvergeOptions()
                back.start = before.wanted
                intent.wanted = before.wanted
                return convergeNow({ _ in before.lab }, back) { [weak self] result in
                    guard case .failure(let other) = result, self?.hasEnded == false, other.message != error.message
                    else { return then(.failure(error)) }
                    let text = "\(error.message)\nit could not be undone: \(other.message)"
                    then(.failure(ControlError(text, status: error.status)))
                }
            }
            isApplying = false
            supervise()
            then(error.map { .failure($0) } ?? .success(lines))
        }
    }

    static func exists(_ path: String) -> Bool { (try? FileStatus(path: path)) != nil }

    /// What the difference did not believe in is forgotten here as well.
    private func forgetUnapplied() {
        for resource in intent.applied.values {
            let isGone =
                switch resource.kind {
                case .guest: actual.guests[resource.name] == nil
                case .segment: !actual.segments.contains(resource.name)
                case .bridge: !actual.bridges.contains(resource.name)
                case .companion: !actual.segments.contains(BridgeCompanion.segment(of: resource.name))
                case .element: actual.elements[resource.name] == nil
                default: false
                }
            if isGone { intent.applied[resource.key] = nil }
        }
    }
}

extension Lab {
    /// Guests that a request starts which names these; nil: it names none.
    func startedGuests(_ names: Set<String>?) -> Set<String> {
        names.map { withThoseBefore($0) } ?? Set(guests.map(\.name))
    }

    /// These guests and all that must be ready before them.
    func withThoseBefore(_ names: Set<String>) -> Set<String> {
        var all = names
        var open = Array(names)
        while let name = open.popLast() {
            for other in guest(name)?.after ?? [] where all.insert(other).inserted { open.append(other) }
        }
        return all
    }
}
