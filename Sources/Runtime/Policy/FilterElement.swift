// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
public import PacketFilter
import Wire

/// A filter between a network and its clients: a multiplexer all of whose interfaces have the policies that its rules make.
///
/// # Theory of operation
///
///     upstream ══ uplink ─▶ receive policy ─▶ client        rules (command line, console)
///                 uplink ◀─ send policy ◀──── client            └▶ policies, one for each client's address, or one for all
///
/// A port has its policies before anything is plugged in there; the uplink has none. When rules change, all policies are made
/// anew, and given to the data plane at once: up to one frame the old rules hold, from the next on the new ones. Rules that
/// make no program change nothing.
public final class FilterElement {
    /// The policies of clients with one address.
    private final class Pair {
        let send: RunningPolicy?
        let receive: RunningPolicy?

        init(_ rules: FilterRules, _ address: MACAddress?) throws(PolicyError) {
            send = try rules.policy(.send, address: address).map { RunningPolicy($0) }
            receive = try rules.policy(.receive, address: address).map { RunningPolicy($0) }
        }
    }

    /// How many frames a rule has decided about.
    public struct Count: Sendable, Equatable {
        public let direction: FilterRules.Direction
        public let rule: FilterRule
        public let frames: UInt64
    }

    private struct Key: Hashable {
        let direction: FilterRules.Direction
        let rule: FilterRule
    }

    public let target: Switch
    public private(set) var rules: FilterRules
    private let policies: PortPolicies
    /// Nil: for clients of any address.
    private var pairs: [MACAddress?: Pair] = [:]
    /// The addresses of ports with policies.
    private var ports: [Int: MACAddress?] = [:]
    /// Counted by policies that are no more.
    private var past: [Key: UInt64] = [:]

    /// Throws what is wrong with the rules.
    public init(_ target: Switch, rules: FilterRules) throws(PolicyError) {
        self.target = target
        self.rules = rules
        policies = PortPolicies(target.dataPlane)
        // What is wrong shows now, not when the first client comes.
        if !rules.dependsOnAddress { pairs[nil] = try Pair(rules, nil) } else { _ = try Pair(rules, .broadcast) }
        target.willAttach = { [weak self] (port) throws(AttachRefusal) in try self?.prepare(port) }
        target.observers.append { [weak self] event in
            if case .portClosed(let port) = event { self?.forget(port) }
        }
    }

    private func key(_ port: Int) -> MACAddress? {
        rules.dependsOnAddress ? target.interfaces.interface(port: port)?.address ?? .broadcast : nil
    }

    /// Somebody is about to be plugged in.
    private func prepare(_ port: Int) throws(AttachRefusal) {
        guard target.interfaces.uplinks[port] == nil, ports[port] == nil else { return }
        let key = key(port)
        do throws(PolicyError) {
            let pair: Pair
            if let known = pairs[key] { pair = known } else { pair = try Pair(rules, key) }
            pairs[key] = pair
            ports[port] = key
            policies.assign(Self.changes(port, pair))
        } catch {
            throw AttachRefusal(code: EINVAL, message: "the filter's rules: \(error)")
        }
    }

    private static func changes(_ port: Int, _ pair: Pair?) -> [SwitchHooks.Way: RunningPolicy?] {
        [
            SwitchHooks.Way(port: port, isInbound: true): pair?.send,
            SwitchHooks.Way(port: port, isInbound: false): pair?.receive,
        ]
    }

    /// Nobody is on a port any more.
    private func forget(_ port: Int) {
        guard let key = ports.removeValue(forKey: port) else { return }
        policies.assign(Self.changes(port, nil))
        guard key != nil, !ports.values.contains(key), let pair = pairs.removeValue(forKey: key) else { return }
        retire(pair)
    }

    /// Gives all clients other rules, all at once. Throws what is wrong with them; nothing has changed then.
    public func setRules(_ rules: FilterRules) throws(PolicyError) {
        let old = self.rules
        self.rules = rules
        do throws(PolicyError) {
            var next: [MACAddress?: Pair] = [:]
            var keys: [Int: MACAddress?] = [:]
            if rules.dependsOnAddress { _ = try Pair(rules, .broadcast) } else { next[nil] = try Pair(rules, nil) }
            var changes: [SwitchHooks.Way: RunningPolicy?] = [:]
            for port in ports.keys {
                let key = key(port)
                let pair: Pair
                if let known = next[key] { pair = known } else { pair = try Pair(rules, key) }
                next[key] = pair
                keys[port] = key
                changes.merge(Self.changes(port, pair)) { $1 }
            }
            policies.assign(changes)
            for pair in pairs.values { retire(pair) }
            pairs = next
            ports = keys
        } catch {
            self.rules = old
            throw error
        }
    }

    // MARK: Counters

    private func retire(_ pair: Pair) { add(pair, to: &past) }

    private func add(_ pair: Pair, to counts: inout [Key: UInt64]) {
        for (direction, running) in [(FilterRules.Direction.send, pair.send), (.receive, pair.receive)] {
            guard let running else { continue }
            for (index, rule) in running.policy.rules.enumerated() {
                counts[Key(direction: direction, rule: rule), default: 0] += running.counters[index]
            }
        }
    }

    /// What every rule has decided, those first that let pass; rules that are no more count as long as they have counted.
    public var counts: [Count] {
        var all = past
        for pair in pairs.values { add(pair, to: &all) }
        return all.map { Count(direction: $0.key.direction, rule: $0.key.rule, frames: $0.value) }.sorted {
            let (left, right) = ($0.rule, $1.rule)
            if $0.direction != $1.direction { return $0.direction == .send }
            return left.accepts != right.accepts ? left.accepts : left.name < right.name
        }
    }
}
