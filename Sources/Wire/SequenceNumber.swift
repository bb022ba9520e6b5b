// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Comparison of TCP sequence numbers, which wrap around (RFC 9293 section 3.4).
///
/// `a` is before `b` if the way from `a` up to `b` is shorter than half of the number space.
public enum SequenceNumber {
    /// The signed distance from `start` up to `end`.
    @inlinable @inline(__always)
    public static func distance(from start: UInt32, to end: UInt32) -> Int32 {
        Int32(bitPattern: end &- start)
    }

    /// Whether `left` is before `right`.
    @inlinable @inline(__always)
    public static func isBefore(_ left: UInt32, _ right: UInt32) -> Bool { Int32(bitPattern: left &- right) < 0 }

    /// Whether `left` is before `right` or the same.
    @inlinable @inline(__always)
    public static func isBeforeOrEqual(_ left: UInt32, _ right: UInt32) -> Bool {
        Int32(bitPattern: left &- right) <= 0
    }

    /// Whether `left` is after `right`.
    @inlinable @inline(__always)
    public static func isAfter(_ left: UInt32, _ right: UInt32) -> Bool { Int32(bitPattern: left &- right) > 0 }

    /// Whether `left` is after `right` or the same.
    @inlinable @inline(__always)
    public static func isAfterOrEqual(_ left: UInt32, _ right: UInt32) -> Bool {
        Int32(bitPattern: left &- right) >= 0
    }

    /// Whether `number` lies in the window of `byteCount` numbers that begins with `start`.
    @inlinable @inline(__always)
    public static func isInWindow(_ number: UInt32, start: UInt32, byteCount: UInt32) -> Bool {
        number &- start < byteCount
    }

    /// The later of two numbers.
    @inlinable @inline(__always)
    public static func later(_ left: UInt32, _ right: UInt32) -> UInt32 { isAfter(left, right) ? left : right }
}
