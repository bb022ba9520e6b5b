// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Synchronization

/// What the sender sends.
struct SendPlan: Sendable {
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
func sendAll(_ descriptor: Int32, _ progress: Progress, _ plan: SendPlan) {
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
func ownDescriptors() { _ = unshare(CLONE_FILES) }

/// Frames to be sent by one call: each differs in its sequence number.
///
/// Invariant: `frames` and `messages` have `capacity` elements; they live as long as the process: there is one sender.
@safe
struct SendBatch {
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

    /// Sends `count` frames, numbered from `first` on, and waits as long as it must for the first of them, unless it shall
    /// not: how many were sent, or a negative error number.
    func send(_ descriptor: Int32, from first: Int, count: Int, waits: Bool = true) -> Int {
        for index in 0..<count { frames[index].setSequence(first + index) }
        let flags = waits ? 0 : Int32(truncatingIfNeeded: MSG_DONTWAIT)
        // What libvdeplug does.
        guard count > 1 else {
            return unsafe Glibc.send(descriptor, frames[0].bytes, size, flags) == size ? 1 : -Int(errno)
        }
        let sent = unsafe sendmmsg(descriptor, messages, UInt32(count), flags)
        return sent > 0 ? Int(sent) : -Int(errno)
    }
}
