// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Dataplane
import Wire

/// Puts messages together from their fragments, in buffers that live as long as the tunnel, and takes the frames out.
public struct TunnelAssembly {
    /// A message in the making.
    private struct Context {
        var session: UInt32 = 0
        /// The packet number of fragment 0.
        var number: UInt64 = 0
        var count = 0
        var size = 0
        var lastByteCount = 0
        var present: UInt64 = 0
        var firsts: [64 of UInt16] = InlineArray(repeating: TunnelMessage.noRecord)
        var isUsed = false
        var age: UInt64 = 0
    }

    /// So many messages may be incomplete at once: datagrams overtake each other by a few places.
    private static var contextCount: Int { 4 }
    private var contexts = [Context](repeating: Context(), count: contextCount)
    /// Their bytes, one after the other.
    private var store = [UInt8](repeating: 0, count: contextCount * TunnelMessage.maximumByteCount)
    private var clock: UInt64 = 0

    public init() {}

    /// Takes an open packet; one that is no fragment is dropped.
    public mutating func insert(
        _ packet: Span<UInt8>,
        session: UInt32,
        counter: UInt64,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) {
        guard let head = TunnelMessage.Head(packet, at: 0, byteCount: packet.count), head.kind == .fragment else {
            drops.count(.malformed)
            return
        }
        let start = TunnelMessage.headByteCount
        let size = packet.count - start
        insert(
            head,
            packet,
            start,
            byteCount: size,
            session: session,
            counter: counter,
            into: &burst,
            pool: &pool,
            drops: &drops
        )
    }

    /// Takes a fragment: the bytes of `source` from `start` on. A message that is complete now has its frames appended to
    /// `burst`, which has room for `TunnelMessage.maximumRecordCount`.
    mutating func insert(
        _ head: TunnelMessage.Head,
        _ source: Span<UInt8>,
        _ start: Int,
        byteCount: Int,
        session: UInt32,
        counter: UInt64,
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) {
        guard head.isFragment(byteCount: byteCount), counter >= UInt64(head.index) else {
            drops.count(.malformed)
            return
        }
        if head.count == 1 {
            guard head.first == 0 else { return drops.count(.malformed) }
            Self.deliver(source, start..<start + byteCount, into: &burst, &pool, &drops)
            return
        }
        let number = counter - UInt64(head.index)
        var index = contexts.firstIndex { $0.isUsed && $0.number == number && $0.session == session }
        if index == nil {
            index = place(for: counter, session, into: &burst, &pool, &drops)
            clock += 1
            begin(index!, head, number: number, session: session)
        }
        let context = index!
        let bit = UInt64(1) << UInt64(head.index)
        guard contexts[context].count == head.count, contexts[context].size == head.size,
            contexts[context].present & bit == 0
        else {
            drops.count(.malformed)
            return
        }
        contexts[context].present |= bit
        contexts[context].firsts[head.index] = head.first
        if head.index + 1 == head.count { contexts[context].lastByteCount = byteCount }
        let base = context * TunnelMessage.maximumByteCount
        var target = store.mutableSpan
        target.store(source, start..<start + byteCount, at: base + head.index * head.size)
        let all = head.count == 64 ? UInt64.max : (1 << UInt64(head.count)) - 1
        guard contexts[context].present == all else { return }
        contexts[context].isUsed = false
        guard contexts[context].firsts[0] == 0 else { return drops.count(.malformed) }
        let end = (head.count - 1) * head.size + contexts[context].lastByteCount
        Self.deliver(store.span, base..<base + end, into: &burst, &pool, &drops)
    }

    /// A place for a new message: a free one, that of a message which is so far behind that its missing fragments are lost,
    /// or the oldest.
    private mutating func place(
        for counter: UInt64,
        _ session: UInt32,
        into burst: inout FrameBurst,
        _ pool: inout FramePool,
        _ drops: inout DropTally
    ) -> Int {
        var oldest = -1
        var free: Int?
        for index in contexts.indices {
            if !contexts[index].isUsed {
                free = index
            } else if oldest < 0 || contexts[index].age < contexts[oldest].age {
                oldest = index
            }
        }
        let isBehind =
            oldest >= 0
            && (contexts[oldest].session != session || contexts[oldest].number &+ Self.reorderingLimit < counter)
        if let free, !isBehind { return free }
        evict(oldest, into: &burst, &pool, &drops)
        return oldest
    }

    /// Packets by which one may be overtaken before it counts as lost.
    private static var reorderingLimit: UInt64 { 128 }

    private mutating func begin(_ index: Int, _ head: TunnelMessage.Head, number: UInt64, session: UInt32) {
        contexts[index].session = session
        contexts[index].number = number
        contexts[index].count = head.count
        contexts[index].size = head.size
        contexts[index].present = 0
        contexts[index].lastByteCount = 0
        contexts[index].isUsed = true
        contexts[index].age = clock
    }

    /// A message whose missing fragments are not expected any more makes room; the frames that are whole are delivered.
    private mutating func evict(
        _ oldest: Int,
        into burst: inout FrameBurst,
        _ pool: inout FramePool,
        _ drops: inout DropTally
    ) {
        let count = contexts[oldest].count
        let size = contexts[oldest].size
        let base = oldest * TunnelMessage.maximumByteCount
        var index = 0
        while index < count {
            let present = contexts[oldest].present
            guard present & (1 << UInt64(index)) != 0, contexts[oldest].firsts[index] != TunnelMessage.noRecord else {
                index += 1
                continue
            }
            // From the first record of this fragment to the end of the run of fragments that are here.
            var end = index
            while end + 1 < count, present & (1 << UInt64(end + 1)) != 0 { end += 1 }
            let start = index * size + Int(contexts[oldest].firsts[index])
            let stop = end + 1 == count ? end * size + contexts[oldest].lastByteCount : (end + 1) * size
            // The new message is not complete with its first fragment: all the room is ours.
            if start < stop, burst.freeCount >= TunnelMessage.maximumRecordCount {
                let range = base + start..<base + stop
                Self.deliver(store.span, range, into: &burst, &pool, &drops, isPartial: true)
            }
            index = end + 1
        }
        contexts[oldest].isUsed = false
    }

    /// Copies a run of records into one slot of the pool, where each frame becomes one of the burst.
    ///
    /// - Parameter isPartial: the last record may be cut.
    private static func deliver(
        _ source: Span<UInt8>,
        _ range: Range<Int>,
        into burst: inout FrameBurst,
        _ pool: inout FramePool,
        _ drops: inout DropTally,
        isPartial: Bool = false
    ) {
        guard range.count >= TunnelMessage.recordOverhead else {
            if !isPartial { drops.count(.malformed) }
            return
        }
        let isSmall = range.count <= Tunables.smallSlotByteCount
        guard let slot = isSmall ? pool.allocateSmall() ?? pool.allocateLarge() : pool.allocateLarge() else {
            return drops.count(.noFrameMemory)
        }
        // The whole slot, from its first byte on.
        let header = UInt32(VirtioNetHeader.byteCount)
        let whole = FrameReference(slot: slot.slot, start: header, byteCount: UInt32(range.count) - header)
        var target = pool.mutableBytesWithHeader(whole)
        target.store(source, range, at: 0)

        var offset = 0
        var taken = 0
        while offset < range.count {
            guard range.count - offset >= TunnelMessage.recordOverhead else {
                if !isPartial { drops.count(.malformed) }
                break
            }
            let size = Int(source.readLittleEndianUInt32(at: range.lowerBound + offset))
            let start = offset + TunnelMessage.recordOverhead
            guard size >= 14, size <= FramePool.largeCapacity, size <= range.count - start else {
                if !isPartial { drops.count(.malformed) }
                break
            }
            offset = start + size
            guard taken < TunnelMessage.maximumRecordCount else {
                drops.count(.malformed)
                break
            }
            let frame = FrameReference(slot: slot.slot, start: UInt32(start), byteCount: UInt32(size))
            guard !pool.needsWork(frame) || pool.header(frame).validate(frameByteCount: size) else {
                drops.count(.badHeader)
                continue
            }
            pool.retain(frame)
            burst.append(frame)
            taken += 1
        }
        pool.release(slot)
    }
}
