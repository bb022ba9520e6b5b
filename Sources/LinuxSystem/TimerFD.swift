// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A point on the monotonic clock, in nanoseconds since an unspecified start (CLOCK_MONOTONIC).
public enum MonotonicClock {
    public static var nanoseconds: UInt64 { cel_monotonic_nanoseconds() }
    /// Processor time that the calling thread has used, in nanoseconds.
    public static var threadNanoseconds: UInt64 { cel_thread_cpu_nanoseconds() }
}

/// One deadline on the monotonic clock, timerfd_create(2).
public struct TimerFD: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    public init() throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try systemCall { cel_timerfd_create() })
    }

    public var rawDescriptor: Int32 { descriptor.rawValue }

    /// Becomes readable at `deadline` nanoseconds; a deadline in the past fires at once; `nil` disarms.
    public func arm(at deadline: UInt64?) {
        let when = deadline.map { max($0, 1) } ?? 0
        _ = cel_timerfd_arm(descriptor.rawValue, when)
    }

    /// Takes the expiry, so that the descriptor is quiet until the next one.
    public func drain() {
        var count: UInt64 = 0
        _ = unsafe cel_read(descriptor.rawValue, &count, 8)
    }
}
