// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Time as the kernel counts it.
enum Clock {
    private static func read(_ clock: clockid_t) -> Int? {
        var now = timespec()
        guard unsafe clock_gettime(clock, &now) == 0 else { return nil }
        return now.tv_sec * 1_000_000_000 + now.tv_nsec
    }

    /// Nanoseconds of the monotonic clock.
    static var now: Int { read(CLOCK_MONOTONIC) ?? 0 }

    /// Nanoseconds of processor time that this process has used.
    static var ownProcessorTime: Int { read(CLOCK_PROCESS_CPUTIME_ID) ?? 0 }

    /// Nanoseconds of processor time that all threads of process `id` have used, nil when it is gone. Much finer than
    /// the ticks in /proc/PID/stat; see clock_getcpuclockid(3).
    static func processorTime(of id: Int) -> Int? {
        var clock = clockid_t()
        guard unsafe clock_getcpuclockid(pid_t(truncatingIfNeeded: id), &clock) == 0 else { return nil }
        return read(clock)
    }

    /// Waits until the monotonic clock shows `deadline`.
    static func sleep(until deadline: Int) {
        var when = timespec(tv_sec: deadline / 1_000_000_000, tv_nsec: deadline % 1_000_000_000)
        while unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nil) == EINTR {}
    }
}

/// Where the calling thread may run.
enum Processor {
    /// Keeps the calling thread on one processor; threads that it starts inherit this.
    static func pin(_ number: Int) throws {
        var set = cpu_set_t()
        unsafe withUnsafeMutableBytes(of: &set) { bytes in
            unsafe bytes[number / 8] |= 1 << UInt8(number % 8)
        }
        guard unsafe sched_setaffinity(0, MemoryLayout<cpu_set_t>.size, &set) == 0 else {
            throw Failure.systemCall("sched_setaffinity(\(number))", Errno(rawValue: errno))
        }
    }
}
