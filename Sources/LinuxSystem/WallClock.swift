// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// The time of day, which may be set back and forth; for files and people, never for waiting.
public enum WallClock {
    /// Nanoseconds since 1970, UTC; clock_gettime(2), CLOCK_REALTIME.
    public static var nanoseconds: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// A second as log files show it, in the local time zone: `Nov 21 09:49:05`; strftime(3).
    public static func logTime(seconds: Int) -> String {
        var time = time_t(seconds)
        var parts = unsafe tm()
        guard unsafe localtime_r(&time, &parts) != nil else { return "" }
        return unsafe text("%b %d %H:%M:%S", &parts)
    }

    /// A time since 1970 as RFC 3339 has it, in UTC: `2026-11-21T17:29:04Z`.
    public static func text(seconds: Int64) -> String {
        var time = time_t(seconds)
        var parts = unsafe tm()
        guard unsafe gmtime_r(&time, &parts) != nil else { return "" }
        return unsafe text("%Y-%m-%dT%H:%M:%SZ", &parts)
    }

    private static func text(_ format: String, _ parts: inout tm) -> String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
            let count = unsafe strftime(buffer.baseAddress!, buffer.count, format, &parts)
            return unsafe String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
