// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The loop's side of a capture ring.
@safe
public struct CaptureRingWriter: ~Copyable, Sendable {
    private let memory: CaptureRingMemory
    /// Never read back from the memory that the other side can write.
    private var head: UInt64 = 0
    private var seen: UInt64 = 0
    private var lost: UInt64 = 0

    /// - Parameter bytes: zero-filled, page-aligned, for as long as this value lives; nil when too few.
    @unsafe
    public init?(_ bytes: UnsafeMutableRawBufferPointer) {
        guard let memory = unsafe CaptureRingMemory(bytes) else { return nil }
        self.memory = memory
        unsafe memory.base.storeBytes(of: CaptureRingLayout.magic, as: UInt64.self)
        unsafe memory.base.storeBytes(of: UInt64(memory.capacity), toByteOffset: 8, as: UInt64.self)
    }

    /// Appends a frame's first `limit` bytes; without room for them it only counts.
    public mutating func append(_ record: CaptureRecord, _ frame: Span<UInt8>, limit: Int) {
        seen &+= 1
        unsafe memory.seen.pointee.store(seen, ordering: .relaxed)
        let captured = min(frame.count, max(limit, 0))
        let size = (CaptureRingLayout.recordHeaderByteCount + captured + 7) & ~7
        let rest = memory.capacity - Int(head & UInt64(memory.capacity - 1))
        let needed = size <= rest ? size : rest + size
        let used = head &- (unsafe memory.tail.pointee.load(ordering: .acquiring))
        guard used <= UInt64(memory.capacity), needed <= memory.capacity - Int(used) else {
            lost &+= 1
            unsafe memory.lost.pointee.store(lost, ordering: .relaxed)
            return
        }
        if size > rest {
            // Sizes are multiples of 8, so that there is room for these two words.
            let filler = unsafe memory.record(at: head)
            unsafe filler.storeBytes(of: UInt32(rest), as: UInt32.self)
            unsafe filler.storeBytes(of: CaptureRingLayout.filler, toByteOffset: 4, as: UInt32.self)
            head &+= UInt64(rest)
        }
        let start = unsafe memory.record(at: head)
        unsafe start.storeBytes(of: UInt32(size), as: UInt32.self)
        unsafe start.storeBytes(of: UInt32(captured), toByteOffset: 4, as: UInt32.self)
        unsafe start.storeBytes(of: record.time, toByteOffset: 8, as: UInt64.self)
        unsafe start.storeBytes(of: UInt32(truncatingIfNeeded: record.byteCount), toByteOffset: 16, as: UInt32.self)
        unsafe start.storeBytes(of: record.port, toByteOffset: 20, as: UInt16.self)
        unsafe start.storeBytes(of: record.segmentByteCount, toByteOffset: 22, as: UInt16.self)
        let flags: UInt32 = (record.isInbound ? 1 : 0) | (record.needsChecksum ? 2 : 0)
        unsafe start.storeBytes(of: flags, toByteOffset: 24, as: UInt32.self)
        unsafe frame.withUnsafeBytes { bytes in
            guard let source = bytes.baseAddress, captured > 0 else { return }
            unsafe (start + CaptureRingLayout.recordHeaderByteCount).copyMemory(from: source, byteCount: captured)
        }
        head &+= UInt64(size)
        unsafe memory.head.pointee.store(head, ordering: .releasing)
    }

    /// Whether the reader wants to be woken, which it wants once. To be asked after a burst.
    public mutating func takesWakeUp() -> Bool {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        guard unsafe memory.waiting.pointee.load(ordering: .relaxed) != 0 else { return false }
        return unsafe memory.waiting.pointee.exchange(0, ordering: .acquiringAndReleasing) != 0
    }

    /// Nothing more will come.
    public mutating func end() { unsafe memory.ended.pointee.store(1, ordering: .sequentiallyConsistent) }
}
