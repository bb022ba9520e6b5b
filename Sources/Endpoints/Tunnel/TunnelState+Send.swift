// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import TunnelCrypto

extension TunnelState {
    /// Seals and sends frames. Those that the socket does not take now are sealed anew when it does.
    mutating func send(
        _ burst: borrowing FrameBurst,
        from first: Int,
        now: UInt64,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        self.now = now
        guard peer.canSend, stream >= 0 || path != .none else {
            drops.count(.noCarrier, burst.count - first)
            return .done
        }
        if stream >= 0 { return sendOnStream(burst, from: first, pool: pool, drops: &drops) }
        var next = first
        while next < burst.count {
            let taken = sender.assemble(burst, from: next, pool: pool, datagramByteCount: probe.confirmed)
            probe.noteTraffic(size: sender.stride, now: now)
            guard sender.seal(with: &peer, now: now) else {
                drops.count(.noCarrier, burst.count - next)
                return .done
            }
            switch transmit() {
            case 0: next += taken
            case -Int(Errno.wouldBlock.rawValue): return .blocked(from: next)
            case let error:
                if adapt(to: Errno(rawValue: Int32(truncatingIfNeeded: -error))) { continue }
                drops.count(DropTally.cause(of: Errno(rawValue: Int32(truncatingIfNeeded: -error))), taken)
                next += taken
            }
        }
        return .done
    }

    /// Sends the sealed packets in as few calls as possible: 0 or `-errno`. When a later call of a message is refused, the
    /// whole message is sent again later; the receiver then puts it together from the second copy.
    private mutating func transmit() -> Int {
        let fd = descriptor(channel: 0)
        let stride = sender.stride
        // Limits of UDP_SEGMENT: 64 segments (UDP_MAX_SEGMENTS before Linux 6.9), 65,507 bytes over IPv4.
        let perCall = isSegmented ? max(1, min(64, 65_487 / stride)) : 1
        var start = 0
        let span = sender.packets.span
        while start < sender.byteCount {
            let end = min(start + perCall * stride, sender.byteCount)
            let bytes = span.extracting(start..<end)
            let result = UDPSocket.send(fd, bytes, segment: end - start > stride ? stride : 0, to: path)
            if result < 0 { return result }
            start = end
        }
        return 0
    }

    /// The kernel refused a message: whether another try makes sense.
    private mutating func adapt(to error: Errno) -> Bool {
        switch error {
        case .messageTooLarge, .invalid:
            // Too large for the interface. With UDP_SEGMENT older kernels say EINVAL.
            let before = probe.confirmed
            probe.noteRefusal(now: now)
            return probe.confirmed < before
        case Errno(rawValue: 5):
            // The interface cannot sum checksums, which UDP_SEGMENT wants (udp(7)).
            guard isSegmented else { return false }
            isSegmented = false
            return true
        default: return false
        }
    }
}
