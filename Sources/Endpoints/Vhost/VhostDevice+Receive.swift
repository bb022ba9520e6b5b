// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Wire

/// Frames to the guest.
extension VhostDevice {
    private enum Placement {
        case done
        /// The guest has no buffers for it now.
        case noBuffers
        /// It will never fit.
        case tooLarge
    }

    /// Sends frames from `first` on. "Would block" is a ring without buffers: its kick is the sign to go on.
    mutating func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        noteSending()
        guard takesFrames else {
            endAlarm()
            drops.count(.noCarrier, burst.count - first)
            return .done
        }
        var index = first
        var isBlocked = false
        var hasDrained = false
        var gathered = Gathered(cursor: receive.next)
        do throws(SplitRing.Fault) {
            while index < burst.count {
                switch try place(burst[index], &gathered, pool: pool) {
                case .done:
                    index += 1
                    gathered = Gathered(cursor: receive.next)
                case .tooLarge:
                    drops.count(.tooLarge)
                    index += 1
                    gathered = Gathered(cursor: receive.next)
                case .noBuffers:
                    if try receive.refresh(memory) { continue }
                    if hasDrained, receive.kickWantedAt == receive.seen {
                        isBlocked = true
                    } else {
                        if let kick = receive.kick?.rawValue, !hasDrained { SharedSignal.drain(kick) }
                        hasDrained = true
                        if receive.kickWantedAt != receive.seen { receive.wantKick(memory) }
                    }
                }
                if isBlocked { break }
            }
        } catch {
            drops.count(.malformed, burst.count - index)
            fail(Self.receiveRing, error)
            return .done
        }
        receive.publish(memory)
        checkMemory()
        if isBlocked, receive.isRunning { return .blocked(from: index) }
        receive.ignoreKicks(memory)
        // The kick that was taken may have been what the caller waits for, with more frames in hand.
        if hasDrained, let kick = receive.kick?.rawValue { SharedSignal.send(kick) }
        return .done
    }

    /// The buffers that the frame in work has so far, in `buffers` and `chain`. What was walked once is not walked again when
    /// more are there: a guest that adds them one by one would have a thousand buffers walked a thousand times.
    private struct Gathered {
        /// The next available entry.
        var cursor: UInt16
        var count = 0
    }

    /// Copies one frame into the guest's buffers, or changes nothing; with more buffers it goes on where it was.
    private mutating func place(
        _ frame: FrameReference,
        _ gathered: inout Gathered,
        pool: borrowing FramePool
    ) throws(SplitRing.Fault) -> Placement {
        let headerByteCount = features.headerByteCount
        let size = headerByteCount + Int(frame.byteCount)
        let canMerge = features.contains(.mergeableBuffers)
        var (cursor, count) = (gathered.cursor, gathered.count)
        if count == 0 { chain.removeAll() }
        while chain.byteCount < size {
            // Also the whole ring may be too small: nothing would ever come of waiting.
            guard count == 0 || canMerge, count < min(buffers.count, receive.size) else { return .tooLarge }
            guard cursor != receive.seen else {
                gathered = Gathered(cursor: cursor, count: count)
                return .noBuffers
            }
            let head = try receive.head(at: cursor, memory)
            let before = chain.byteCount
            try chain.append(receive, head: head, writable: true, memory)
            guard chain.byteCount > before else { throw .emptyBuffer }
            buffers[count] = Buffer(head: head, byteCount: min(chain.byteCount, size) - before)
            count += 1
            cursor &+= 1
        }
        write(frame, headerByteCount: headerByteCount, bufferCount: count, pool: pool)
        for index in 0..<count {
            if receive.inflight.isOn { receive.inflight.take(buffers[index].head) }
            receive.give(back: buffers[index].head, written: buffers[index].byteCount, memory)
        }
        receive.next = cursor
        return .done
    }

    private func write(
        _ frame: FrameReference,
        headerByteCount: Int,
        bufferCount: Int,
        pool: borrowing FramePool
    ) {
        var header = pool.header(frame)
        if header.gsoType.hasECN, !features.contains(.guestECN) { header.gsoType = header.gsoType.kind }
        header.bufferCount = UInt16(truncatingIfNeeded: bufferCount)
        var bytes: [12 of UInt8] = InlineArray(repeating: 0)
        var room = bytes.mutableSpan
        header.emit(into: &room)
        chain.copyIn(header: bytes.span, headerByteCount: headerByteCount, pool.bytes(frame), memory)
    }
}
