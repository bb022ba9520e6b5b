// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// Nanoseconds for the Internet checksum of `byteCount` bytes that are in the second-level cache, as received ones are.
func measureChecksum(byteCount: Int, rounds: Int) -> Double {
    var scatter = Scatter(seed: 3)
    let bytes = (0..<1 << 18).map { _ in UInt8(truncatingIfNeeded: scatter.next()) }
    // Packets begin at offsets that are even and else arbitrary.
    let offsets = (0..<4096).map { _ in scatter.next(below: (bytes.count - byteCount) / 2) * 2 }
    let walks = max(1, 64 * 1460 / byteCount / 4)
    func round() -> Double {
        nanosecondsPerOperation(offsets.count * walks) {
            var sum = 0
            for _ in 0..<walks {
                for offset in offsets {
                    sum &+= Int(InternetChecksum.checksum(bytes.span, from: offset, to: offset &+ byteCount))
                }
            }
            return sum
        }
    }
    _ = round()
    return medianOf(rounds, round)
}

/// Nanoseconds for one segment when a 64 KiB super-frame is cut for a port that cannot take it: headers, copy, checksums
/// and the pool's bookkeeping.
func measureSegmentation(rounds: Int) -> Double {
    var pool = FramePool(smallCount: 256, largeCount: 16)
    var output = FrameBurst(capacity: 64)
    var frames: [FrameReference] = []
    for number in 0..<8 {
        let superFrame = SuperFrame.make(sequence: UInt32(number) &* 0x1234_5678, payloadByteCount: 44 * 1448)
        guard let frame = pool.allocateLarge(byteCount: superFrame.bytes.count) else { return .nan }
        var target = pool.mutableBytes(frame)
        target.store(superFrame.bytes.span, at: 0)
        pool.setHeader(superFrame.header, of: frame)
        frames.append(frame)
    }
    let walks = 64
    func round() -> Double {
        var segments = 0
        let start = Clock.now
        for _ in 0..<walks {
            for frame in frames {
                guard pool.segment(frame, into: &output) == nil else { return .nan }
                segments += output.count
                for index in 0..<output.count { pool.release(output[index]) }
                output.removeAll()
            }
        }
        return Double(Clock.now - start) / Double(segments)
    }
    _ = round()
    return medianOf(rounds, round)
}
