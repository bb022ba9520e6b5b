// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
import LinuxSystem
import PacketFilter

/// Frames of a device of the kernel's, such as that of an interface on a bridge segment, by a packet socket that somebody has made
/// in the device's network namespace.
///
/// What the device's other side sends is what comes in: of `alice-eth0` what alice sends.
final class DeviceCapture {
    let socket: OwnedDescriptor
    let name: String
    private let request: CaptureRequest
    private let filter: FilterProgram?
    private var slab: [UInt8]
    private var parts: [FrameSocket.Part]
    private var overflow: UInt32 = 0
    private(set) var lostCount: UInt64 = 0
    private(set) var hasEnded = false
    /// Frames that may have waited at the capture's end.
    private var restCount = 4096

    static var port: Int { 1 }
    /// The virtio-net header lies before a frame, and a VLAN tag that the kernel has taken out comes before what follows it.
    private static var headRoom: Int { 16 }
    /// A super-frame with its link-layer header.
    private static var room: Int { 65_536 + 64 }
    private static var batchCount: Int { 8 }

    init(_ socket: consuming OwnedDescriptor, _ name: String, _ request: CaptureRequest) throws(Failure) {
        self.socket = socket
        self.name = name
        self.request = request
        slab = [UInt8](repeating: 0, count: Self.batchCount * (Self.room + Self.headRoom))
        parts = [FrameSocket.Part](
            repeating: FrameSocket.Part(offset: Self.headRoom, byteCount: 0),
            count: Self.batchCount
        )
        do {
            filter = request.filter.isEmpty ? nil : try FilterProgram(bytes: request.filter)
        } catch {
            throw Failure("\(name): cannot be listened to: \(error)")
        }
    }

    /// Hands over frames as `CaptureReader` does. True: more may be there.
    func drain(atMost limit: Int, _ body: (CaptureRecord, Span<UInt8>) -> Void) -> Bool {
        var left = limit
        while left > 0, !hasEnded {
            let count = min(left, Self.batchCount)
            let received = receive(count)
            for index in 0..<max(received, 0) { take(index, body) }
            guard received == count else { return false }
            left -= received
        }
        return !hasEnded
    }

    /// Hands over the next frame at the capture's end; false when none waits, or so many were there that they are new ones.
    func next(_ body: (CaptureRecord, Span<UInt8>) -> Void) -> Bool {
        guard restCount > 0, !hasEnded, receive(1) > 0 else { return false }
        restCount -= 1
        take(0, body)
        return true
    }

    private func receive(_ count: Int) -> Int {
        for index in 0..<count {
            let offset = index * (Self.room + Self.headRoom) + Self.headRoom
            parts[index] = FrameSocket.Part(offset: offset, byteCount: Self.room)
        }
        var total = overflow
        var slab = slab.mutableSpan
        var parts = parts.mutableSpan
        let received = FrameSocket.receiveBatch(socket.rawValue, into: &slab, &parts, count: count, overflow: &total)
        lostCount += UInt64(total &- overflow)
        overflow = total
        if received < 0 {
            let error = Errno(rawValue: Int32(truncatingIfNeeded: -received))
            // A super-frame of a kind that no header describes is invalid: it alone is lost.
            if error == .invalid {
                lostCount += 1
            } else if error != .wouldBlock && error != .interrupted {
                hasEnded = true
            }
        }
        return received
    }

    private func take(_ index: Int, _ body: (CaptureRecord, Span<UInt8>) -> Void) {
        let part = parts[index]
        let isInbound = part.isOutgoing == 0
        guard isInbound ? request.isInbound : request.isOutbound, part.byteCount >= 14 else { return }
        var start = Int(part.offset)
        let header = start - 12
        var byteCount = Int(part.byteCount)
        // struct virtio_net_hdr: flags, gso_type, hdr_len, gso_size, in this machine's byte order.
        let needsChecksum = slab[header] & 1 != 0
        let isSuperFrame = slab[header + 1] & 0x7f != 0
        let segment = isSuperFrame ? UInt16(slab[header + 4]) | UInt16(slab[header + 5]) << 8 : 0
        if part.tag != 0 {
            start -= 4
            for place in start..<(start + 12) { slab[place] = slab[place + 4] }
            for place in 0..<4 {
                slab[start + 12 + place] = UInt8(truncatingIfNeeded: part.tag >> UInt32(24 - 8 * place))
            }
            byteCount += 4
        }
        let bytes = slab
        let frame = bytes.span.extracting(start..<(start + min(byteCount, Self.room)))
        // By itself, and not by the kernel, which sees no tags where they are.
        if let filter, !filter.accepts(frame) { return }
        let record = CaptureRecord(
            time: MonotonicClock.nanoseconds,
            port: UInt16(Self.port),
            isInbound: isInbound,
            segmentByteCount: segment,
            needsChecksum: needsChecksum,
            byteCount: byteCount
        )
        let present = min(frame.count, request.snapLength > 0 ? request.snapLength : .max)
        body(record, frame.extracting(0..<present))
    }
}
