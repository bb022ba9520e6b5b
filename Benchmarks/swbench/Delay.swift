// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import Synchronization

/// How late frames are that a wire delays: each carries the time at which it was sent.
///
///     sender ── every 200 us, what the rate allows ──▶ wire ──▶ sink: now - sent - delay
@safe
struct DelayProbe {
    static let names: Set<String> = ["connect", "sock", "size", "rate", "delay", "seconds", "warmup", "pid", "cpu"]
    /// Where in a frame its time stands, behind the sequence number.
    private static let timeOffset = 26
    private static let period = 200_000

    private let sender: Int32
    private let sink: Int32
    private let size: Int
    private let rate: Double

    /// Between two sockets that take a frame a message (`connect`), or between ports of two VDE switches (`sock`).
    init(_ options: Options) throws {
        func two(_ name: String) throws -> [String]? {
            guard let paths = options.text(name)?.split(separator: ",").map(String.init) else { return nil }
            guard paths.count == 2 else { throw Failure("--\(name) wants two paths\n\(usage)", status: 64) }
            return paths
        }
        if let paths = try two("connect") {
            (sender, sink) = (try Self.connect(paths[0]), try Self.connect(paths[1]))
        } else if let paths = try two("sock") {
            sender = try VDEClient.attach(paths[0], description: "swbench sender").data
            sink = try VDEClient.attach(paths[1], description: "swbench sink").data
        } else {
            throw Failure("delay needs --connect or --sock\n\(usage)", status: 64)
        }
        size = try options.count("size", in: 64...9000) ?? 64
        rate = try options.number("rate", in: 1...1_000_000) ?? 50_000
    }

    private static func connect(_ path: String) throws -> Int32 {
        guard let address = UnixSocketAddress(path: path) else { throw Failure("\(path): the path is too long") }
        let descriptor = socket(AF_UNIX, Int32(bitPattern: SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let status = unsafe cel_connect(descriptor, address.bytes, UInt32(address.bytes.count))
        guard status == 0 else { throw Failure.systemCall("connect(\(path))", Errno(rawValue: -status)) }
        return descriptor
    }

    /// Sends until told to stop. A frame's time is read just before it is given to the kernel.
    func runSender(_ progress: Progress) {
        ownDescriptors()
        defer { progress.senderDone.store(true, ordering: .releasing) }
        let frame = TestFrame.make(from: TestFrame.senderAddress, to: TestFrame.sinkAddress, byteCount: size)
        let start = Clock.now
        var number = 0
        while !progress.stop.load(ordering: .relaxed) {
            Clock.sleep(until: start + ((Clock.now - start) / Self.period + 1) * Self.period)
            let due = Int(Double(Clock.now - start) / 1e9 * rate)
            while number < due {
                frame.setSequence(number)
                frame.store(Clock.now, at: Self.timeOffset)
                guard unsafe send(sender, frame.bytes, size, Int32(MSG_NOSIGNAL)) == size else {
                    if errno == EINTR || errno == ENOBUFS { continue }
                    progress.error.store(errno, ordering: .relaxed)
                    return
                }
                number += 1
                progress.sent.store(number, ordering: .relaxed)
            }
        }
    }

    /// Receives until nothing comes any more: how long each frame that was sent after `begin` was under way, in nanoseconds.
    func runSink(_ progress: Progress, from begin: Int, limit: Int) -> [Int] {
        ownDescriptors()
        Link.limit(sink, option: SO_RCVTIMEO, milliseconds: 400)
        let buffer = Buffer(byteCount: TestFrame.maximumByteCount + 1)
        var times: [Int] = []
        times.reserveCapacity(limit)
        var received = 0
        while true {
            let result = unsafe recv(sink, buffer.bytes, buffer.byteCount, 0)
            let now = Clock.now
            if result <= 0 {
                if result < 0, errno == EINTR { continue }
                if result < 0, errno == EAGAIN, !progress.senderDone.load(ordering: .acquiring) { continue }
                return times
            }
            guard result >= Self.timeOffset + 8, buffer.sequence(count: result) != nil else { continue }
            received += 1
            progress.received.store(received, ordering: .relaxed)
            let sent = unsafe buffer.bytes.loadUnaligned(fromByteOffset: Self.timeOffset, as: Int.self)
            if sent >= begin, times.count < limit { times.append(now - sent) }
        }
    }
}

/// Runs `delay`.
func measureDelay(_ options: Options) throws -> Report {
    try Processor.pin(try options.count("cpu", in: 0...1023) ?? 0)
    let probe = try DelayProbe(options)
    let delay = try options.number("delay", in: 0...10_000) ?? 0
    let processID = try options.count("pid", in: 1...Int(Int32.max))
    let seconds = try options.number("seconds", in: 0.01...80) ?? 2
    let warmup = try options.number("warmup", in: 0...10) ?? 0.3
    let rate = try options.number("rate", in: 1...1_000_000) ?? 50_000
    let progress = Progress()
    let begin = Clock.now + Int(warmup * 1e9)
    let samples = Samples()
    let sink = try Thread.start(name: "sink") {
        samples.store(probe.runSink(progress, from: begin, limit: Int((seconds + 1) * rate)))
    }
    let sender = try Thread.start(name: "sender") { probe.runSender(progress) }
    Clock.sleep(until: begin)
    let (sentBefore, timeBefore) = (progress.sent.load(ordering: .relaxed), Clock.now)
    let loadBefore = processID.flatMap { Clock.processorTime(of: $0) } ?? 0
    Clock.sleep(until: begin + Int(seconds * 1e9))
    let (sentAfter, timeAfter) = (progress.sent.load(ordering: .relaxed), Clock.now)
    let loadAfter = processID.flatMap { Clock.processorTime(of: $0) } ?? 0
    progress.stop.store(true, ordering: .relaxed)
    sender.join()
    // Its descriptor stays open: what waits in the wire still comes.
    sink.join()
    let error = progress.error.load(ordering: .relaxed)
    guard error == 0 else { throw Failure.systemCall("send", Errno(rawValue: error)) }

    // How far from what was set, in either direction.
    let errors = samples.take().map { abs(Double($0) / 1e6 - delay) }.sorted()
    func percentile(_ part: Double) -> Double {
        errors.isEmpty ? .nan : errors[min(errors.count - 1, Int(Double(errors.count) * part))]
    }
    let sent = progress.sent.load(ordering: .relaxed)
    var report = Report()
    report.add("delay_ms", delay, digits: 3)
    report.add("frames_per_second", Double(sentAfter - sentBefore) / Double(timeAfter - timeBefore) * 1e9)
    report.add("frames", errors.count)
    report.add("p50_ms", percentile(0.5), digits: 4)
    report.add("p99_ms", percentile(0.99), digits: 4)
    report.add("p999_ms", percentile(0.999), digits: 4)
    report.add("max_ms", percentile(1), digits: 4)
    report.add(
        "loss",
        sent > 0 ? Double(sent - progress.received.load(ordering: .relaxed)) / Double(sent) : 0,
        digits: 6
    )
    report.add("wire_load", Double(loadAfter - loadBefore) / Double(timeAfter - timeBefore), digits: 3)
    return report
}

/// Hands the sink's samples to the measuring thread.
private final class Samples: Sendable {
    private let values = Mutex<[Int]>([])

    func store(_ new: [Int]) { values.withLock { $0 = new } }
    func take() -> [Int] { values.withLock { $0 } }
}
