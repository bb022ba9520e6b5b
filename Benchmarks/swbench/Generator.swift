// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// What `gen` is asked to do.
struct Generator {
    static let flags: Set<String> = ["direct", "pingpong", "super", "one-thread"]
    static let names: Set<String> = [
        "sock", "packet", "batch", "size", "seconds", "count", "rate", "idle", "pid", "window", "think", "warmup",
        "cpu",
    ]

    /// Bytes of each frame, Ethernet header included, no frame check sequence.
    var size: Int
    /// How long to measure, in seconds, when no count is given.
    var seconds: Double
    /// Seconds before the measured ones, in which caches and tables fill.
    var warmup: Double
    /// Frames to send, or round trips to make.
    var count: Int?
    /// Frames a second, nil for as many as the switch takes.
    var rate: Double?
    /// Frames that the sender hands over by one call.
    var batch: Int
    /// Sender and sink are one thread.
    var alternates: Bool
    /// Process whose processor time is measured: the switch.
    var processID: Int?
    /// Frames that may be under way at once, when the generator itself is to prevent loss.
    var window: Int?
    /// Microseconds between round trips.
    var think: Double
    /// Interfaces whose raw sockets are ends of the link.
    var interfaces: [String]
    var link: Link

    init(_ options: Options) throws {
        size = try options.count("size", in: TestFrame.minimumByteCount...TestFrame.maximumByteCount) ?? 64
        // A bridge forgets a sink that is silent for longer.
        seconds = try options.number("seconds", in: 0.01...80) ?? 2
        warmup = try options.number("warmup", in: 0...10) ?? 0.3
        count = try options.count("count", in: 1...1_000_000_000)
        rate = try options.number("rate", in: 1...100_000_000)
        batch = try options.count("batch", in: 1...64) ?? 1
        alternates = options.has("one-thread")
        processID = try options.count("pid", in: 1...Int(Int32.max))
        window = try options.count("window", in: 1...1024)
        think = try options.number("think", in: 0...1_000_000) ?? 0
        let idle = try options.count("idle", in: 0...4096) ?? 0
        interfaces = options.text("packet")?.split(separator: ",").map(String.init) ?? []
        let paths = options.text("sock")?.split(separator: ",").map(String.init) ?? []
        let path = paths.first
        if paths.count == 2, interfaces.isEmpty {
            link = try .joined(paths[0], paths[1])
            return
        }
        switch (interfaces.count, path) {
        case (0, let path?): link = try .switched(path, idle: idle)
        case (1, let path?): link = try .mixed(interfaces[0], path)
        case (2, nil): link = try .packet(interfaces[0], interfaces[1])
        case (0, nil) where options.has("direct"): link = try .direct()
        default: throw Failure("gen needs --sock, --packet or --direct\n\(usage)", status: 64)
        }
    }
}

/// Runs `gen`.
///
/// Sender and sink run on processor `--cpu` (0 unless given); the caller puts the switch on another one, so that what is
/// seen is the switch's own speed on a processor of its own.
func generate(_ options: Options) throws -> Report {
    try Processor.pin(try options.count("cpu", in: 0...1023) ?? 0)
    let generator = try Generator(options)
    try generator.introduce()
    if options.has("super") { return try generator.measureSuperFrames() }
    if options.has("pingpong") { return try generator.measureRoundTrips() }
    if generator.window != nil { return try generator.measureWindowed() }
    return try generator.measureRate()
}

extension Generator {
    /// Lets the switch learn where both ends are, so that nothing measured is flooded: each end sends one frame to the
    /// other and waits for the other's.
    func introduce() throws {
        let patience = 2000
        for descriptor in [link.sender, link.sink] {
            Link.limit(descriptor, option: SO_RCVTIMEO, milliseconds: patience)
            Link.limit(descriptor, option: SO_SNDTIMEO, milliseconds: patience)
        }
        let first = TestFrame.make(from: TestFrame.sinkAddress, to: TestFrame.broadcast, byteCount: 64)
        let second = TestFrame.make(from: TestFrame.senderAddress, to: TestFrame.sinkAddress, byteCount: 64)
        for (frame, source, target) in [(first, link.sink, link.sender), (second, link.sender, link.sink)] {
            frame.setSequence(-1)
            guard unsafe send(source, frame.bytes, frame.byteCount, 0) == frame.byteCount else {
                throw Failure.systemCall("send", Errno(rawValue: errno))
            }
            let arrived = Buffer(byteCount: TestFrame.maximumByteCount)
            repeat {
                let count = unsafe recv(target, arrived.bytes, arrived.byteCount, 0)
                guard count >= 0 else { throw Failure("the switch does not carry a frame from one end to the other") }
                if arrived.sequence(count: count) == -1 { break }
            } while true
        }
    }

    /// Processor time of the switch so far, 0 when no process was named.
    func switchTime() throws -> Int {
        guard let processID else { return 0 }
        guard let time = Clock.processorTime(of: processID) else { throw Failure("process \(processID) is gone") }
        return time
    }

    /// What every measurement reports of its conditions.
    func describe(_ report: inout Report) {
        report.add("size", size)
        if let rate { report.add("offered_rate", rate) }
        if let window { report.add("window", window) }
    }
}
