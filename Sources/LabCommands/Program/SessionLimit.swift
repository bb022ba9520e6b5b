// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How many sessions there may be at a time, pages and terminals together: each is a connection that the switch serves.
final class SessionLimit: Sendable {
    let maximum: Int
    private let count = Mutex(0)

    init(_ maximum: Int) { self.maximum = maximum }

    /// Takes a place; false when there is none.
    func enter() -> Bool {
        count.withLock { count in
            guard count < maximum else { return false }
            count += 1
            return true
        }
    }

    func leave() { count.withLock { $0 -= 1 } }
}

/// A place that is given back with the last reference to it, however its session ends.
final class SessionPlace: Sendable {
    private let limit: SessionLimit

    /// Nil when there is none left.
    init?(_ limit: SessionLimit) {
        self.limit = limit
        guard limit.enter() else { return nil }
    }

    deinit { limit.leave() }
}
