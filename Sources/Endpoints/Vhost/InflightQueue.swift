// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// What is being worked on in one ring, noted in memory that the monitor keeps while our process is away: "Inflight I/O
/// tracking" of the vhost-user specification, split virtqueues.
///
///     0   features (8)            one entry for each descriptor, 16 bytes:
///     8   version (2)             0  inflight (1), padding (5)
///     10  entries (2)             6  next of the last batch (2)
///     12  head of last batch (2)  8  counter (8)
///     14  used index (2)
///
/// Our chains are finished in the order in which they were taken, so that after a restart the ring is simply taken up at
/// its used index; the notes are kept for a successor that needs them.
struct InflightQueue: ~Copyable {
    private var memory = GuestMemory()
    private var size = 0
    private var counter: UInt64 = 0
    private var pending: UInt16 = 0
    private var lastBatch: UInt16 = 0
    private(set) var isOn = false

    /// Bytes that a queue of this size takes, a multiple of a cache line.
    static func byteCount(queueSize: Int) -> Int { (16 + 16 * queueSize + 63) & ~63 }

    init() {}

    /// Uses the part of one queue.
    init(_ memory: consuming GuestMemory, queueSize: Int) {
        self.memory = memory
        size = queueSize
        isOn = true
    }

    private func header() -> GuestMemory.Range? { memory.locate(guest: 0, byteCount: 16) }

    private func entry(_ head: UInt16) -> GuestMemory.Range? {
        guard Int(head) < size else { return nil }
        return memory.locate(guest: 16 + 16 * UInt64(head), byteCount: 16)
    }

    /// Puts the notes of a predecessor in order, or begins new ones.
    mutating func recover(usedIndex: UInt16) {
        guard isOn, let header = header() else { return }
        if memory.load16(header, at: 8) == 0 {
            memory.store16(header, at: 8, 1)
            memory.store16(header, at: 10, UInt16(truncatingIfNeeded: size))
            memory.store16(header, at: 14, usedIndex)
        }
        // The last batch reached the used ring, but was not struck off the list.
        var head = memory.load16(header, at: 12)
        var count = usedIndex &- memory.load16(header, at: 14)
        guard Int(count) <= size else {
            memory.store16(header, at: 14, usedIndex)
            return
        }
        while count > 0, let entry = entry(head) {
            memory.store16(entry, at: 0, 0)
            head = memory.load16(entry, at: 6)
            count -= 1
        }
        memory.store16(header, at: 14, usedIndex)
        lastBatch = memory.load16(header, at: 12)
    }

    /// A chain was taken from the available ring.
    mutating func take(_ head: UInt16) {
        guard let entry = entry(head) else { return }
        memory.store32(entry, at: 8, UInt32(truncatingIfNeeded: counter))
        memory.store32(entry, at: 12, UInt32(truncatingIfNeeded: counter >> 32))
        counter &+= 1
        memory.store16(entry, at: 0, 1)
    }

    /// A chain was put into the used ring.
    mutating func give(back head: UInt16) {
        guard let header = header(), let entry = entry(head) else { return }
        memory.store16(entry, at: 6, lastBatch)
        memory.store16(header, at: 12, head)
        lastBatch = head
        pending &+= 1
    }

    /// The used index was shown to the driver: the batch is done.
    mutating func publish(usedIndex: UInt16) {
        guard let header = header() else { return }
        var head = lastBatch
        while pending > 0, let entry = entry(head) {
            memory.store16(entry, at: 0, 0)
            head = memory.load16(entry, at: 6)
            pending -= 1
        }
        pending = 0
        memory.store16(header, at: 14, usedIndex)
    }
}
