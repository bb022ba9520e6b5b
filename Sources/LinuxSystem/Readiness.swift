// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Waiting for one descriptor, poll(2): for clients and supervisors that have nothing else to do meanwhile.
public enum Readiness {
    /// Waits until the descriptor has one of `events` (POLLIN …) or an error, at most `milliseconds` (-1: for ever).
    /// False when the time was over.
    public static func wait(
        _ descriptor: borrowing OwnedDescriptor,
        for events: Int16 = 1,
        milliseconds: Int32
    ) throws(Errno) -> Bool {
        let deadline = MonotonicClock.nanoseconds + UInt64(max(milliseconds, 0)) * 1_000_000
        var entry = pollfd(fd: descriptor.rawValue, events: events, revents: 0)
        while true {
            let now = MonotonicClock.nanoseconds
            let left = milliseconds < 0 ? -1 : now >= deadline ? 0 : Int32((deadline - now + 999_999) / 1_000_000)
            let count = unsafe poll(&entry, 1, left)
            if count > 0 { return true }
            if count == 0 { return false }
            if errno != EINTR { throw Errno(rawValue: errno) }
        }
    }
}
