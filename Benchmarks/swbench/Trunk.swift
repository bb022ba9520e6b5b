// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import Synchronization

/// Frames through a switch between two stream ports: each behind its length of four bytes, many a system call.
///
/// The sender waits in `send`, the sink in `recv`; a stream loses nothing, so that what is seen is the slowest of the three.
@safe
struct Trunk {
    static let names: Set<String> = ["connect", "size", "seconds", "warmup", "batch", "pid", "cpu"]

    private let sender: Int32
    private let sink: Int32
    private let size: Int
    private let batch: Int

    /// Connects to the two sockets.
    init(_ paths: [String], size: Int, batch: Int) throws {
        var ends: [Int32] = []
        for path in paths {
            guard let address = UnixSocketAddress(path: path) else { throw Failure("\(path): the path is too long") }
            let descriptor = socket(AF_UNIX, Int32(bitPattern: SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            let status = unsafe cel_connect(descriptor, address.bytes, UInt32(address.bytes.count))
            guard status == 0 else { throw Failure.systemCall("connect(\(path))", Errno(rawValue: -status)) }
            _ = cel_set_option(descriptor, SOL_SOCKET, SO_SNDBUF, 1 << 19)
            ends.append(descriptor)
        }
        (sender, sink) = (ends[0], ends[1])
        self.size = size
        self.batch = batch
    }

    /// `count` frames behind their lengths.
    private static func frames(_ count: Int, size: Int, from source: [UInt8], to destination: [UInt8]) -> Buffer {
        let buffer = Buffer(byteCount: count * (4 + size))
        let frame = TestFrame.make(from: source, to: destination, byteCount: size)
        for index in 0..<count {
            let start = index * (4 + size)
            buffer.store(UInt32(size).bigEndian, at: start)
            unsafe (buffer.bytes + start + 4).copyMemory(from: frame.bytes, byteCount: size)
        }
        return buffer
    }

    private static func sendAll(_ descriptor: Int32, _ buffer: Buffer) -> Bool {
        var sent = 0
        while sent < buffer.byteCount {
            let result = unsafe send(descriptor, buffer.bytes + sent, buffer.byteCount - sent, Int32(MSG_NOSIGNAL))
            guard result > 0 else { return false }
            sent += result
        }
        return true
    }

    /// Lets the switch learn where both ends are: each sends a frame that the other one waits for.
    func introduce() throws {
        let ends = [
            (sink, sender, TestFrame.sinkAddress, TestFrame.broadcast),
            (sender, sink, TestFrame.senderAddress, TestFrame.sinkAddress),
        ]
        for (from, to, source, destination) in ends {
            guard Self.sendAll(from, Self.frames(1, size: 64, from: source, to: destination)) else {
                throw Failure("the switch does not take the first frame")
            }
            let answer = Buffer(byteCount: 68)
            Link.limit(to, option: SO_RCVTIMEO, milliseconds: 2000)
            guard unsafe recv(to, answer.bytes, 68, Int32(MSG_WAITALL)) == 68 else {
                throw Failure("the first frame did not arrive")
            }
        }
    }

    /// Sends until told to stop.
    func runSender(_ progress: Progress) {
        ownDescriptors()
        defer { progress.senderDone.store(true, ordering: .releasing) }
        let buffer = Self.frames(batch, size: size, from: TestFrame.senderAddress, to: TestFrame.sinkAddress)
        var number = 0
        while !progress.stop.load(ordering: .relaxed) {
            for index in 0..<batch { buffer.setSequence(number + index, markOffset: index * (4 + size) + 18) }
            guard Self.sendAll(sender, buffer) else {
                progress.error.store(errno, ordering: .relaxed)
                return
            }
            number += batch
            progress.sent.store(number, ordering: .relaxed)
        }
        // The sink sees the end.
        shutdown(sender, Int32(SHUT_WR))
    }

    /// Reads until everything that was sent has come, or nothing comes any more.
    func runSink(_ progress: Progress) {
        ownDescriptors()
        Link.limit(sink, option: SO_RCVTIMEO, milliseconds: 300)
        let buffer = Buffer(byteCount: 256 * 1024 + 4 + TestFrame.maximumByteCount)
        var count = 0
        var received = 0
        var expected = 0
        while true {
            let result = unsafe recv(sink, buffer.bytes + count, buffer.byteCount - count, 0)
            if result <= 0 {
                if result < 0, errno == EINTR { continue }
                if result < 0, errno == EAGAIN, !progress.senderDone.load(ordering: .acquiring) { continue }
                return
            }
            count += result
            var start = 0
            while count - start >= 4 + size {
                if let sequence = buffer.sequence(count: size, at: start + 4) {
                    if sequence != expected {
                        progress.gaps.store(progress.gaps.load(ordering: .relaxed) + 1, ordering: .relaxed)
                    }
                    expected = sequence + 1
                    received += 1
                }
                start += 4 + size
            }
            unsafe buffer.bytes.copyMemory(from: buffer.bytes + start, byteCount: count - start)
            count -= start
            progress.received.store(received, ordering: .relaxed)
        }
    }
}

/// Runs `trunk`.
func measureTrunk(_ options: Options) throws -> Report {
    try Processor.pin(try options.count("cpu", in: 0...1023) ?? 0)
    let paths = options.text("connect")?.split(separator: ",").map(String.init) ?? []
    guard paths.count == 2 else { throw Failure("trunk needs --connect PATH,PATH\n\(usage)", status: 64) }
    let size = try options.count("size", in: 64...9000) ?? 64
    let batch = try options.count("batch", in: 1...256) ?? 64
    let processID = try options.count("pid", in: 1...Int(Int32.max))
    let seconds = try options.number("seconds", in: 0.01...80) ?? 2
    let warmup = try options.number("warmup", in: 0...10) ?? 0.3
    let trunk = try Trunk(paths, size: size, batch: batch)
    try trunk.introduce()
    let progress = Progress()
    let sink = try Thread.start(name: "sink") { trunk.runSink(progress) }
    let sender = try Thread.start(name: "sender") { trunk.runSender(progress) }
    func snapshot() -> (time: Int, received: Int, switchTime: Int, own: Int) {
        (
            Clock.now, progress.received.load(ordering: .relaxed),
            processID.flatMap { Clock.processorTime(of: $0) } ?? 0, Clock.ownProcessorTime
        )
    }
    Clock.sleep(until: Clock.now + Int(warmup * 1e9))
    let before = snapshot()
    Clock.sleep(until: Clock.now + Int(seconds * 1e9))
    let after = snapshot()
    progress.stop.store(true, ordering: .relaxed)
    sender.join()
    sink.join()
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
    report.add("switch_load", Double(after.switchTime - before.switchTime) / elapsed, digits: 3)
    report.add("generator_ns_per_frame", Double(after.own - before.own) / frames)
    return report
}
