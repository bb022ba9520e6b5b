// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import Wire

extension OverlayState {
    /// Why a packet brings no frame; without a cause when nothing was lost.
    struct Refusal {
        var cause: DropCause?
    }

    /// Judges a packet that has arrived, and sizes the frame in it.
    mutating func judge(
        _ datagram: UDPSocket.Datagram,
        now: UInt64,
        pool: borrowing FramePool,
        frame: inout FrameReference
    ) -> Refusal? {
        let size = Int(datagram.byteCount) - prefixByteCount
        let peer = datagram.peer
        guard !isOwn(peer) else { return Refusal() }
        guard accepts(peer) else { return Refusal(cause: .wrongPeer) }
        guard size >= 0 else { return Refusal(cause: .malformed) }
        guard size <= Int(frame.byteCount) else { return Refusal(cause: .truncated) }
        if let cause = refusal(pool.slab, at: Int(datagram.offset)) { return Refusal(cause: cause) }
        if size == 0, announcesLeaving {
            remotes.forget(host: peer)
            return Refusal()
        }
        frame.byteCount = UInt32(size)
        guard let ethernet = EthernetFrame(pool.bytes(frame)) else {
            // Nothing in it: how some close.
            return Refusal(cause: size == 0 ? nil : .runt)
        }
        if learns {
            var host = peer
            if replyPort != 0 { host.port = replyPort }
            let vlan = ethernet.vlanIdentifier ?? 0
            remotes.learn(ethernet.source, vlan: vlan, host: host, second: Self.second(now))
        }
        return nil
    }

    @inline(__always)
    private static func second(_ now: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: now / 1_000_000_000) }

    /// The one host that a frame is for; nil when that is not known.
    @inline(__always)
    private func host(of frame: Span<UInt8>, now: UInt64) -> InternetAddress? {
        guard learns, let ethernet = EthernetFrame(frame), !ethernet.destination.isMulticast else { return nil }
        return remotes.lookUp(ethernet.destination, vlan: ethernet.vlanIdentifier ?? 0, second: Self.second(now))
    }

    /// Datagrams gathered for one call, and the frame that each carries.
    struct Batch {
        var parts: [32 of UDPSocket.Datagram] = InlineArray(
            repeating: UDPSocket.Datagram(offset: 0, byteCount: 0)
        )
        var frames: [32 of UInt16] = InlineArray(repeating: 0)
        var count = 0
    }

    mutating func send(
        _ fd: Int32,
        _ burst: borrowing FrameBurst,
        from first: Int,
        now: UInt64,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        var batch = Batch()
        for index in first..<burst.count {
            let frame = burst[index]
            let known = host(of: pool.bytes(frame), now: now)
            let copies = known == nil ? destinationCount : 1
            for copy in 0..<copies {
                if batch.count == UDPSocket.batchLimit, let blocked = flush(fd, &batch, pool, &drops) {
                    return Self.blocked(blocked, of: burst.count, &drops)
                }
                let part = UDPSocket.Datagram(
                    offset: pool.offset(frame),
                    byteCount: Int(frame.byteCount),
                    peer: known ?? destinations[copy]
                )
                batch.parts[batch.count] = part
                batch.frames[batch.count] = UInt16(index)
                preparePrefix(at: batch.count)
                batch.count += 1
            }
        }
        if let blocked = flush(fd, &batch, pool, &drops) { return Self.blocked(blocked, of: burst.count, &drops) }
        return .done
    }

    /// Where sending stopped: a frame, some of whose copies may have gone.
    struct Blocked {
        var frame: Int
        var isPartlySent: Bool
    }

    /// A frame that went to some hosts is not sent again to them: its other copies are lost, and counted.
    private static func blocked(_ at: Blocked, of count: Int, _ drops: inout DropTally) -> Endpoint.SendResult {
        guard at.isPartlySent else { return .blocked(from: at.frame) }
        drops.count(.noBuffers)
        return at.frame + 1 < count ? .blocked(from: at.frame + 1) : .done
    }

    /// Sends a batch and empties it; what stopped it when the socket takes no more.
    private mutating func flush(
        _ fd: Int32,
        _ batch: inout Batch,
        _ pool: borrowing FramePool,
        _ drops: inout DropTally
    ) -> Blocked? {
        var next = 0
        defer { batch.count = 0 }
        while next < batch.count {
            var attempted = 0
            let result = UDPSocket.sendBatch(
                fd,
                from: pool.slab,
                batch.parts.span.extracting(droppingFirst: next),
                count: batch.count - next,
                prefix: UDPSocket.Prefix(byteCount: prefixByteCount, stride: prefixStride),
                prefixes: prefixes.span.extracting(droppingFirst: next * prefixStride),
                segmentLimit: segmentLimit,
                attempted: &attempted
            )
            if result > 0 {
                next += result
                continue
            }
            let error = Errno(rawValue: Int32(truncatingIfNeeded: -result))
            if error == .wouldBlock {
                let frame = batch.frames[next]
                let isPartlySent = next > 0 && batch.frames[next - 1] == frame
                return Blocked(frame: Int(frame), isPartlySent: isPartlySent)
            }
            if attempted > 1 {
                // The kernel does not cut what it would also have to fragment: these and larger ones go one by one.
                segmentLimit = min(segmentLimit, Int(batch.parts[next].byteCount) + prefixByteCount - 1)
                continue
            }
            drops.count(DropTally.cause(of: error))
            next += 1
        }
        return nil
    }

    /// A header without a frame: others forget at once which stations were here.
    func sayGoodbye(_ fd: Int32) {
        let header = prefixes.span.extracting(first: prefixByteCount)
        for index in 0..<destinationCount { UDPSocket.send(fd, header, to: destinations[index]) }
    }
}
