// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// Data that guests sent and host sockets did not take yet: queues of chunks, linked by index, in the state memory.
///
/// What is acknowledged must never be lost, so it waits here. The window offered to the guest shrinks by what waits.
///
///     queue (in the flow):  head chunk ──next──▶ chunk ──next──▶ tail chunk
///     chunk:                | next, start, end | bytes … |
///
/// Invariant: `base` covers `chunkCount` chunks for the gateway's life; indices and offsets are checked.
@safe
struct SpillArena: ~Copyable {
    /// Bytes of one chunk with its header: half of a super-frame, so that a short remainder wastes little.
    static var chunkByteCount: Int { 32 * 1024 }
    private static var headerByteCount: Int { 16 }
    static var chunkCapacity: Int { chunkByteCount - headerByteCount }

    private struct Header: BitwiseCopyable {
        /// Next chunk of the queue, or of the free ones; one more than its index.
        var next: UInt32
        /// Bytes from `start` to `end` wait.
        var start: UInt32
        var end: UInt32
        var reserved: UInt32
    }

    /// A flow's queue. All zero is an empty one.
    struct Queue: BitwiseCopyable {
        var head: UInt32
        var tail: UInt32
        var byteCount: UInt32
    }

    private let base: UnsafeMutableRawPointer
    private let chunkCount: Int
    private var freeHead: UInt32 = 0
    private var neverUsed = 0
    private(set) var usedCount = 0

    static func byteCount(_ chunkCount: Int) -> Int {
        StateMemory.sectionByteCount(recordByteCount: chunkByteCount, count: chunkCount)
    }

    init(in state: inout StateMemory, chunkCount: Int) {
        self.chunkCount = chunkCount
        unsafe base = state.addSection(.spill, recordByteCount: Self.chunkByteCount, count: chunkCount)
    }

    /// Bytes that surely fit now.
    var freeByteCount: Int { (chunkCount &- usedCount) &* Self.chunkCapacity }

    private func header(_ link: UInt32) -> UnsafeMutablePointer<Header> {
        precondition(link > 0 && Int(link) <= chunkCount)
        return unsafe (base + (Int(link) - 1) * Self.chunkByteCount).assumingMemoryBound(to: Header.self)
    }

    private func isFull(_ link: UInt32) -> Bool {
        let end = unsafe header(link).pointee.end
        return Int(end) >= Self.chunkCapacity
    }

    private mutating func take() -> UInt32? {
        let link: UInt32
        if freeHead != 0 {
            link = freeHead
            freeHead = unsafe header(link).pointee.next
        } else {
            guard neverUsed < chunkCount else { return nil }
            neverUsed &+= 1
            link = UInt32(truncatingIfNeeded: neverUsed)
        }
        unsafe header(link).pointee = Header(next: 0, start: 0, end: 0, reserved: 0)
        usedCount &+= 1
        return link
    }

    private mutating func give(_ link: UInt32) {
        unsafe header(link).pointee.next = freeHead
        freeHead = link
        usedCount &-= 1
    }

    /// Appends as much of `bytes` as there is room for: how much that was.
    mutating func append(_ bytes: Span<UInt8>, to queue: inout Queue) -> Int {
        var done = 0
        while done < bytes.count {
            if queue.tail == 0 || isFull(queue.tail) {
                guard let link = take() else { break }
                if queue.tail == 0 { queue.head = link } else { unsafe header(queue.tail).pointee.next = link }
                queue.tail = link
            }
            let tail = unsafe header(queue.tail)
            let end = unsafe Int(tail.pointee.end)
            precondition(end <= Self.chunkCapacity)
            let size = min(bytes.count &- done, Self.chunkCapacity &- end)
            let start = unsafe (UnsafeMutableRawPointer(tail) + Self.headerByteCount + end)
                .assumingMemoryBound(to: UInt8.self)
            var target = unsafe MutableSpan(_unsafeStart: start, count: size)
            target.store(bytes, done..<(done &+ size), at: 0)
            unsafe tail.pointee.end = UInt32(truncatingIfNeeded: end &+ size)
            done &+= size
        }
        queue.byteCount &+= UInt32(truncatingIfNeeded: done)
        return done
    }

    /// The oldest waiting bytes that lie together; empty when none wait.
    @_lifetime(borrow self)
    func front(_ queue: Queue) -> Span<UInt8> {
        guard queue.head != 0 else { return Span() }
        let chunk = unsafe header(queue.head)
        let first = unsafe Int(chunk.pointee.start)
        let end = unsafe Int(chunk.pointee.end)
        precondition(first <= end && end <= Self.chunkCapacity)
        let start = unsafe UnsafeRawPointer(chunk) + Self.headerByteCount + first
        let span = unsafe Span(_unsafeStart: start.assumingMemoryBound(to: UInt8.self), count: end - first)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Removes bytes that `front` showed.
    mutating func removeFirst(_ byteCount: Int, from queue: inout Queue) {
        guard queue.head != 0 else { return }
        let chunk = unsafe header(queue.head)
        let size = unsafe min(byteCount, Int(chunk.pointee.end) - Int(chunk.pointee.start))
        unsafe chunk.pointee.start &+= UInt32(truncatingIfNeeded: size)
        queue.byteCount &-= UInt32(truncatingIfNeeded: size)
        guard unsafe chunk.pointee.start == chunk.pointee.end else { return }
        let next = unsafe chunk.pointee.next
        give(queue.head)
        queue.head = next
        if next == 0 { queue.tail = 0 }
    }

    /// Throws all waiting bytes away.
    mutating func removeAll(from queue: inout Queue) {
        while queue.head != 0 {
            let next = unsafe header(queue.head).pointee.next
            give(queue.head)
            queue.head = next
        }
        queue = Queue(head: 0, tail: 0, byteCount: 0)
    }
}
