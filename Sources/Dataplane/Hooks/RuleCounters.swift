// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How many frames each rule of a policy has decided about: counted by the loop, read by the control thread.
///
/// Invariant: `words` covers `count` counters for the life of this object, which whoever counts holds (`PolicyTable`).
@safe
public final class RuleCounters: @unchecked Sendable {
    public let count: Int
    let words: UnsafeMutablePointer<Atomic<UInt64>>

    public init(count: Int) {
        self.count = max(count, 1)
        unsafe words = .allocate(capacity: self.count)
        for index in 0..<self.count { unsafe (words + index).initialize(to: Atomic(0)) }
    }

    deinit { unsafe words.deallocate() }

    /// Frames that a rule has decided about.
    public subscript(rule: Int) -> UInt64 {
        guard (0..<count).contains(rule) else { return 0 }
        return unsafe words[rule].load(ordering: .relaxed)
    }
}
