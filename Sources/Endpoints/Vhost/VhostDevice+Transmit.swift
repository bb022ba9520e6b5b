// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Wire

/// Frames from the guest.
extension VhostDevice {
    /// Takes a burst. The kick is taken back only when the ring was found empty: as long as it stays, the loop calls again.
    mutating func receive(
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Endpoint.ReceiveResult {
        endAlarm()
        guard transmit.isRunning else {
            if let kick = transmit.kick?.rawValue { SharedSignal.drain(kick) }
            return .drained
        }
        var hasMore = false
        var hasDrained = false
        do throws(SplitRing.Fault) {
            var taken = 0
            while true {
                if transmit.next == transmit.seen, try !transmit.refresh(memory) {
                    // Also a kick for which there is nothing, or nothing any more, is taken back: it would call for ever.
                    if hasDrained, transmit.kickWantedAt == transmit.seen { break }
                    if let kick = transmit.kick?.rawValue, !hasDrained { SharedSignal.drain(kick) }
                    hasDrained = true
                    if transmit.kickWantedAt != transmit.seen { transmit.wantKick(memory) }
                    continue
                }
                guard taken < Tunables.burstFrameCount, burst.byteCount < Tunables.burstByteCount, !burst.isFull,
                    pool.freeLargeCount > 0
                else {
                    hasMore = true
                    break
                }
                transmit.ignoreKicks(memory)
                try takeFrame(into: &burst, pool: &pool, drops: &drops)
                taken += 1
            }
        } catch {
            drops.count(.malformed)
            fail(Self.transmitRing, error)
        }
        if transmit.isRunning {
            transmit.publish(memory)
            if hasMore, hasDrained, let kick = transmit.kick?.rawValue { SharedSignal.send(kick) }
        }
        checkMemory()
        return hasMore ? .more : .drained
    }

    /// Copies the next chain into a slot. A frame that makes no sense is dropped and counted; its chain goes back all the same.
    private mutating func takeFrame(
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) throws(SplitRing.Fault) {
        let head = try transmit.head(at: transmit.next, memory)
        chain.removeAll()
        try chain.append(transmit, head: head, writable: false, memory)
        if transmit.inflight.isOn { transmit.inflight.take(head) }
        transmit.next &+= 1
        copyFrame(into: &burst, pool: &pool, drops: &drops)
        transmit.give(back: head, written: 0, memory)
    }

    private mutating func copyFrame(into burst: inout FrameBurst, pool: inout FramePool, drops: inout DropTally) {
        let headerByteCount = features.headerByteCount
        let size = chain.byteCount - headerByteCount
        guard transmit.isEnabled, hasCarrier else {
            drops.count(.noCarrier)
            return
        }
        guard size >= Ethernet.headerByteCount, size <= FramePool.largeCapacity else {
            drops.count(size < Ethernet.headerByteCount ? .runt : .truncated)
            return
        }
        guard let frame = pool.allocate(byteCount: size) else {
            drops.count(.noFrameMemory)
            return
        }
        var room = pool.mutableBytesWithHeader(frame)
        if headerByteCount == VirtioNetHeader.byteCount {
            chain.copyOut(to: &room, memory)
        } else {
            // Ten bytes of header belong two bytes further ahead, and the two that they lack behind them.
            copyShortHeaderFrame(to: &room)
        }
        // Only what a guest may say: that a sum is missing, and what to cut.
        var header = pool.header(frame)
        header.flags.formIntersection(.needsChecksum)
        header.bufferCount = 0
        guard header.isComplete || header.validate(frameByteCount: size) else {
            drops.count(.badHeader)
            pool.release(frame)
            return
        }
        if header.isComplete { pool.clearHeader(of: frame) } else { pool.setHeader(header, of: frame) }
        burst.append(frame)
    }

    /// The header of devices before virtio 1.0, without the count of buffers.
    private func copyShortHeaderFrame(to room: inout MutableSpan<UInt8>) {
        var shifted = room._mutatingExtracting(2...)
        chain.copyOut(to: &shifted, memory)
        for index in 0..<10 { room[index] = room[index + 2] }
        room[10] = 0
        room[11] = 0
    }
}
