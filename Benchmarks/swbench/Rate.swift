// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Synchronization

/// What sender, sink and the measuring thread tell each other.
private final class Progress: Sendable {
    let sent = Atomic(0)
    let received = Atomic(0)
    /// Sequence numbers that were skipped, and frames that came later than a higher number or twice.
    let gaps = Atomic(0)
    let late = Atomic(0)
    /// When the last frame arrived that was counted.
    let lastArrival = Atomic(0)
    let stop = Atomic(false)
    let senderDone = Atomic(false)
    /// Error number that ended the sender early.
    let error = Atomic<Int32>(0)
}

extension Generator {
    /// One direction, as fast as the switch takes the frames: a sender that waits in `send` and a sink that waits in
    /// `recv`, each a thread.
    func measureRate() throws -> Report {
        let progress = Progress()
        let (link, count, plan) = (link, count, SendPlan(self))
        let start = Clock.now
        let sink = try startThread("sink") { receiveAll(link.sink, progress, count: count) }
        let sender = try startThread("sender") { sendAll(link.sender, progress, plan) }

        if count == nil { Clock.sleep(until: Clock.now + Int(warmup * 1e9)) }
        let before = try Snapshot(progress, self)
        var after = before
        if count == nil {
            Clock.sleep(until: Clock.now + Int(seconds * 1e9))
            after = try Snapshot(progress, self)
            progress.stop.store(true, ordering: .relaxed)
        }
        sender.join()
        sink.join()
        if count != nil {
            after = try Snapshot(progress, self)
            after.time = max(progress.lastArrival.load(ordering: .relaxed), start + 1)
        }
        let error = progress.error.load(ordering: .relaxed)
        guard error == 0 else { throw Failure.systemCall("send", Errno(rawValue: error)) }
        return report(progress, from: before, to: after)
    }

    private func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) throws -> Thread.Handle {
        do {
            return try Thread.start(name: name, body)
        } catch {
            throw Failure.systemCall("pthread_create", error)
        }
    }

    private func report(_ progress: Progress, from before: Snapshot, to after: Snapshot) -> Report {
        let frames = after.received - before.received
        let elapsed = Double(after.time - before.time)
        let sent = progress.sent.load(ordering: .relaxed)
        let received = progress.received.load(ordering: .relaxed)
        var report = Report()
        describe(&report)
        report.add("frames", frames)
        report.add("seconds", elapsed / 1e9, digits: 3)
        report.add("frames_per_second", Double(frames) / elapsed * 1e9)
        report.add("sent", sent)
        report.add("received", received)
        report.add("loss", sent > 0 ? Double(sent - received) / Double(sent) : 0, digits: 6)
        report.add("gaps", progress.gaps.load(ordering: .relaxed))
        report.add("late", progress.late.load(ordering: .relaxed))
        if processID != nil {
            let time = Double(after.switchTime - before.switchTime)
            report.add("switch_ns_per_frame", time / Double(frames))
            report.add("switch_load", time / elapsed, digits: 3)
        }
        report.add("generator_ns_per_frame", Double(after.ownTime - before.ownTime) / Double(frames))
        return report
    }
}

/// Counters and clocks at one moment.
private struct Snapshot {
    var time: Int
    var received: Int
    var switchTime: Int
    var ownTime: Int

    init(_ progress: Progress, _ generator: Generator) throws {
        received = progress.received.load(ordering: .relaxed)
        time = Clock.now
        switchTime = try generator.switchTime()
        ownTime = Clock.ownProcessorTime
    }
}

/// What the sender sends.
private struct SendPlan: Sendable {
    let size: Int
    let count: Int
    let rate: Double?
    let batch: Int

    init(_ generator: Generator) {
        size = generator.size
        count = generator.count ?? .max
        rate = generator.rate
        batch = generator.batch
    }
}

/// The sender: sends until told to stop, or `count` frames, at `rate` frames a second if one is given, waiting in the call
/// when the switch is behind.
private func sendAll(_ descriptor: Int32, _ progress: Progress, _ plan: SendPlan) {
    ownDescriptors()
    let batch = SendBatch(plan)
    defer { progress.senderDone.store(true, ordering: .releasing) }
    let start = Clock.now
    var number = 0
    while number < plan.count, !progress.stop.load(ordering: .relaxed) {
        // With a rate, what one millisecond allows goes out at once: nobody can sleep for single microseconds.
        var due = plan.count
        if let rate = plan.rate {
            Clock.sleep(until: start + (Clock.now - start) / 1_000_000 * 1_000_000 + 1_000_000)
            due = min(due, Int(Double(Clock.now - start) / 1e9 * rate))
        }
        while number < due, !progress.stop.load(ordering: .relaxed) {
            let result = batch.send(descriptor, from: number, count: min(plan.batch, due - number))
            if result < 0 {
                if result == -Int(EINTR) || result == -Int(ENOBUFS) { continue }
                progress.error.store(Int32(-result), ordering: .relaxed)
                return
            }
            number += result
            progress.sent.store(number, ordering: .relaxed)
        }
    }
}

/// Gives the calling thread a descriptor table of its own, as a process has: the kernel then spares itself the counting of
/// references that a shared table needs at every call.
private func ownDescriptors() { _ = unshare(CLONE_FILES) }

/// Frames to be sent by one call: each differs in its sequence number.
///
/// Invariant: `frames` and `messages` have `capacity` elements; they live as long as the process: there is one sender.
@safe
private struct SendBatch {
    private let capacity: Int
    private let size: Int
    private let frames: [Buffer]
    private let messages: UnsafeMutablePointer<mmsghdr>

    init(_ plan: SendPlan) {
        capacity = plan.batch
        size = plan.size
        frames = (0..<plan.batch).map { _ in
            TestFrame.make(from: TestFrame.senderAddress, to: TestFrame.sinkAddress, byteCount: plan.size)
        }
        unsafe messages = .allocate(capacity: capacity)
        let vectors = UnsafeMutablePointer<iovec>.allocate(capacity: capacity)
        for index in 0..<capacity {
            unsafe vectors[index] = iovec(iov_base: frames[index].bytes, iov_len: size)
            unsafe messages[index] = mmsghdr()
            unsafe messages[index].msg_hdr.msg_iov = vectors + index
            unsafe messages[index].msg_hdr.msg_iovlen = 1
        }
    }

    /// Sends `count` frames, numbered from `first` on, and waits as long as it must for the first of them: how many were
    /// sent, or a negative error number.
    func send(_ descriptor: Int32, from first: Int, count: Int) -> Int {
        for index in 0..<count { frames[index].setSequence(first + index) }
        // What libvdeplug does.
        guard count > 1 else {
            return unsafe Glibc.send(descriptor, frames[0].bytes, size, 0) == size ? 1 : -Int(errno)
        }
        let sent = unsafe sendmmsg(descriptor, messages, UInt32(count), 0)
        return sent > 0 ? Int(sent) : -Int(errno)
    }
}

/// The sink: receives until the sender has ended and nothing has come for a while.
///
/// It waits in `recv` as any client does, but then takes what else is there in batches: it shares a processor with the
/// sender, and the less the instrument takes the more it can show of a fast switch.
private func receiveAll(_ descriptor: Int32, _ progress: Progress, count: Int?) {
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
private struct SinkTally {
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
private struct ReceiveBatch {
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
