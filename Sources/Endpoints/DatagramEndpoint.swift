// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem

/// A connected datagram socket that carries one plain Ethernet frame a datagram, without header or check sequence: the
/// data path of VDE. Likewise a sequenced-packet socket, whose connection has an end (`bess` of User Mode Linux).
public struct DatagramEndpoint: ~Copyable, Sendable {
    public let descriptor: OwnedDescriptor
    /// Nothing comes any more after an empty message or an error.
    private let isConnection: Bool

    /// - Parameters:
    ///   - descriptor: connected to the peer, non-blocking.
    ///   - isConnection: the socket itself says when the peer is gone (SOCK_SEQPACKET).
    public init(_ descriptor: consuming OwnedDescriptor, isConnection: Bool = false) {
        self.descriptor = descriptor
        self.isConnection = isConnection
    }

    private static var noParts: [32 of FrameIO.Part] { InlineArray(repeating: FrameIO.Part(offset: 0, byteCount: 0)) }

    func receive(
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        // Few are prepared for the first call: most wake-ups find a frame or two, and slots cost a little each.
        let result = receive(atMost: min(Self.firstBatch, burst.freeCount), into: &burst, pool: &pool, drops: &drops)
        let rest = min(FrameIO.batchLimit - Self.firstBatch, burst.freeCount)
        guard result == .more, rest > 0 else { return result }
        return receive(atMost: rest, into: &burst, pool: &pool, drops: &drops)
    }

    private static var firstBatch: Int { 4 }

    private func receive(
        atMost wanted: Int,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        var parts = Self.noParts
        var frames: [32 of FrameReference] = InlineArray(
            repeating: FrameReference(slot: 0, start: 0, byteCount: 0)
        )
        var prepared = 0
        while prepared < wanted, let frame = pool.allocateLarge() {
            frames[prepared] = frame
            parts[prepared] = FrameIO.Part(offset: pool.offset(frame), byteCount: Int(frame.byteCount))
            prepared += 1
        }
        guard prepared > 0 else { return .drained }
        let received = Self.receive(descriptor.rawValue, &pool, &parts, count: prepared)
        // Backwards, so that the slots that were not needed come back on top in their order.
        for index in stride(from: prepared - 1, through: max(received, 0), by: -1) { pool.release(frames[index]) }
        // An error is the peer's (ECONNRESET after its death); the control connection says when it is gone.
        guard received > 0 else {
            return isConnection && received != -Int(Errno.wouldBlock.rawValue) ? .ended : .drained
        }
        for index in 0..<received {
            var frame = frames[index]
            let size = Int(parts[index].byteCount)
            guard size >= 14, size <= FramePool.largeCapacity else {
                // Zero bytes is how a VDE 2 client says good-bye: nothing was lost.
                if size != 0 { drops.count(size < 14 ? .runt : .truncated) }
                pool.release(frame)
                if size == 0, isConnection {
                    for rest in (index + 1)..<max(received, index + 1) { pool.release(frames[rest]) }
                    return .ended
                }
                continue
            }
            frame.byteCount = UInt32(size)
            burst.append(frame)
        }
        return received < wanted ? .drained : .more
    }

    private static func receive(
        _ fd: Int32,
        _ pool: inout FramePool,
        _ parts: inout [32 of FrameIO.Part],
        count: Int
    ) -> Int {
        var slab = pool.mutableSlab()
        var span = parts.mutableSpan
        return FrameIO.receiveBatch(fd, into: &slab, &span, count: count)
    }

    func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        var next = first
        while next < burst.count {
            let count = min(burst.count - next, FrameIO.batchLimit)
            // One frame is cheaper by the plain call.
            let result =
                count == 1
                ? min(FrameIO.send(descriptor.rawValue, pool.bytes(burst[next])), 1)
                : send(burst, next, count, pool)
            if result == -Int(Errno.wouldBlock.rawValue) { return .blocked(from: next) }
            if result < 0 {
                drops.count(DropTally.cause(of: Errno(rawValue: Int32(-result))))
                next += 1
            } else {
                next += result
            }
        }
        return .done
    }

    private func send(
        _ burst: borrowing FrameBurst,
        _ first: Int,
        _ count: Int,
        _ pool: borrowing FramePool
    ) -> Int {
        var parts = Self.noParts
        for index in 0..<count {
            let frame = burst[first + index]
            parts[index] = FrameIO.Part(offset: pool.offset(frame), byteCount: Int(frame.byteCount))
        }
        return FrameIO.sendBatch(descriptor.rawValue, from: pool.slab, parts.span, count: count)
    }
}
