// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints

/// Policies of ports: what comes in at a port passes its send policy, what leaves it passes its receive policy.
///
/// A policy that looks only at what all segments of a super-frame have in common decides about the super-frame (`judgeIn`,
/// `judgeOut`). Any other decides about each segment, on the way that rate limits take (`judgeSegmentsIn`, `judgeSegmentsOut`).
extension Engine {
    /// Takes out of `burst` what a policy denies.
    mutating func judgeBurst(port: Int) {
        var admitted = 0
        for position in 0..<burst.count {
            let frame = burst[position]
            if let cause = Self.judge(&hooks, &pool, frame, port: port, isInbound: true) {
                drops.count(cause)
                pool.release(frame)
            } else {
                burst[admitted] = frame
                admitted += 1
            }
        }
        burst.truncate(to: admitted)
    }

    /// Takes out of `staged` what a policy denies; whoever staged the frames holds them.
    mutating func judgeStaged(port: Int) {
        var admitted = 0
        for position in 0..<staged.count {
            let frame = staged[position]
            if let cause = Self.judge(&hooks, &pool, frame, port: port, isInbound: false) {
                drops.count(cause)
            } else {
                staged[admitted] = frame
                admitted += 1
            }
        }
        staged.truncate(to: admitted)
    }

    /// Why a frame does not pass; nil: it does.
    static func judge(
        _ hooks: inout EngineHooks,
        _ pool: inout FramePool,
        _ frame: FrameReference,
        port: Int,
        isInbound: Bool
    ) -> DropCause? {
        let slot = hooks.policy(port: port, isInbound: isInbound)
        guard slot >= 0 else { return nil }
        guard pool.settle(frame) else { return .badHeader }
        // A slot without a policy lets nothing pass.
        return hooks.policies[slot]?.admits(pool.bytes(frame)) == true ? nil : .filtered
    }

    mutating func makePolicies() {
        guard hooks.policies.count == 0 else { return }
        hooks.policies = RigidTable(count: 2 * table.portCount) { _ in nil }
        hooks.policyOf = RigidTable(count: 2 * table.portCount) { _ in -1 }
    }

    mutating func perform(_ change: PolicyChange) {
        switch change {
        case .table(let slot, let box): hooks.policies[slot] = box?.take()
        case .port(let port, let isInbound, let slot):
            hooks.policyOf[EngineHooks.shaper(port: port, isInbound: isInbound)] = Int32(truncatingIfNeeded: slot)
        }
    }
}
