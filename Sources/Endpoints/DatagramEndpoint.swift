// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem

/// A connected datagram socket that carries one plain Ethernet frame a datagram, without header or check sequence: the
/// data path of VDE.
public struct DatagramEndpoint: ~Copyable, Sendable {
    public let descriptor: OwnedDescriptor

    /// - Parameter descriptor: connected to the peer, non-blocking.
    public init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    func receive(
        into burst: inout FrameBurst, pool: inout FramePool, drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        let wanted = min(Tunables.burstFrameCount, burst.freeCount)
        var buffers: [32 of FrameIO.Buffer] = unsafe InlineArray(repeating: FrameIO.Buffer(base: nil, byteCount: 0))
        var frames: [32 of FrameReference] = InlineArray(
            repeating: FrameReference(slot: 0, start: 0, byteCount: 0))
        var prepared = 0
        while prepared < wanted, let frame = pool.allocateLarge() {
            frames[prepared] = frame
            unsafe buffers[prepared] = FrameIO.Buffer(
                base: pool.address(frame, withHeader: false), byteCount: UInt64(frame.byteCount))
            prepared += 1
        }
        var received = 0
        if prepared > 0 {
            var span = unsafe buffers.mutableSpan
            received = unsafe span.withUnsafeMutableBufferPointer {
                unsafe FrameIO.receiveBatch(descriptor.rawValue, $0.baseAddress!, count: prepared)
            }
        }
        // Backwards, so that the slots that were not needed come back on top in their order.
        for index in stride(from: prepared - 1, through: max(received, 0), by: -1) { pool.release(frames[index]) }
        guard received > 0 else { return received == 0 && prepared > 0 ? .drained : Self.result(of: received) }
        for index in 0..<received {
            var frame = frames[index]
            let size = unsafe Int(buffers[index].byteCount)
            guard size >= 14, size <= FramePool.largeCapacity else {
                // Zero bytes is how a VDE 2 client says good-bye: nothing was lost.
                if size != 0 { drops.count(size < 14 ? .runt : .truncated) }
                pool.release(frame)
                continue
            }
            frame.byteCount = UInt32(size)
            burst.append(frame)
        }
        return received < wanted ? .drained : .more
    }

    private static func result(of code: Int) -> Endpoint.ReceiveResult {
        // An error is the peer's (ECONNRESET after its death); the control connection says when it is gone.
        .drained
    }

    func send(
        _ burst: borrowing FrameBurst, from first: Int, pool: borrowing FramePool, drops: inout DropTally
    ) -> Endpoint.SendResult {
        var next = first
        while next < burst.count {
            // One frame is cheaper by the plain call.
            if burst.count - next == 1 {
                let frame = burst[next]
                let result = unsafe FrameIO.send(
                    descriptor.rawValue, pool.address(frame, withHeader: false), byteCount: Int(frame.byteCount))
                if result == -Int(Errno.wouldBlock.rawValue) { return .blocked(from: next) }
                if result < 0 { drops.count(DropTally.cause(of: Errno(rawValue: Int32(-result)))) }
                return .done
            }
            var buffers: [32 of FrameIO.Buffer] = unsafe InlineArray(
                repeating: FrameIO.Buffer(base: nil, byteCount: 0))
            let count = min(burst.count - next, 32)
            for index in 0..<count {
                let frame = burst[next + index]
                unsafe buffers[index] = FrameIO.Buffer(
                    base: pool.address(frame, withHeader: false), byteCount: UInt64(frame.byteCount))
            }
            let span = unsafe buffers.span
            let sent = unsafe span.withUnsafeBufferPointer {
                unsafe FrameIO.sendBatch(descriptor.rawValue, $0.baseAddress!, count: count)
            }
            if sent == -Int(Errno.wouldBlock.rawValue) { return .blocked(from: next) }
            if sent < 0 {
                drops.count(DropTally.cause(of: Errno(rawValue: Int32(-sent))))
                next += 1
            } else {
                next += sent
            }
        }
        return .done
    }
}
