// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
public import PacketFilter

/// A policy that ports have, with its counters. One may serve many ports.
public final class RunningPolicy {
    public let policy: CompiledPolicy
    public let counters: RuleCounters
    /// Where the loop has it, -1 while no port does.
    fileprivate var slot = -1

    public init(_ policy: CompiledPolicy) {
        self.policy = policy
        counters = RuleCounters(count: policy.rules.count)
    }
}

/// Which policies the ports of a data plane have. The control thread's view.
public final class PortPolicies {
    private let dataPlane: DataPlane
    private var current: [SwitchHooks.Way: RunningPolicy] = [:]

    public init(_ dataPlane: DataPlane) { self.dataPlane = dataPlane }

    public subscript(way: SwitchHooks.Way) -> RunningPolicy? { current[way] }

    /// Gives directions of ports other policies, or none. Between two frames all of it is in force; the counters of a policy
    /// that nobody has any more do not change after this.
    public func assign(_ changes: [SwitchHooks.Way: RunningPolicy?]) {
        let capacity = dataPlane.policyCapacity / 2
        let changes = changes.filter { (0..<capacity).contains($0.key.port) }
        var next = current
        for (way, policy) in changes { next[way] = policy }
        let kept = Dictionary(next.values.map { (ObjectIdentifier($0), $0) }) { first, _ in first }
        var used = Set(kept.values.map(\.slot))
        let before = Dictionary(current.values.map { (ObjectIdentifier($0), $0) }) { first, _ in first }

        var list: [PolicyChange] = []
        for policy in before.values where kept[ObjectIdentifier(policy)] == nil {
            list.append(.table(slot: policy.slot, nil))
            policy.slot = -1
        }
        var free = 0
        for policy in kept.values where policy.slot < 0 {
            while used.contains(free) { free += 1 }
            used.insert(free)
            policy.slot = free
            list.append(.table(slot: free, Box(PolicyTable(policy.policy, counters: policy.counters))))
        }
        for (way, policy) in changes {
            list.append(.port(way.port, isInbound: way.isInbound, slot: policy?.slot ?? -1))
        }
        current = next
        dataPlane.setPolicies(list)
    }
}
