// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

extension Generator {
    /// One thread that never has more than `window` frames under way: nothing is lost, whatever the switch's speed (under
    /// a profiler, say), and every frame sent is a frame that the switch has carried.
    func measureWindowed() throws -> Report {
        let window = window ?? 1
        let count = count ?? 10_000
        let frame = TestFrame.make(from: TestFrame.senderAddress, to: TestFrame.sinkAddress, byteCount: size)
        let buffer = Buffer(byteCount: TestFrame.maximumByteCount + 1)
        for descriptor in [link.sender, link.sink] {
            Link.limit(descriptor, option: SO_RCVTIMEO, milliseconds: 10_000)
            Link.limit(descriptor, option: SO_SNDTIMEO, milliseconds: 10_000)
        }
        let start = Clock.now
        let timeBefore = try switchTime()
        var sent = 0
        var received = 0
        while received < count {
            while sent < count, sent - received < window {
                frame.setSequence(sent)
                guard unsafe send(link.sender, frame.bytes, size, 0) == size else {
                    if errno == EINTR { continue }
                    throw Failure.systemCall("send", Errno(rawValue: errno))
                }
                sent += 1
            }
            let result = unsafe recv(link.sink, buffer.bytes, buffer.byteCount, 0)
            if result < 0 {
                if errno == EINTR { continue }
                throw Failure("only \(received) of \(sent) frames arrived: \(Errno(rawValue: errno))")
            }
            guard let number = buffer.sequence(count: result), number >= 0 else { continue }
            guard number == received else { throw Failure("frame \(number) came where \(received) was due") }
            received += 1
        }
        let elapsed = Double(Clock.now - start)
        var report = Report()
        describe(&report)
        report.add("frames", received)
        report.add("seconds", elapsed / 1e9, digits: 3)
        report.add("frames_per_second", Double(received) / elapsed * 1e9)
        report.add("sent", sent)
        report.add("loss", 0.0)
        if processID != nil {
            report.add("switch_ns_per_frame", Double(try switchTime() - timeBefore) / Double(received))
        }
        return report
    }
}
