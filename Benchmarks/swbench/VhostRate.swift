// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization

/// Frames through a switch between two pretended machines by vhost-user.
enum VhostRate {
    static let names: Set<String> = ["connect", "size", "seconds", "warmup", "batch", "count", "pid", "cpu"]

    /// Sends until told to stop, or so many frames.
    static func runSender(_ machine: VhostMachine, batch: Int, limit: Int, _ progress: Progress) {
        defer { progress.senderDone.store(true, ordering: .releasing) }
        var number = 0
        while number < limit, !progress.stop.load(ordering: .relaxed) {
            _ = machine.takeUsed(1)
            let count = min(batch, VhostMachine.ringSize - machine.pending(1), limit - number)
            guard count > 0 else {
                machine.waitForUsed(1, count: VhostMachine.ringSize / 2, milliseconds: 100)
                continue
            }
            for index in 0..<count {
                let frame = unsafe machine.frame(1, machine.nextTransmit &+ UInt16(index))
                unsafe frame.storeBytes(of: number + index, toByteOffset: 18, as: Int.self)
            }
            machine.offer(1, count: count)
            number += count
            progress.sent.store(number, ordering: .relaxed)
        }
    }

    /// Takes until everything that was sent has come, or nothing comes any more.
    static func runSink(_ machine: VhostMachine, _ progress: Progress) {
        var received = 0
        var expected = 0
        var next: UInt16 = 0
        while true {
            let count = machine.takeUsed(0)
            guard count > 0 else {
                // Nothing for a while after the sender's end: nothing comes any more.
                let isOver = progress.senderDone.load(ordering: .acquiring)
                machine.waitForUsed(0, count: 1, milliseconds: isOver ? 300 : 100)
                if isOver, !machine.hasUsed(0) { return }
                continue
            }
            for _ in 0..<count {
                let frame = unsafe machine.frame(0, next)
                next &+= 1
                guard unsafe frame.loadUnaligned(fromByteOffset: 14, as: UInt32.self) == TestFrame.mark else {
                    continue
                }
                let sequence = unsafe frame.loadUnaligned(fromByteOffset: 18, as: Int.self)
                if sequence != expected {
                    progress.gaps.store(progress.gaps.load(ordering: .relaxed) + 1, ordering: .relaxed)
                }
                expected = sequence + 1
                received += 1
            }
            machine.offer(0, count: count)
            progress.received.store(received, ordering: .relaxed)
        }
    }
}

/// Runs `vhost`.
func measureVhost(_ options: Options) throws -> Report {
    try Processor.pin(try options.count("cpu", in: 0...1023) ?? 0)
    let paths = options.text("connect")?.split(separator: ",").map(String.init) ?? []
    guard paths.count == 2 else { throw Failure("vhost needs --connect PATH,PATH\n\(usage)", status: 64) }
    let size = try options.count("size", in: 64...2000) ?? 64
    let batch = try options.count("batch", in: 1...VhostMachine.ringSize) ?? 64
    let processID = try options.count("pid", in: 1...Int(Int32.max))
    let seconds = try options.number("seconds", in: 0.01...80) ?? 2
    let warmup = try options.number("warmup", in: 0...10) ?? 0.3
    let limit = try options.count("count", in: 1...1_000_000_000)
    let sender = try VhostMachine(paths[0])
    let sink = try VhostMachine(paths[1])
    // The switch learns where the sink is.
    sink.fill(TestFrame.make(from: TestFrame.sinkAddress, to: TestFrame.broadcast, byteCount: 64), byteCount: 64)
    sink.offer(1, count: 1)
    while sink.takeUsed(1) == 0 { sink.waitForUsed(1, count: 1, milliseconds: 100) }
    sender.fill(
        TestFrame.make(from: TestFrame.senderAddress, to: TestFrame.sinkAddress, byteCount: size),
        byteCount: size
    )
    let progress = Progress()
    let sinkThread = try Thread.start(name: "sink") { VhostRate.runSink(sink, progress) }
    let senderThread = try Thread.start(name: "sender") {
        VhostRate.runSender(sender, batch: batch, limit: limit ?? .max, progress)
    }
    func snapshot() -> (time: Int, received: Int, switchTime: Int, own: Int) {
        (
            Clock.now, progress.received.load(ordering: .relaxed),
            processID.flatMap { Clock.processorTime(of: $0) } ?? 0, Clock.ownProcessorTime
        )
    }
    if limit == nil { Clock.sleep(until: Clock.now + Int(warmup * 1e9)) }
    let before = snapshot()
    // With a count it takes as long as it takes.
    if limit == nil { Clock.sleep(until: Clock.now + Int(seconds * 1e9)) }
    var after = snapshot()
    if limit == nil { progress.stop.store(true, ordering: .relaxed) }
    senderThread.join()
    if limit != nil { after = snapshot() }
    sinkThread.join()
    let frames = Double(after.received - before.received)
    let elapsed = Double(after.time - before.time)
    let sent = progress.sent.load(ordering: .relaxed)
    var report = Report()
    report.add("size", size)
    report.add("frames_per_second", frames / elapsed * 1e9)
    report.add("sent", sent)
    report.add(
        "loss",
        sent > 0 ? Double(sent - progress.received.load(ordering: .relaxed)) / Double(sent) : 0,
        digits: 6
    )
    report.add("gaps", progress.gaps.load(ordering: .relaxed))
    report.add("switch_ns_per_frame", Double(after.switchTime - before.switchTime) / frames)
    report.add("generator_ns_per_frame", Double(after.own - before.own) / frames)
    return report
}
