// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem
import Model

/// Steps, as they are carried out and written down.
extension LabSession {
    /// Carries steps out, phase by phase; the requests of a phase go out together.
    func apply(_ steps: ArraySlice<Step>, then: @escaping (ControlError?) -> Void) {
        guard let phase = steps.first?.phase else {
            intent.doubtful = [:]
            save()
            return then(nil)
        }
        let end = steps.firstIndex { $0.phase != phase } ?? steps.endIndex
        let now = steps[..<end]
        for step in now {
            for (key, result) in step.results {
                if let resource = result ?? intent.applied[key], resource.kind != .guest {
                    intent.doubtful[key] = resource
                }
            }
        }
        if phase != .start { save() }
        var open = now.count
        var errors: [ControlError] = []
        for step in now {
            perform(step.actions[...]) { [weak self] error in
                guard let self else { return }
                if let error { errors.append(error) } else { record(step) }
                open -= 1
                guard open == 0 else { return }
                guard let first = errors.first else { return apply(steps[end...], then: then) }
                save()
                let text = errors.map(\.message).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
                then(ControlError(text.joined(separator: "\n"), status: first.status))
            }
        }
    }

    private func record(_ step: Step) {
        for (key, result) in step.results {
            intent.applied[key] = result
            intent.doubtful[key] = nil
            if let resource = result { noteMade(resource) } else { noteRemoved(key) }
        }
        if !step.line.isEmpty { publish("change", [("line", .string(step.line))]) }
    }

    /// The keeper tells of guests and interfaces by itself; of the rest it is known by the answers.
    private func noteMade(_ resource: Resource) {
        switch resource.kind {
        case .segment: actual.segments.insert(resource.name)
        case .bridge: actual.bridges.insert(resource.name)
        case .companion: actual.segments.insert(BridgeCompanion.segment(of: resource.name))
        case .element: actual.elements[resource.name] = actual.elements[resource.name] ?? 0
        case .guest:
            if actual.guests[resource.name] == nil {
                actual.guests[resource.name] = KeeperState.Guest(name: resource.name)
            }
        case .plug:
            var interface = actual.interfaces[resource.name] ?? ActualState.Interface()
            interface.segment = resource.make.first?.last
            actual.interfaces[resource.name] = interface
        default: break
        }
    }

    private func noteRemoved(_ key: String) {
        let parts = key.split(separator: " ", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return }
        let name = parts[1]
        switch Resource.Kind(rawValue: parts[0]) {
        case .segment: actual.segments.remove(name)
        case .bridge: actual.bridges.remove(name)
        case .companion: actual.segments.remove(BridgeCompanion.segment(of: name))
        case .element: actual.elements[name] = nil
        case .guest:
            actual.guests[name] = nil
            actual.interfaces = actual.interfaces.filter { !$0.key.hasPrefix(name + ":") }
            runs.removeValue(forKey: name)?.end(loop)
        case .plug: actual.interfaces[name]?.segment = nil
        default: break
        }
    }

    /// Those whom something is given to have to get there.
    private func makePlaceOfDelegations() {
        for path in ["/run", "/run/delegated"] {
            try? FileSystem.makeDirectory(layout.directory + path, mode: 0o755)
        }
        try? FileSystem.setMode(layout.directory + "/run/delegated", 0o755)
    }

    private func perform(_ actions: ArraySlice<Step.Action>, then: @escaping (ControlError?) -> Void) {
        guard let action = actions.first else { return then(nil) }
        let rest = actions.dropFirst()
        switch action {
        case .request(let words):
            if words.first == "stop", words.count > 1 {
                run(of: words[1]).end(loop)
                run(of: words[1]).isLeft = true
                run(of: words[1]).begin(loop)
            }
            if words.first == "element-start" { makePlaceOfDelegations() }
            keeper.ask(words) { [weak self] answer in
                if case .failure(let error) = answer { return then(ControlError(error)) }
                self?.perform(rest, then: then)
            }
        case .attempt(let words):
            keeper.ask(words) { [weak self] _ in self?.perform(rest, then: then) }
        case .start(let guest):
            intent.wanted.insert(guest)
            perform(rest, then: then)
        case .await(let guest, let state, let milliseconds):
            wait(milliseconds: milliseconds) { [weak self] in
                self?.actual.guests[guest].map { $0.state == state } != false
            } then: { [weak self] isReached in
                guard self?.hasEnded == false else { return then(ControlError("the lab has ended")) }
                guard isReached else {
                    return then(ControlError("guest \"\(guest)\" is not \(state.rawValue) in time", status: 3))
                }
                self?.perform(rest, then: then)
            }
        }
    }
}
