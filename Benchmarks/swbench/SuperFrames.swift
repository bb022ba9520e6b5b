// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Wire

extension Generator {
    /// Sends super-frames into a tap, as a kernel with segmentation offload does, never more than `window` at once. They
    /// arrive whole at another tap, or as so many segments at a port that cannot take them.
    func measureSuperFrames() throws -> Report {
        guard let source = interfaces.first else { throw Failure("--super needs --packet", status: 64) }
        let target = interfaces.count > 1 ? interfaces[1] : nil
        let path = try link.forSuperFrames(source, target)
        let segmentsEach = target == nil ? SuperFrame.usualSegmentCount : 1
        let count = count ?? 1000
        // What is under way must fit the sink's socket: some 90 frames of 1500 bytes, or two super-frames.
        let window = min(window ?? 1, target == nil ? 1 : 2)
        for descriptor in [path.sender, path.sink] {
            Link.limit(descriptor, option: SO_RCVTIMEO, milliseconds: 10_000)
            Link.limit(descriptor, option: SO_SNDTIMEO, milliseconds: 10_000)
        }
        let frame = SuperFrame.sendBuffer()
        let buffer = Buffer(byteCount: TestFrame.maximumByteCount + 1000)
        let timeBefore = try switchTime()
        let start = Clock.now
        var sent = 0
        var segments = 0
        while segments < count * segmentsEach {
            while sent < count, sent - segments / segmentsEach < window {
                frame.setSequence(sent, markOffset: SuperFrame.sendMarkOffset)
                guard unsafe send(path.sender, frame.bytes, frame.byteCount, 0) == frame.byteCount else {
                    if errno == EINTR { continue }
                    throw Failure.systemCall("send", Errno(rawValue: errno))
                }
                sent += 1
            }
            let size = unsafe recv(path.sink, buffer.bytes, buffer.byteCount, 0)
            if size < 0 {
                if errno == EINTR { continue }
                throw Failure("only \(segments) of \(sent * segmentsEach) frames arrived: \(Errno(rawValue: errno))")
            }
            // The first segment of each super-frame carries the number, the others only the size.
            if segments % segmentsEach == 0 {
                guard let number = buffer.sequence(count: size, markOffset: SuperFrame.payloadOffset) else { continue }
                guard number == segments / segmentsEach else {
                    throw Failure("super-frame \(number) came where \(segments / segmentsEach) was due")
                }
            }
            segments += 1
        }
        let elapsed = Double(Clock.now - start)
        var report = Report()
        report.add("size", frame.byteCount - SuperFrame.sendHeaderByteCount)
        report.add("window", window)
        report.add("frames", sent)
        report.add("segments", segments)
        report.add("seconds", elapsed / 1e9, digits: 3)
        report.add("frames_per_second", Double(sent) / elapsed * 1e9)
        if processID != nil {
            report.add("switch_ns_per_frame", Double(try switchTime() - timeBefore) / Double(sent))
        }
        return report
    }
}

extension SuperFrame {
    static let usualSegmentCount = 44
    static let payloadOffset = Ethernet.headerByteCount + IPv4Header.byteCount + TCPHeader.byteCount
    /// A raw socket takes the header without its last field: `struct virtio_net_hdr`.
    static let sendHeaderByteCount = 10
    static let sendMarkOffset = sendHeaderByteCount + payloadOffset

    /// A super-frame with the header that packet(7) sockets want before it, and room for a sequence number.
    static func sendBuffer() -> Buffer {
        let frame = make(sequence: 1, payloadByteCount: usualSegmentCount * segmentByteCount)
        var header = [UInt8](repeating: 0, count: VirtioNetHeader.byteCount)
        var span = header.mutableSpan
        frame.header.emit(into: &span)
        let buffer = Buffer(byteCount: sendHeaderByteCount + frame.bytes.count)
        for (offset, byte) in (header.prefix(sendHeaderByteCount) + frame.bytes).enumerated() {
            buffer.store(byte, at: offset)
        }
        buffer.store(TestFrame.mark, at: sendMarkOffset)
        return buffer
    }
}
