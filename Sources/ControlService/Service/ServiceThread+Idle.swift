// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

extension ServiceThread {
    /// Calls `end` once when there has been no lab, no listener and no request for so long.
    public func endWhenIdle(nanoseconds: UInt64, _ end: @escaping @Sendable () -> Void) {
        post { service in Self.watch(service, nanoseconds, end) }
    }

    private static func watch(_ service: LabService, _ patience: UInt64, _ end: @escaping @Sendable () -> Void) {
        let now = MonotonicClock.nanoseconds
        let idle = service.isIdle ? now - min(now, service.idleSince) : 0
        guard idle < patience else { return end() }
        service.loop.after(milliseconds: max(1, (patience - idle) / 1_000_000)) { watch(service, patience, end) }
    }
}
