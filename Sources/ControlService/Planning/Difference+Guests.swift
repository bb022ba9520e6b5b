// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests

extension Difference {
    /// A change of a running guest was broken off: it has other interfaces than were applied.
    func isDoubted(_ resource: Resource, _ old: Resource) -> Bool {
        guard resource.kind == .guest, let words = old.make.first,
            let plan = try? GuestPlan(name: resource.name, words: words.dropFirst(2))
        else { return false }
        let (believed, others) = believed(plan)
        return believed != plan || !others.isEmpty
    }

    /// What was applied to a guest as far as the keeper knows of it: without interfaces that are not there, or are others; and the
    /// names of those that are there instead.
    private func believed(_ plan: GuestPlan) -> (plan: GuestPlan, others: [String]) {
        // One that comes up has them in a moment; one that is stopped is what its plan says.
        guard let guest = actual.guests[plan.name], [.running, .paused].contains(guest.state) else { return (plan, []) }
        let prefix = plan.name + ":"
        let there = actual.interfaces.filter { $0.key.hasPrefix(prefix) }
        var believed = plan
        believed.interfaces.removeAll { there[prefix + $0.name]?.isPair != ($0.bridge != nil) }
        let names = there.keys.map { String($0.dropFirst(prefix.utf8.count)) }
        return (believed, names.filter { name in !believed.interfaces.contains { $0.name == name } }.sorted())
    }

    /// What becomes of a pair whose bridge is another one, or was made anew.
    private func bridgeChange(from old: String, to new: String) -> GuestChange.BridgeChange {
        let (before, after) = (Resource.key(.bridge, old), Resource.key(.bridge, new))
        if old == new { return renewed.contains(after) ? .renew : .none }
        func host(_ resource: Resource?) -> String? { resource?.make.first?.first { $0.hasPrefix("host=") } }
        let isHosts = host(desired.resources.first { $0.key == after }) != nil
        return (host(applied[before]) != nil) == isHosts ? .move : .renew
    }

    mutating func change(_ resource: Resource, from old: Resource) {
        guard let words = old.make.first, let plan = desired.guests.first(where: { $0.name == resource.name }),
            let before = try? GuestPlan(name: resource.name, words: words.dropFirst(2))
        else { return replace(resource, line: "~") }
        let state = actual.guests[resource.name]?.state ?? .stopped
        let isRunning = state != .stopped
        if before == plan, !isRunning { return }
        let (believed, others) = believed(before)
        let change = GuestChange(from: believed, to: plan, isRunning: isRunning) { bridgeChange(from: $0, to: $1) }
        // What was set of an interface that is made anew is set again.
        let isBack = plan.interfaces.map(\.name).filter { name in !believed.interfaces.contains { $0.name == name } }
        for name in change.replaced + isBack {
            let port = GuestPlan.port(guest: plan.name, interface: name)
            for kind in [Resource.Kind.plug, .carrier, .filter, .impairment] { applied[Resource.key(kind, port)] = nil }
        }
        let unknown = change.needsRestart ? [] : others
        var actions = unknown.map { Step.Action.request(["interface-remove", plan.name, $0]) }
        actions += change.actions.map { action in
            guard case .request(let words) = action, words.first == "plug", let downFor else { return action }
            return .request(words + ["down-for=\(downFor)"])
        }
        if change.needsRestart, state != .stopped {
            actions = Self.stop(resource.name) + [.request(resource.make[0])]
        }
        guard !actions.isEmpty else { return }
        let what = change.what + unknown.filter { !change.what.contains("+ \($0)") }.map { "- \($0)" }
        let restarts = change.needsRestart && state != .stopped ? ", restarts" : ""
        steps.append(
            Step(
                .guests,
                "~ guest \(resource.name) (\(what.joined(separator: ", "))\(restarts))",
                actions,
                results: [resource.key: resource]
            )
        )
    }
}
