// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Synchronization

/// Sender and sink in one thread: sends what the switch takes, receives what has come, in turn, and waits only when neither
/// is possible.
///
/// As two threads of one processor they depend on when the scheduler lets each of them run: it lets one go on for a
/// millisecond and more, until one queue is full and another empty, and both processors stand still for a part of the time.
func alternate(_ link: Link, _ progress: Progress, _ plan: SendPlan) {
    ownDescriptors()
    let outgoing = SendBatch(plan)
    let incoming = ReceiveBatch(byteCount: TestFrame.maximumByteCount + 1)
    var tally = SinkTally(limit: plan.count)
    var number = 0
    // The last frame was sent, and nothing has come for a while.
    var isOver = false
    while !tally.isComplete, !isOver {
        let isSending = number < plan.count && !progress.stop.load(ordering: .relaxed)
        var sent = 0
        if isSending {
            let count = min(plan.batch, plan.count - number)
            let result = outgoing.send(link.sender, from: number, count: count, waits: false)
            guard result >= 0 || [EAGAIN, EINTR, ENOBUFS].contains(Int32(-result)) else {
                progress.error.store(Int32(-result), ordering: .relaxed)
                break
            }
            sent = max(result, 0)
            number += sent
            progress.sent.store(number, ordering: .relaxed)
        }
        let received = incoming.receive(link.sink)
        for index in 0..<max(received, 0) { tally.note(incoming.sequence(index)) }
        if received > 0 {
            progress.received.store(tally.received, ordering: .relaxed)
            progress.lastArrival.store(Clock.now, ordering: .relaxed)
        } else if sent == 0 {
            isOver = wait(link, forRoom: isSending) == 0 && !isSending
        }
    }
    progress.gaps.store(tally.gaps, ordering: .relaxed)
    progress.late.store(tally.late, ordering: .relaxed)
}

/// Waits a while until something has come, or until the switch takes another frame: how many of both.
private func wait(_ link: Link, forRoom: Bool) -> Int32 {
    var polled = [pollfd(fd: link.sink, events: Int16(POLLIN), revents: 0)]
    if forRoom { polled.append(pollfd(fd: link.sender, events: Int16(POLLOUT), revents: 0)) }
    return unsafe poll(&polled, nfds_t(polled.count), 200)
}
