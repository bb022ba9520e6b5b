// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The other side of a capture ring: takes the frames out, in their order.
@safe
public struct CaptureRingReader: ~Copyable, Sendable {
    private let memory: CaptureRingMemory
    private var tail: UInt64 = 0

    /// - Parameter bytes: as the writer's, for as long as this value lives; nil when this is no ring.
    @unsafe
    public init?(_ bytes: UnsafeMutableRawBufferPointer) {
        guard let memory = unsafe CaptureRingMemory(bytes),
            unsafe memory.base.load(as: UInt64.self) == CaptureRingLayout.magic,
            unsafe memory.base.load(fromByteOffset: 8, as: UInt64.self) == UInt64(memory.capacity)
        else { return nil }
        self.memory = memory
    }

    /// Frames that passed the filter, and those of them for which there was no room.
    public var seenCount: UInt64 { unsafe memory.seen.pointee.load(ordering: .relaxed) }
    public var lostCount: UInt64 { unsafe memory.lost.pointee.load(ordering: .relaxed) }
    /// The writer is gone; what waits can still be read.
    public var hasEnded: Bool { unsafe memory.ended.pointee.load(ordering: .sequentiallyConsistent) != 0 }

    /// Hands over the next frame; false when none waits. What makes no sense ends the reading for good.
    public mutating func next(_ body: (CaptureRecord, Span<UInt8>) -> Void) -> Bool {
        let header = CaptureRingLayout.recordHeaderByteCount
        while true {
            let head = unsafe memory.head.pointee.load(ordering: .acquiring)
            let waiting = head &- tail
            guard waiting > 0, waiting <= UInt64(memory.capacity) else { return false }
            let start = unsafe memory.record(at: tail)
            let rest = memory.capacity - Int(tail & UInt64(memory.capacity - 1))
            let size = Int(unsafe start.load(as: UInt32.self))
            let captured = unsafe start.load(fromByteOffset: 4, as: UInt32.self)
            guard size >= 8, size % 8 == 0, size <= rest, UInt64(size) <= waiting else { return false }
            if captured == CaptureRingLayout.filler {
                tail &+= UInt64(size)
                unsafe memory.tail.pointee.store(tail, ordering: .releasing)
                continue
            }
            guard Int(captured) <= size - header else { return false }
            let flags = unsafe start.load(fromByteOffset: 24, as: UInt32.self)
            let record = unsafe CaptureRecord(
                time: start.load(fromByteOffset: 8, as: UInt64.self),
                port: start.load(fromByteOffset: 20, as: UInt16.self),
                isInbound: flags & 1 != 0,
                segmentByteCount: start.load(fromByteOffset: 22, as: UInt16.self),
                needsChecksum: flags & 2 != 0,
                byteCount: Int(start.load(fromByteOffset: 16, as: UInt32.self))
            )
            let bytes = unsafe UnsafeRawBufferPointer(start: start + header, count: Int(captured))
            body(record, unsafe bytes.assumingMemoryBound(to: UInt8.self).span)
            tail &+= UInt64(size)
            unsafe memory.tail.pointee.store(tail, ordering: .releasing)
            return true
        }
    }

    /// Asks to be woken when something comes. True: something is there already, and there will be no wake-up for it.
    public mutating func prepareToWait() -> Bool {
        unsafe memory.waiting.pointee.store(1, ordering: .sequentiallyConsistent)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return unsafe memory.head.pointee.load(ordering: .acquiring) != tail || hasEnded
    }
}
