// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Waiting for a handful of descriptors, poll(2): for the control plane, where an `Epoll` would be too much.
public enum Poll {
    /// Most descriptors of one call.
    public static var maximumCount: Int { Int(CEL_POLL_MAX) }

    /// Waits until a descriptor can be read, has ended or failed: for each whether it does. All false: the deadline has
    /// come. A negative descriptor is never ready.
    ///
    /// - Parameter deadline: monotonic nanoseconds (`MonotonicClock`); nil waits for ever.
    public static func readable(_ descriptors: [Int32], deadline: UInt64?) throws(Errno) -> [Bool] {
        var descriptors = descriptors
        while true {
            var events = [UInt32](repeating: UInt32(POLLIN), count: descriptors.count)
            let timeout = milliseconds(until: deadline)
            let ready = unsafe cel_poll(&descriptors, &events, Int32(clamping: descriptors.count), timeout)
            if ready > 0 { return events.map { $0 >> 16 != 0 } }
            if ready < 0 && ready != -EINTR { throw Errno(rawValue: -ready) }
            if ready == 0 && milliseconds(until: deadline) == 0 { return events.map { _ in false } }
        }
    }

    /// Whether one descriptor became ready before the deadline.
    public static func isReadable(_ descriptor: Int32, deadline: UInt64?) throws(Errno) -> Bool {
        try readable([descriptor], deadline: deadline)[0]
    }

    /// Waits until a descriptor takes bytes, has ended or failed; false: the deadline has come.
    public static func isWritable(_ descriptor: Int32, deadline: UInt64?) throws(Errno) -> Bool {
        while true {
            var descriptors = [descriptor]
            var events = [UInt32(POLLOUT)]
            let ready = unsafe cel_poll(&descriptors, &events, 1, milliseconds(until: deadline))
            if ready > 0 { return true }
            if ready < 0 && ready != -EINTR { throw Errno(rawValue: -ready) }
            if ready == 0 && milliseconds(until: deadline) == 0 { return false }
        }
    }

    /// Rounded up, so that poll(2) does not return just before the deadline again and again.
    private static func milliseconds(until deadline: UInt64?) -> Int32 {
        guard let deadline else { return -1 }
        let now = MonotonicClock.nanoseconds
        return deadline <= now ? 0 : Int32(clamping: (deadline - now - 1) / 1_000_000 + 1)
    }
}
