// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem
import Wire

/// A real interface of this host, by a packet socket: what arrives there comes in here, and frames sent here leave there, with
/// checksum and segmentation left to the interface.
///
/// The host's own stack is not on this network: what it sends leaves by the interface and does not come here, as with
/// macvtap. A VLAN tag, which the kernel takes out of arriving frames, is put back.
public struct UplinkEndpoint: ~Copyable, Sendable {
    let descriptor: OwnedDescriptor
    private let state: OwnedState<State>

    struct State {
        /// What the socket has lost so far, by the kernel's count.
        var overflow: UInt32 = 0
        /// The interface has gone down, or away: the control thread finds out which.
        var isDown = false
    }

    /// - Parameter descriptor: made by `FrameSocket.make`.
    public init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
        state = OwnedState(State())
    }

    func takeNotice() -> EndpointNotice? {
        guard state.value.isDown else { return nil }
        state.value.isDown = false
        return EndpointNotice(.peerDown)
    }

    func receive(
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        // Few are prepared for the first call: most wake-ups find a frame or two, and slots cost a little each.
        let first = min(4, burst.freeCount)
        let result = receive(atMost: first, into: &burst, pool: &pool, drops: &drops)
        let rest = min(FrameSocket.batchLimit - first, burst.freeCount)
        guard result == .more, rest > 0, burst.byteCount < Tunables.burstByteCount else { return result }
        return receive(atMost: rest, into: &burst, pool: &pool, drops: &drops)
    }

    private func receive(
        atMost wanted: Int,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        var parts: [32 of FrameSocket.Part] = InlineArray(repeating: FrameSocket.Part(offset: 0, byteCount: 0))
        var frames: [32 of FrameReference] = InlineArray(
            repeating: FrameReference(slot: 0, start: 0, byteCount: 0)
        )
        var prepared = 0
        while prepared < wanted, let frame = pool.allocateLarge() {
            frames[prepared] = frame
            parts[prepared].offset = UInt64(pool.offset(frame))
            parts[prepared].byteCount = UInt64(frame.byteCount)
            prepared += 1
        }
        guard prepared > 0 else { return .drained }
        var total = state.value.overflow
        let received = Self.receiveBatch(descriptor.rawValue, &pool, &parts, count: prepared, overflow: &total)
        let lost = total &- state.value.overflow
        if lost != 0 {
            state.value.overflow = total
            drops.count(.noBuffers, Int(lost))
        }
        // Backwards, so that the slots that were not needed come back on top in their order.
        for index in stride(from: prepared - 1, through: max(received, 0), by: -1) { pool.release(frames[index]) }
        guard received > 0 else { return failure(received, &drops) }
        for index in 0..<received {
            var frame = frames[index]
            if let cause = Self.accept(parts[index], &frame, &pool) {
                if let cause = cause.cause { drops.count(cause) }
                pool.release(frame)
            } else {
                burst.append(frame)
            }
        }
        return received < wanted ? .drained : .more
    }

    private func failure(_ result: Int, _ drops: inout DropTally) -> Endpoint.ReceiveResult {
        switch Errno(rawValue: Int32(truncatingIfNeeded: -result)) {
        case .wouldBlock: return .drained
        case .invalid:
            // A kind of super-frame that no virtio-net header describes: the kernel has dropped it.
            drops.count(.badHeader)
            return .more
        default:
            state.value.isDown = true
            return .drained
        }
    }

    struct Refusal {
        var cause: DropCause?
    }

    /// Makes a frame of what has arrived, or says why not.
    private static func accept(
        _ part: FrameSocket.Part,
        _ frame: inout FrameReference,
        _ pool: inout FramePool
    ) -> Refusal? {
        guard part.isOutgoing == 0 else { return Refusal() }
        guard part.byteCount >= 14 else { return Refusal(cause: .runt) }
        guard part.byteCount <= UInt64(frame.byteCount) else { return Refusal(cause: .truncated) }
        frame.byteCount = UInt32(part.byteCount)
        var header = pool.header(frame)
        header.bufferCount = 0
        // "Valid" is a word about this hop, not about the next.
        header.flags.remove(.dataValid)
        if part.tag != 0 {
            // The addresses move forward to where the tag makes room, into the head room.
            frame.start -= 4
            frame.byteCount += 4
            Self.insertTag(part.tag, frame, &pool)
            if header.needsChecksum { header.checksumStart &+= 4 }
            if header.isSuperFrame { header.headerLength &+= 4 }
        }
        if header.isComplete {
            pool.clearHeader(of: frame)
        } else {
            guard header.validate(frameByteCount: Int(frame.byteCount)) else { return Refusal(cause: .badHeader) }
            pool.setHeader(header, of: frame)
        }
        return nil
    }

    private static func insertTag(_ tag: UInt32, _ frame: FrameReference, _ pool: inout FramePool) {
        var bytes = pool.mutableBytes(frame)
        for index in 0..<12 { bytes[index] = bytes[index + 4] }
        bytes.storeUInt32(tag, at: 12)
    }

    private static func receiveBatch(
        _ fd: Int32,
        _ pool: inout FramePool,
        _ parts: inout [32 of FrameSocket.Part],
        count: Int,
        overflow: inout UInt32
    ) -> Int {
        var slab = pool.mutableSlab()
        var span = parts.mutableSpan
        return FrameSocket.receiveBatch(fd, into: &slab, &span, count: count, overflow: &overflow)
    }

    func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        var parts: [32 of FrameSocket.Part] = InlineArray(repeating: FrameSocket.Part(offset: 0, byteCount: 0))
        var next = first
        while next < burst.count {
            let count = min(burst.count - next, FrameSocket.batchLimit)
            for index in 0..<count {
                let frame = burst[next + index]
                parts[index].offset = UInt64(pool.offset(frame))
                parts[index].byteCount = UInt64(frame.byteCount)
            }
            let result = FrameSocket.sendBatch(descriptor.rawValue, from: pool.slab, parts.span, count: count)
            if result > 0 {
                next += result
                continue
            }
            let error = Errno(rawValue: Int32(truncatingIfNeeded: -result))
            if error == .wouldBlock { return .blocked(from: next) }
            drops.count(DropTally.cause(of: error))
            next += 1
        }
        return .done
    }
}
