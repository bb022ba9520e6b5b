// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import PacketFilter
import Synchronization

/// A policy where the frame path reads it: the program, what its answers mean, and where they are counted.
///
/// Invariant: `words` are those of `owner`, one for each rule.
@safe
public struct PolicyTable: ~Copyable, @unchecked Sendable {
    private let steps: RigidTable<FilterStep>
    private let accepts: RigidTable<Bool>
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    /// Keeps the counters; the frame path does not touch it.
    private let owner: RuleCounters
    private let judgesSegmentsAlike: Bool

    /// - Parameter counters: as many as the policy has rules; several tables of one policy may share them.
    public init(_ policy: CompiledPolicy, counters: RuleCounters) {
        precondition(counters.count >= policy.rules.count)
        let (source, rules) = (policy.program.steps, policy.rules)
        steps = RigidTable(count: source.count) { source[$0] }
        accepts = RigidTable(count: rules.count) { rules[$0].accepts }
        unsafe words = counters.words
        owner = counters
        judgesSegmentsAlike = policy.judgesSegmentsAlike
    }

    /// A super-frame may be judged as it is (`CompiledPolicy`).
    public func judgesWhole() -> Bool { judgesSegmentsAlike }

    /// Whether the frame passes; counted.
    public func admits(_ frame: Span<UInt8>) -> Bool {
        var rule = Int(FilterMachine.run(steps.span, frame, length: UInt32(truncatingIfNeeded: frame.count)))
        if rule >= accepts.count { rule = 0 }
        // One thread counts: no read-modify-write instruction is needed.
        let value = unsafe words[rule].load(ordering: .relaxed)
        unsafe words[rule].store(value &+ 1, ordering: .relaxed)
        return accepts[rule]
    }
}
