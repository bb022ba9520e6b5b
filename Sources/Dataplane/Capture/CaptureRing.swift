// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Captured frames on their way from the loop to whoever writes them down: a ring in memory that both map, often two
/// processes. One side writes, the other reads; neither ever waits for the other in here.
///
/// # Layout
///
///     0     magic, size of the data            constant
///     64    head: bytes ever written           the loop's
///     128   tail: bytes ever read              the reader's
///     192   the reader waits to be woken       both
///     256   frames seen, frames not kept for want of room, end   the loop's
///     4096  records, each 32 bytes and the frame's, rounded up to 8
///
/// A record never wraps: what remains before the end is filled by an empty one. The reader may be another program: whatever
/// it writes into its tail, the loop writes within the data only, and at worst counts a frame as not kept.
enum CaptureRingLayout {
    static var magic: UInt64 { 0x454c_4341_5054_3031 }
    static var headOffset: Int { 64 }
    static var tailOffset: Int { 128 }
    static var waitingOffset: Int { 192 }
    static var seenOffset: Int { 256 }
    static var lostOffset: Int { 264 }
    static var endedOffset: Int { 272 }
    static var dataOffset: Int { 4096 }
    static var recordHeaderByteCount: Int { 32 }
    /// Captured size of a record that only fills the rest of the ring.
    static var filler: UInt32 { .max }
}

/// What is known of a captured frame besides its bytes.
@frozen
public struct CaptureRecord: Sendable, Equatable {
    /// When it was seen: nanoseconds of the monotonic clock.
    public var time: UInt64
    /// The switch's port.
    public var port: UInt16
    /// Into the switch, or out of it.
    public var isInbound: Bool
    /// It stands for several frames on a real wire: the size of their payloads, 0 for an ordinary frame.
    public var segmentByteCount: UInt16
    /// Its checksum was still to be summed.
    public var needsChecksum: Bool
    /// The frame's own size; the captured bytes may be fewer.
    public var byteCount: Int

    public init(
        time: UInt64,
        port: UInt16,
        isInbound: Bool,
        segmentByteCount: UInt16 = 0,
        needsChecksum: Bool = false,
        byteCount: Int
    ) {
        self.time = time
        self.port = port
        self.isInbound = isInbound
        self.segmentByteCount = segmentByteCount
        self.needsChecksum = needsChecksum
        self.byteCount = byteCount
    }
}

/// The memory of a ring, mapped by either side.
///
/// Invariant: `base` covers `CaptureRingLayout.dataOffset + capacity` bytes for as long as this value is used, which whoever
/// mapped them sees to. Nobody can cut the file (its size is sealed).
@safe
struct CaptureRingMemory: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    /// Bytes of the records' part, a power of two.
    let capacity: Int

    init?(_ bytes: UnsafeMutableRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count >= CaptureRingLayout.dataOffset + 4096 else { return nil }
        unsafe self.base = base
        var capacity = 4096
        while capacity * 2 <= bytes.count - CaptureRingLayout.dataOffset { capacity *= 2 }
        self.capacity = capacity
    }

    var head: UnsafeMutablePointer<Atomic<UInt64>> { unsafe word(CaptureRingLayout.headOffset) }
    var tail: UnsafeMutablePointer<Atomic<UInt64>> { unsafe word(CaptureRingLayout.tailOffset) }
    var waiting: UnsafeMutablePointer<Atomic<UInt64>> { unsafe word(CaptureRingLayout.waitingOffset) }
    var seen: UnsafeMutablePointer<Atomic<UInt64>> { unsafe word(CaptureRingLayout.seenOffset) }
    var lost: UnsafeMutablePointer<Atomic<UInt64>> { unsafe word(CaptureRingLayout.lostOffset) }
    var ended: UnsafeMutablePointer<Atomic<UInt64>> { unsafe word(CaptureRingLayout.endedOffset) }

    private func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// The place of a byte number in the ring.
    func record(at position: UInt64) -> UnsafeMutableRawPointer {
        unsafe base + CaptureRingLayout.dataOffset + Int(position & UInt64(capacity - 1))
    }
}
