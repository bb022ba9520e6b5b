// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// System calls of the frame path: spans in, a count or `-errno` out. Nothing is allocated and nothing is thrown, because
/// "would block" is an everyday value there. None of them waits.
public enum FrameIO {
    /// One datagram of a batch: where it lies in the slab, and its size. Has the layout of `struct cel_part`.
    @frozen
    public struct Part: Sendable {
        public var offset: UInt64
        /// To be received: the room; received: the datagram's true size, larger than the room when the kernel cut it.
        public var byteCount: UInt64

        @inlinable
        public init(offset: Int, byteCount: Int) {
            self.offset = UInt64(offset)
            self.byteCount = UInt64(byteCount)
        }
    }

    /// Most datagrams of one batch call.
    public static var batchLimit: Int { 32 }

    /// Receives datagrams, one a part, into the first `count` parts: how many. The corresponding C function is
    /// `recvmmsg`.
    public static func receiveBatch(
        _ fd: Int32,
        into slab: inout MutableSpan<UInt8>,
        _ parts: inout MutableSpan<Part>,
        count: Int
    ) -> Int {
        let count = min(count, parts.count, batchLimit)
        for index in 0..<count { check(parts[index], within: slab.count) }
        return unsafe slab.withUnsafeMutableBufferPointer { bytes in
            unsafe parts.withUnsafeMutableBufferPointer { parts in
                let raw = unsafe UnsafeMutableRawPointer(parts.baseAddress!).assumingMemoryBound(to: cel_part.self)
                return unsafe Int(cel_receive_batch(fd, bytes.baseAddress!, raw, Int32(truncatingIfNeeded: count)))
            }
        }
    }

    /// Sends the first `count` parts, one a datagram: how many went. The corresponding C function is `sendmmsg`.
    public static func sendBatch(_ fd: Int32, from slab: Span<UInt8>, _ parts: Span<Part>, count: Int) -> Int {
        let count = min(count, parts.count, batchLimit)
        for index in 0..<count { check(parts[index], within: slab.count) }
        return unsafe slab.withUnsafeBufferPointer { bytes in
            unsafe parts.withUnsafeBufferPointer { parts in
                let raw = unsafe UnsafeRawPointer(parts.baseAddress!).assumingMemoryBound(to: cel_part.self)
                return unsafe Int(cel_send_batch(fd, bytes.baseAddress!, raw, Int32(truncatingIfNeeded: count)))
            }
        }
    }

    /// The invariant of both batches: the kernel is given addresses within the slab only.
    @inline(__always)
    private static func check(_ part: Part, within count: Int) {
        precondition(part.offset <= UInt64(count) && part.byteCount <= UInt64(count) - part.offset)
    }

    /// Sends one message. The corresponding C function is `send`.
    public static func send(_ fd: Int32, _ bytes: Span<UInt8>) -> Int {
        unsafe bytes.withUnsafeBufferPointer { unsafe cel_send(fd, $0.baseAddress, $0.count, 0) }
    }

    /// Receives one message; the result is its true size, larger than the span when the kernel cut it. The corresponding C
    /// function is `recv`.
    public static func receive(_ fd: Int32, into bytes: inout MutableSpan<UInt8>) -> Int {
        unsafe bytes.withUnsafeMutableBufferPointer {
            unsafe cel_receive(fd, $0.baseAddress, $0.count, Int32(truncatingIfNeeded: MSG_TRUNC))
        }
    }

    /// Reads, whatever the descriptor's flags say. The corresponding C function is `preadv2`.
    public static func read(_ fd: Int32, into bytes: inout MutableSpan<UInt8>) -> Int {
        unsafe bytes.withUnsafeMutableBufferPointer { unsafe cel_read_nowait(fd, $0.baseAddress, $0.count) }
    }

    /// Writes, whatever the descriptor's flags say. The corresponding C function is `pwritev2`.
    public static func write(_ fd: Int32, _ bytes: Span<UInt8>) -> Int {
        unsafe bytes.withUnsafeBufferPointer { unsafe cel_write_nowait(fd, $0.baseAddress, $0.count) }
    }
}
