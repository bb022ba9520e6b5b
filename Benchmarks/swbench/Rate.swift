// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Synchronization

/// What sender, sink and the measuring thread tell each other.
final class Progress: Sendable {
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
    /// `recv`, each a thread; or one thread that does both in turn.
    func measureRate() throws -> Report {
        let progress = Progress()
        let (link, count, plan) = (link, count, SendPlan(self))
        let start = Clock.now
        let sink: Thread.Handle?
        let sender: Thread.Handle
        if alternates {
            sink = nil
            sender = try startThread("alternating") { alternate(link, progress, plan) }
        } else {
            sink = try startThread("sink") { receiveAll(link.sink, progress, count: count) }
            sender = try startThread("sender") { sendAll(link.sender, progress, plan) }
        }

        if count == nil { Clock.sleep(until: Clock.now + Int(warmup * 1e9)) }
        let before = try Snapshot(progress, self)
        var after = before
        if count == nil {
            Clock.sleep(until: Clock.now + Int(seconds * 1e9))
            after = try Snapshot(progress, self)
            progress.stop.store(true, ordering: .relaxed)
        }
        sender.join()
        sink?.join()
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
