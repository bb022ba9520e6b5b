// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Wire

/// What arrived in one receive call and is not a frame of a burst yet.
///
/// A socket that coalesces (UDP_GRO, udp(7)) hands over neighbouring datagrams of one peer and size as one buffer of up to
/// 64 KiB: a wake-up then brings more frames than a burst takes. What is left keeps its slot of the pool until the next
/// call, and the order in which it came.
struct HeldDatagrams: ~Copyable {
    struct Item: Sendable, BitwiseCopyable {
        /// The whole slot; its first byte is the first datagram's, behind its header.
        var frame: FrameReference
        var peer: InternetAddress
        /// Bytes of all datagrams with their headers, and of each but the last.
        var byteCount: Int
        var segment: Int
        /// Bytes that have been looked at.
        var done = 0

        static var none: Item {
            Item(frame: FrameReference(slot: 0, start: 0, byteCount: 0), peer: .none, byteCount: 0, segment: 1)
        }
    }

    private var items: [32 of Item] = InlineArray(repeating: .none)
    private var next = 0
    private var count = 0

    var isEmpty: Bool { next == count }

    /// Adds what was received; the caller holds nothing back from an earlier call.
    mutating func append(_ item: Item) {
        if next == count { (next, count) = (0, 0) }
        items[count] = item
        count += 1
    }

    var first: Item { items[next] }

    /// One datagram of the first item has been looked at. True when it was the last one.
    mutating func advance() -> Bool {
        items[next].done += items[next].segment
        guard items[next].done >= items[next].byteCount else { return false }
        next += 1
        return true
    }

    /// Gives all slots back: how many datagrams were in them.
    mutating func removeAll(_ pool: inout FramePool) -> Int {
        var datagrams = 0
        while next < count {
            let item = items[next]
            let segment = max(item.segment, 1)
            datagrams += (max(0, item.byteCount - item.done) + segment - 1) / segment
            pool.release(item.frame)
            next += 1
        }
        return datagrams
    }
}

extension OverlayState {
    /// Makes frames of what is held, as many as the burst takes.
    mutating func takeHeld(
        now: UInt64,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) {
        while !held.isEmpty, !burst.isFull, burst.byteCount < Tunables.burstByteCount {
            let item = held.first
            let size = min(item.segment, item.byteCount - item.done)
            let isAlone = item.done == 0 && size == item.byteCount
            var frame = item.frame
            frame.start += UInt32(item.done)
            frame.byteCount -= UInt32(min(item.done, Int(frame.byteCount)))
            let datagram = UDPSocket.Datagram(
                offset: pool.offset(item.frame) - prefixByteCount + item.done,
                byteCount: size,
                peer: item.peer
            )
            let refusal = judge(datagram, now: now, pool: pool, frame: &frame)
            let isLast = held.advance()
            if let refusal {
                if let cause = refusal.cause { drops.count(cause) }
            } else if isAlone {
                finish(frame, pool: &pool)
                burst.append(frame)
                continue
            } else if let copy = pool.copy(frame) {
                // Its header would lie on the datagram before it.
                pool.clearHeader(of: copy)
                finish(copy, pool: &pool)
                burst.append(copy)
            } else {
                drops.count(.noFrameMemory)
            }
            if isLast { pool.release(item.frame) }
        }
    }

    /// Says what a peer's kernel has left undone in a frame.
    private func finish(_ frame: FrameReference, pool: inout FramePool) {
        if prefixByteCount > 0 { pool.clearHeader(of: frame) }
        guard unfinishedPacketLimit > 0,
            let header = UnfinishedFrame.header(of: pool.bytes(frame), packetByteLimit: unfinishedPacketLimit)
        else { return }
        pool.setHeader(header, of: frame)
    }
}
