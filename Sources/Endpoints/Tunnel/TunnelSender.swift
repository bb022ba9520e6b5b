// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import TunnelCrypto
import Wire

/// Makes packets out of frames, in one buffer that lives as long as the tunnel.
struct TunnelSender {
    /// Packets at distances of `stride`, the last one perhaps shorter.
    var packets: [UInt8]
    private(set) var stride = 0
    private(set) var count = 0
    private(set) var byteCount = 0
    private var size = 0
    private var total = 0

    init() {
        packets = [UInt8](
            repeating: 0,
            count: TunnelMessage.maximumByteCount + TunnelMessage.maximumFragmentCount * (TunnelMessage.overhead + 1)
        )
    }

    /// Fills the buffer with as many frames as make one message: how many frames were taken.
    ///
    /// - Parameter datagramByteCount: the size of packets that the path takes.
    mutating func assemble(
        _ burst: borrowing FrameBurst,
        from first: Int,
        pool: borrowing FramePool,
        datagramByteCount: Int
    ) -> Int {
        var next = first
        total = 0
        while next < burst.count, next - first < TunnelMessage.maximumRecordCount {
            let record = TunnelMessage.recordOverhead + Int(burst[next].byteCount)
            if next > first, total + record > TunnelMessage.maximumByteCount { break }
            total += record
            next += 1
        }
        let capacity = datagramByteCount - TunnelMessage.overhead
        count = max(1, (total + capacity - 1) / capacity)
        size = (total + count - 1) / count
        stride = size + TunnelMessage.overhead
        byteCount = total + count * TunnelMessage.overhead

        let count = count
        var cursor = Cursor(size: size, stride: stride)
        var span = packets.mutableSpan
        for index in first..<next {
            let bytes = pool.bytesWithHeader(burst[index])
            cursor.beginRecord(&span, count: count)
            let length: [4 of UInt8] = Self.littleEndian(burst[index].byteCount)
            cursor.append(length.span, to: &span, count: count)
            cursor.append(bytes, to: &span, count: count)
        }
        cursor.finish(&span, count: count)
        return next - first
    }

    /// Seals all packets. False: there are no keys.
    mutating func seal(with peer: inout TunnelPeer, now: UInt64) -> Bool {
        let (count, stride, size, total) = (count, stride, size, total)
        var span = packets.mutableSpan
        for index in 0..<count {
            let carried = index + 1 < count ? size : total - (count - 1) * size
            let open = TunnelMessage.headByteCount + carried
            if peer.seal(&span, at: index * stride, count: open, now: now) == nil { return false }
        }
        return true
    }

    private static func littleEndian(_ value: UInt32) -> [4 of UInt8] {
        [
            UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8),
            UInt8(truncatingIfNeeded: value >> 16), UInt8(truncatingIfNeeded: value >> 24),
        ]
    }

    /// Where the next byte of the message goes.
    private struct Cursor {
        let size: Int
        let stride: Int
        var fragment = 0
        var offset = 0
        var first = TunnelMessage.noRecord

        mutating func beginRecord(_ bytes: inout MutableSpan<UInt8>, count: Int) {
            if offset == size { nextFragment(&bytes, count: count) }
            if first == TunnelMessage.noRecord { first = UInt16(truncatingIfNeeded: offset) }
        }

        mutating func append(_ source: Span<UInt8>, to bytes: inout MutableSpan<UInt8>, count: Int) {
            var done = 0
            while done < source.count {
                if offset == size { nextFragment(&bytes, count: count) }
                let part = min(size - offset, source.count - done)
                let start = fragment * stride + TunnelPacket.dataHeaderByteCount + TunnelMessage.headByteCount + offset
                bytes.store(source, done..<done + part, at: start)
                done += part
                offset += part
            }
        }

        mutating func finish(_ bytes: inout MutableSpan<UInt8>, count: Int) {
            let head = TunnelMessage.Head(.fragment, index: fragment, count: count, size: size, first: first)
            head.store(into: &bytes, at: fragment * stride + TunnelPacket.dataHeaderByteCount)
        }

        private mutating func nextFragment(_ bytes: inout MutableSpan<UInt8>, count: Int) {
            finish(&bytes, count: count)
            fragment += 1
            offset = 0
            first = TunnelMessage.noRecord
        }
    }
}
