// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import Testing

/// What an endpoint needs around it, with frames as plain arrays: slow, but obvious.
struct EndpointBench: ~Copyable {
    var pool: FramePool
    var burst: FrameBurst
    var drops = DropTally()
    private let smallCount: Int
    private let largeCount: Int

    init(smallCount: Int = 64, largeCount: Int = 64, burstCapacity: Int = 64) {
        self.smallCount = smallCount
        self.largeCount = largeCount
        pool = FramePool(smallCount: smallCount, largeCount: largeCount)
        burst = FrameBurst(capacity: burstCapacity)
    }

    /// One call of the endpoint's `receive`.
    mutating func receive(_ endpoint: borrowing Endpoint) -> Endpoint.ReceiveResult {
        endpoint.receive(into: &burst, pool: &pool, drops: &drops)
    }

    /// What the burst holds; with the twelve bytes of its header when asked. Lets go of it.
    mutating func takeFrames(withHeader: Bool = false) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        for index in 0..<burst.count {
            frames.append(array(burst[index], withHeader: withHeader))
            pool.release(burst[index])
        }
        burst.removeAll()
        return frames
    }

    private func array(_ frame: FrameReference, withHeader: Bool) -> [UInt8] {
        let bytes = pool.bytesWithHeader(frame)
        return ((withHeader ? 0 : 12)..<bytes.count).map { bytes[$0] }
    }

    /// Puts a frame into the burst; `bytes` begin with the header when it has one.
    mutating func stage(_ bytes: [UInt8], hasHeader: Bool = false) throws {
        let count = hasHeader ? bytes.count - 12 : bytes.count
        let allocated = pool.allocate(byteCount: count)
        let frame = try #require(allocated)
        var target = pool.mutableBytesWithHeader(frame)
        let start = hasHeader ? 0 : 12
        for (offset, byte) in bytes.enumerated() { target[start + offset] = byte }
        burst.append(frame)
    }

    mutating func send(_ endpoint: borrowing Endpoint, from first: Int = 0) -> Endpoint.SendResult {
        endpoint.send(burst, from: first, pool: pool, drops: &drops)
    }

    /// Every slot is free: nothing was kept.
    var isPoolWhole: Bool { pool.freeSmallCount == smallCount && pool.freeLargeCount == largeCount }
}

/// A frame whose bytes tell one from another: destination, source, type, and a number that goes on to the end.
func testFrame(_ number: Int, byteCount: Int = 60) -> [UInt8] {
    let head: [UInt8] = [0x02, 0, 0, 0, 0, 0x0b, 0x02, 0, 0, 0, 0, 0x0a, 0x88, 0xb5]
    let rest = (0..<max(0, byteCount - head.count)).map {
        UInt8(truncatingIfNeeded: $0 == 0 ? number >> 8 : number + $0 - 1)
    }
    return head + rest
}

/// Receives one message, nil when none waits.
func receiveMessage(_ socket: borrowing OwnedDescriptor) throws -> [UInt8]? {
    do {
        return try UnixSocket.receive(from: socket, limit: 80_000).bytes
    } catch .wouldBlock {
        return nil
    }
}
