// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization

/// Where tests kill the daemon, as `kill -9` does: with ETHERLOOM_KILL_AT=N in its environment, at the Nth place that it
/// passes. Places are before each request to a keeper and after each answer, so that N = 1, 2, 3 … is a daemon that is
/// killed at every step of what it does.
enum KillPoint {
    private static let passed = Atomic<Int>(0)
    private static let target = CurrentProcess.environment("ETHERLOOM_KILL_AT").flatMap { Int($0) }

    static func pass() {
        guard let target, passed.add(1, ordering: .relaxed).newValue == target else { return }
        ProcessHandle.killSelf()
    }
}
