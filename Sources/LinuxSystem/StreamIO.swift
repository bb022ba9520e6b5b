// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// System calls for messages on a byte stream: spans in, a count or `-errno` out; none of them waits, allocates or throws.
public enum StreamIO {
    /// Most messages of one call.
    public static var batchLimit: Int { 64 }

    /// Sends the first `count` parts of a slab, each behind its length in `prefix` bytes (2 or 4), big-endian, in one
    /// system call: how many bytes went, lengths included. The corresponding C functions are `sendmsg` and `writev`.
    public static func send(
        _ fd: Int32,
        isSocket: Bool,
        from slab: Span<UInt8>,
        _ parts: Span<FrameIO.Part>,
        count: Int,
        prefix: Int
    ) -> Int {
        let count = min(count, parts.count, batchLimit)
        for index in 0..<count {
            let part = parts[index]
            // The invariant of the call: the kernel is given addresses within the slab only.
            precondition(
                part.offset <= UInt64(slab.count) && part.byteCount <= UInt64(slab.count) - part.offset
            )
        }
        return unsafe slab.withUnsafeBufferPointer { bytes in
            unsafe parts.withUnsafeBufferPointer { parts in
                let raw = unsafe UnsafeRawPointer(parts.baseAddress!).assumingMemoryBound(to: cel_part.self)
                return unsafe cel_stream_send(
                    fd,
                    isSocket ? 1 : 0,
                    bytes.baseAddress!,
                    raw,
                    Int32(truncatingIfNeeded: count),
                    Int32(truncatingIfNeeded: prefix)
                )
            }
        }
    }

    /// Sends bytes as they are: how many went.
    public static func send(_ fd: Int32, isSocket: Bool, _ bytes: Span<UInt8>) -> Int {
        unsafe bytes.withUnsafeBufferPointer {
            unsafe cel_stream_write(fd, isSocket ? 1 : 0, $0.baseAddress, $0.count)
        }
    }

    /// Receives what is there: 0 at the stream's end.
    public static func receive(_ fd: Int32, isSocket: Bool, into bytes: inout MutableSpan<UInt8>) -> Int {
        unsafe bytes.withUnsafeMutableBufferPointer {
            unsafe cel_stream_read(fd, isSocket ? 1 : 0, $0.baseAddress, $0.count)
        }
    }
}

/// Bytes on the heap with one owner, of fixed capacity, for what a stream has delivered or has not taken yet.
///
/// Invariant: `base` owns `capacity` initialised bytes for the value's life; every range is checked against it.
@safe
public struct ByteBuffer: ~Copyable, @unchecked Sendable {
    public let capacity: Int
    private let base: UnsafeMutablePointer<UInt8>

    /// A buffer of zeros. Its pages take memory when they are first touched.
    public init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        unsafe base = calloc(capacity, 1).assumingMemoryBound(to: UInt8.self)
    }

    deinit { unsafe free(base) }

    /// A part of it.
    @_lifetime(borrow self)
    public func bytes(_ start: Int, _ count: Int) -> Span<UInt8> {
        precondition(start >= 0 && count >= 0 && start <= capacity - count)
        let span = unsafe Span(_unsafeStart: base + start, count: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// A part of it for writing.
    @_lifetime(&self)
    public mutating func mutableBytes(_ start: Int, _ count: Int) -> MutableSpan<UInt8> {
        precondition(start >= 0 && count >= 0 && start <= capacity - count)
        let span = unsafe MutableSpan(_unsafeStart: base + start, count: count)
        return unsafe _overrideLifetime(span, mutating: &self)
    }

    public subscript(index: Int) -> UInt8 {
        get {
            precondition(index >= 0 && index < capacity)
            return unsafe base[index]
        }
        set {
            precondition(index >= 0 && index < capacity)
            unsafe base[index] = newValue
        }
    }

    /// Moves bytes to the buffer's beginning.
    public mutating func moveToFront(_ start: Int, _ count: Int) {
        precondition(start >= 0 && count >= 0 && start <= capacity - count)
        unsafe base.update(from: base + start, count: count)
    }

    /// Copies bytes in.
    public mutating func write(_ bytes: Span<UInt8>, at start: Int) {
        precondition(start >= 0 && start <= capacity - bytes.count)
        unsafe bytes.withUnsafeBufferPointer { source in
            if let first = source.baseAddress { unsafe (base + start).update(from: first, count: source.count) }
        }
    }
}
