// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem
import TunnelCrypto

/// A TCP connection that carries a tunnel's packets where UDP is blocked: each behind its length, 16 bits, big-endian.
///
/// Whoever connects is nobody until a packet of his is authentic; only then packets go there.
struct TunnelStream: ~Copyable {
    var descriptor: OwnedDescriptor?
    var received: [UInt8] = []
    var start = 0
    var end = 0
    /// What the socket has not taken yet.
    var unsent: [UInt8] = []
    var unsentStart = 0
    /// A packet that came here was authentic, and none has come by another connection since.
    var isProven = false
    /// Until when it has to be proven, in monotonic nanoseconds; `.max` once it is.
    var deadline: UInt64 = .max
    /// Tells one from all others that were ever here.
    var number: UInt64 = 0

    /// Room for a read; a packet is never larger than half of it.
    static var bufferByteCount: Int { 65_536 }
    /// The size of packets here: few lengths, and still small enough that one does not hold up many.
    static var packetByteCount: Int { 16_000 }
    static var packetLimit: Int { 20_000 }

    var rawDescriptor: Int32 {
        switch descriptor {
        case .some(let descriptor): descriptor.rawValue
        case nil: -1
        }
    }

    mutating func open(_ descriptor: consuming OwnedDescriptor, number: UInt64, deadline: UInt64) {
        close()
        self.descriptor = Optional(descriptor)
        self.number = number
        self.deadline = deadline
        received = [UInt8](repeating: 0, count: Self.bufferByteCount)
    }

    /// What a flood of strangers took is given back.
    mutating func close() {
        descriptor = nil
        (start, end, unsentStart, isProven, deadline) = (0, 0, 0, false, .max)
        received = []
        unsent = []
    }

    /// The bytes of the next packet that is here whole; nil: none is. A length that no packet has is `.max`.
    var packetSize: Int? {
        guard end - start >= 2 else { return nil }
        let size = Int(received[start]) << 8 | Int(received[start + 1])
        guard size > 0, size <= Self.packetLimit else { return .max }
        return end - start - 2 >= size ? size : nil
    }

    /// Reads what is there. False: the connection has ended.
    mutating func read() -> Bool {
        if start > 0 {
            for index in start..<end { received[index - start] = received[index] }
            (start, end) = (0, end - start)
        }
        guard end < received.count else { return true }
        let count = Self.receive(rawDescriptor, into: &received, from: end)
        if count == InternetSocket.wouldBlock { return true }
        guard count > 0 else { return false }
        end += count
        return true
    }

    private static func receive(_ fd: Int32, into bytes: inout [UInt8], from start: Int) -> Int {
        let count = bytes.count
        var span = bytes.mutableSpan
        var room = span._mutatingExtracting(start..<count)
        return InternetSocket.receive(fd, into: &room, peek: false)
    }

    mutating func append(_ packet: Span<UInt8>) {
        unsent.append(UInt8(truncatingIfNeeded: packet.count >> 8))
        unsent.append(UInt8(truncatingIfNeeded: packet.count))
        for index in 0..<packet.count { unsent.append(packet[index]) }
    }

    enum Progress { case done, blocked, ended }

    /// Sends what waits.
    mutating func flush() -> Progress {
        while unsentStart < unsent.count {
            let count = InternetSocket.send(rawDescriptor, unsent.span.extracting(unsentStart..<unsent.count))
            if count == InternetSocket.wouldBlock { return .blocked }
            guard count > 0 else { return .ended }
            unsentStart += count
        }
        unsentStart = 0
        unsent.removeAll(keepingCapacity: true)
        return .done
    }
}

extension TunnelState {
    /// Sends one packet on a connection.
    mutating func send(_ packet: Span<UInt8>, onStream index: Int) {
        guard streams[index].rawDescriptor >= 0 else { return }
        // A stranger who does not read costs a buffer, and no more.
        guard streams[index].unsent.count < TunnelStream.bufferByteCount else { return }
        streams[index].append(packet)
        // Whether it has ended is told by reading, after which the control thread hears of it.
        _ = streams[index].flush()
    }

    /// Seals frames and sends them on the connection. A message that went in part stays in the connection's buffer; its
    /// last frame is then called blocked, so that the caller waits for room, and is passed over when it comes again.
    mutating func sendOnStream(
        _ burst: borrowing FrameBurst,
        from first: Int,
        pool: borrowing FramePool,
        drops: inout DropTally
    ) -> Endpoint.SendResult {
        var next = first
        switch streams[stream].flush() {
        case .done: break
        case .blocked: return .blocked(from: first)
        case .ended:
            drops.count(.noCarrier, burst.count - first)
            return .done
        }
        if let held = heldByteCount.take(), next < burst.count, burst[next].byteCount == held { next += 1 }
        while next < burst.count {
            let taken = sender.assemble(
                burst,
                from: next,
                pool: pool,
                datagramByteCount: TunnelStream.packetByteCount
            )
            guard sender.seal(with: &peer, now: now) else {
                drops.count(.noCarrier, burst.count - next)
                return .done
            }
            var start = 0
            while start < sender.byteCount {
                let end = min(start + sender.stride, sender.byteCount)
                Self.append(sender.packets, start..<end, to: &streams[stream])
                start = end
            }
            switch streams[stream].flush() {
            case .done: next += taken
            case .blocked:
                heldByteCount = burst[next + taken - 1].byteCount
                return .blocked(from: next + taken - 1)
            case .ended:
                drops.count(.noCarrier, burst.count - next)
                return .done
            }
        }
        return .done
    }

    private static func append(_ bytes: borrowing [UInt8], _ range: Range<Int>, to stream: inout TunnelStream) {
        stream.append(bytes.span.extracting(range))
    }

    /// Takes the packets that are here whole. False: the burst is full.
    mutating func takeHeld(
        into burst: inout FrameBurst,
        pool: inout FramePool,
        drops: inout DropTally
    ) -> Bool {
        guard hasStream else { return true }
        for index in 0..<Self.streamCount {
            while let size = streams[index].packetSize {
                guard size != .max else {
                    drops.count(.malformed)
                    endStream(index)
                    break
                }
                guard burst.freeCount >= TunnelMessage.maximumRecordCount else { return false }
                let start = streams[index].start + 2
                for offset in 0..<size { received[offset] = streams[index].received[start + offset] }
                streams[index].start = start + size
                arrival = index
                take(at: 0, byteCount: size, into: &burst, pool: &pool, drops: &drops)
                arrival = -1
            }
        }
        return true
    }

    var holdsPackets: Bool {
        guard hasStream else { return false }
        for index in 0..<Self.streamCount where streams[index].packetSize != nil { return true }
        return false
    }
}
