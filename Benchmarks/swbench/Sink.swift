// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Synchronization

/// The sink: receives until the sender has ended and nothing has come for a while.
///
/// It waits in `recv` as any client does, but then takes what else is there in batches: it shares a processor with the
/// sender, and the less the instrument takes the more it can show of a fast switch.
func receiveAll(_ descriptor: Int32, _ progress: Progress, count: Int?) {
    ownDescriptors()
    Link.limit(descriptor, option: SO_RCVTIMEO, milliseconds: 200)
    var tally = SinkTally(limit: count ?? .max)
    let buffer = Buffer(byteCount: TestFrame.maximumByteCount + 1)
    let batch = ReceiveBatch(byteCount: TestFrame.maximumByteCount + 1)
    while !tally.isComplete {
        let result = unsafe recv(descriptor, buffer.bytes, buffer.byteCount, 0)
        if result < 0 {
            let error = errno
            if error == EINTR { continue }
            if error != EAGAIN || progress.senderDone.load(ordering: .acquiring) { break }
            continue
        }
        tally.note(buffer.sequence(count: result))
        var more = ReceiveBatch.capacity
        while more == ReceiveBatch.capacity, !tally.isComplete {
            more = batch.receive(descriptor)
            for index in 0..<max(more, 0) { tally.note(batch.sequence(index)) }
        }
        progress.received.store(tally.received, ordering: .relaxed)
        progress.lastArrival.store(Clock.now, ordering: .relaxed)
    }
    progress.gaps.store(tally.gaps, ordering: .relaxed)
    progress.late.store(tally.late, ordering: .relaxed)
}

/// What the sink knows of the frames so far.
struct SinkTally {
    let limit: Int
    private(set) var received = 0
    private(set) var gaps = 0
    private(set) var late = 0
    private var expected = 0

    init(limit: Int) { self.limit = limit }

    var isComplete: Bool { received == limit }

    /// Counts a frame with this sequence number; nil and negative numbers are not ours.
    @inline(__always)
    mutating func note(_ sequence: Int?) {
        guard let sequence, sequence >= 0 else { return }
        if sequence >= expected {
            gaps += sequence - expected
            expected = sequence + 1
        } else {
            late += 1
        }
        received += 1
    }
}

/// Buffers for several datagrams at once. Only their beginnings are looked at.
///
/// Invariant: `vector` has `capacity` elements; it and the buffers live as long as the process.
@safe
struct ReceiveBatch {
    static let capacity = 32
    private let frames: Buffer
    private let slotByteCount: Int
    private let vector: UnsafeMutablePointer<FrameIO.Part>

    init(byteCount: Int) {
        slotByteCount = byteCount
        frames = Buffer(byteCount: byteCount * Self.capacity)
        unsafe vector = .allocate(capacity: Self.capacity)
    }

    /// Takes what waits, at most `capacity` datagrams: how many, or a negative error number.
    func receive(_ descriptor: Int32) -> Int {
        for index in 0..<Self.capacity {
            unsafe vector[index] = FrameIO.Part(offset: index * slotByteCount, byteCount: slotByteCount)
        }
        var slab = unsafe MutableSpan(
            _unsafeStart: frames.bytes.assumingMemoryBound(to: UInt8.self),
            count: slotByteCount * Self.capacity
        )
        var parts = unsafe MutableSpan(_unsafeStart: vector, count: Self.capacity)
        return FrameIO.receiveBatch(descriptor, into: &slab, &parts, count: Self.capacity)
    }

    func sequence(_ index: Int) -> Int? {
        frames.sequence(count: unsafe Int(vector[index].byteCount), at: index * slotByteCount)
    }
}
