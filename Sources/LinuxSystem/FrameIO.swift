// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// System calls of the frame path: raw buffers in, a count or `-errno` out; nothing is allocated and nothing is thrown,
/// because "would block" is an everyday value there.
///
/// Each takes memory that the caller (a frame pool) guarantees to be valid for `byteCount` bytes during the call.
public enum FrameIO {
    /// A buffer of a batch: where it is and how long it is. Has the layout of `struct cel_buffer`.
    @frozen
    @unsafe
    public struct Buffer {
        public var base: UnsafeMutableRawPointer?
        public var byteCount: UInt64

        @inlinable
        public init(base: UnsafeMutableRawPointer?, byteCount: UInt64) {
            unsafe self.base = unsafe base
            unsafe self.byteCount = byteCount
        }
    }

    /// Most buffers of one batch call.
    public static var batchLimit: Int { Int(CEL_MESSAGE_BATCH) }

    /// Receives up to `count` datagrams, one a buffer; each `byteCount` becomes the true size of the datagram, larger than
    /// the buffer's when the kernel cut it. The corresponding C function is `recvmmsg`.
    @unsafe
    public static func receiveBatch(_ fd: Int32, _ buffers: UnsafeMutablePointer<Buffer>, count: Int) -> Int {
        let raw = unsafe UnsafeMutableRawPointer(buffers).assumingMemoryBound(to: cel_buffer.self)
        return unsafe Int(cel_receive_batch(fd, raw, Int32(truncatingIfNeeded: count)))
    }

    /// Sends up to `count` datagrams: how many went. The corresponding C function is `sendmmsg`.
    @unsafe
    public static func sendBatch(_ fd: Int32, _ buffers: UnsafePointer<Buffer>, count: Int) -> Int {
        let raw = unsafe UnsafeRawPointer(buffers).assumingMemoryBound(to: cel_buffer.self)
        return unsafe Int(cel_send_batch(fd, raw, Int32(truncatingIfNeeded: count)))
    }

    /// Sends one message without waiting. The corresponding C function is `send`.
    @unsafe
    public static func send(_ fd: Int32, _ base: UnsafeRawPointer, byteCount: Int) -> Int {
        unsafe cel_send(fd, base, byteCount, 0)
    }

    /// Receives one message without waiting; the result is its true size. The corresponding C function is `recv`.
    @unsafe
    public static func receive(_ fd: Int32, _ base: UnsafeMutableRawPointer, byteCount: Int) -> Int {
        unsafe cel_receive(fd, base, byteCount, Int32(truncatingIfNeeded: MSG_TRUNC))
    }

    /// Reads without waiting, whatever the descriptor's flags say. The corresponding C function is `preadv2`.
    @unsafe
    public static func read(_ fd: Int32, _ base: UnsafeMutableRawPointer, byteCount: Int) -> Int {
        unsafe cel_read_nowait(fd, base, byteCount)
    }

    /// Writes without waiting, whatever the descriptor's flags say. The corresponding C function is `pwritev2`.
    @unsafe
    public static func write(_ fd: Int32, _ base: UnsafeRawPointer, byteCount: Int) -> Int {
        unsafe cel_write_nowait(fd, base, byteCount)
    }
}
