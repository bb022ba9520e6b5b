// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Gateway
import TestSupport
import Testing
import Wire

/// A frame that the gateway sent.
struct SentFrame {
    var bytes: [UInt8]
    var header: VirtioNetHeader

    var type: UInt16 { UInt16(bytes[12]) << 8 | UInt16(bytes[13]) }
    var destination: MACAddress { MACAddress(bytes.span, at: 0) }
    var source: MACAddress { MACAddress(bytes.span, at: 6) }
    var arp: ARPMessage? { type == 0x0806 ? ARPMessage.parse(bytes.span, at: 14) : nil }
    var ip: IPv4Header? { type == 0x0800 ? IPv4Header.parse(bytes.span, at: 14) : nil }
    var tcp: SentSegment? { SentSegment(self) }

    /// The bytes behind the IP header.
    var packetPayload: [UInt8] {
        guard let ip else { return [] }
        return Array(bytes[(14 + ip.headerByteCount)..<(14 + ip.totalByteCount)])
    }

    /// The data of a UDP datagram.
    var udp: (header: UDPHeader, data: [UInt8])? {
        guard let ip, ip.protocolNumber == IPProtocol.udp, !ip.isFragment,
            let header = UDPHeader.parse(bytes.span, at: 34, availableByteCount: ip.payloadByteCount)
        else { return nil }
        return (header, Array(bytes[42..<(34 + header.byteCount)]))
    }
}

/// A TCP segment that the gateway sent.
struct SentSegment {
    var header: TCPHeader
    var options: TCPOptions
    var payload: [UInt8]
    var gsoSize: Int

    init?(_ frame: SentFrame) {
        guard let ip = frame.ip, ip.protocolNumber == IPProtocol.tcp,
            let header = TCPHeader.parse(frame.bytes.span, at: 34, segmentByteCount: ip.payloadByteCount)
        else { return nil }
        self.header = header
        options = header.options(frame.bytes.span, at: 34)
        payload = Array(frame.bytes[(34 + header.headerByteCount)..<(14 + ip.totalByteCount)])
        gsoSize = Int(frame.header.gsoSize)
    }

    var sequence: UInt32 { header.sequence }
    var acknowledgement: UInt32 { header.acknowledgement }
    var flags: TCPFlags { header.flags }
}

/// A gateway with a host in memory, a pool and a clock that the test moves.
final class Rig {
    static let guestMAC = MACAddress(rawValue: 0x0200_0000_00aa)
    static let guestIP = IPv4Address(10, 0, 2, 50)
    static let far = IPv4Address(192, 0, 2, 9)

    var state: StateMemory
    var gateway: Gateway
    var pool = FramePool(smallCount: 256, largeCount: 64)
    var output: FrameBurst
    var host = FakeHost()
    var now: UInt64 = 5_000_000_000
    var sent: [SentFrame] = []
    let configuration: GatewayConfiguration

    init(capacity: Int = 64, _ change: (inout GatewayConfiguration) -> Void = { _ in }) throws {
        var configuration = try GatewayConfiguration(network: #require(IPv4Network("10.0.2.0/24")))
        configuration.seed = 42
        configuration.limits.spillChunkCount = 128
        configuration.limits.tcpFlowCount = 256
        configuration.limits.udpFlowCount = 64
        configuration.limits.neighbourCount = 64
        configuration.limits.leaseCount = 64
        change(&configuration)
        self.configuration = configuration
        state = StateMemory(byteCount: Gateway.stateByteCount(configuration) + 8192)
        gateway = Gateway(configuration: configuration, state: &state)
        output = FrameBurst(capacity: capacity)
    }

    var mac: MACAddress { configuration.macAddress }
    var counters: GatewayCounters { gateway.counters }
    var hasPendingWork: Bool { gateway.hasPendingWork }
    var nextDeadline: UInt64? { gateway.nextDeadline }

    /// Sends a frame to the gateway and lets it finish.
    func inject(_ bytes: [UInt8], header: VirtioNetHeader = .plain) {
        receive(bytes, header: header)
        settle()
    }

    /// Sends a frame without ending the burst.
    func receive(_ bytes: [UInt8], header: VirtioNetHeader = .plain) {
        guard let frame = pool.allocate(byteCount: bytes.count) else {
            Issue.record("the pool is empty")
            return
        }
        var target = pool.mutableBytes(frame)
        for index in bytes.indices { target[index] = bytes[index] }
        pool.setHeader(header, of: frame)
        gateway.receive(frame, pool: &pool, host: &host, output: &output, now: now)
        pool.release(frame)
        collect()
    }

    /// Ends the burst and lets all pending work be done; it must come to an end.
    func settle() {
        gateway.finishBurst(pool: &pool, host: &host, output: &output, now: now)
        collect()
        for _ in 0..<2000 where gateway.hasPendingWork {
            gateway.continueWork(pool: &pool, host: &host, output: &output, now: now)
            collect()
        }
        let isPending = gateway.hasPendingWork
        #expect(!isPending)
    }

    /// Reports readiness of a socket.
    func ready(_ socket: Int, _ events: HostEvents) {
        gateway.hostReady(
            host.sockets[socket].token,
            events: events,
            pool: &pool,
            host: &host,
            output: &output,
            now: now
        )
        settle()
    }

    func forwardReady(_ number: Int) {
        gateway.hostReady(.forward(number), events: .readable, pool: &pool, host: &host, output: &output, now: now)
        settle()
    }

    /// Moves the clock and lets due timers fire.
    func advance(milliseconds: Int) {
        let end = now + UInt64(milliseconds) * 1_000_000
        while let deadline = gateway.nextDeadline, deadline <= end {
            now = max(now, deadline)
            gateway.expire(pool: &pool, host: &host, output: &output, now: now)
            collect()
            settle()
        }
        now = end
    }

    /// Takes what was sent out of the burst, and checks every frame as a receiver would.
    private func collect() {
        for index in 0..<output.count {
            let frame = output[index]
            var header = pool.header(frame)
            let isSuperFrame = header.isSuperFrame
            if header.needsChecksum {
                let kept = header
                var bytes = pool.mutableBytes(frame)
                let isValid = kept.validate(frameByteCount: bytes.count)
                #expect(isValid)
                let isComplete = ChecksumCompletion.complete(kept, frame: &bytes)
                #expect(isComplete)
            }
            if !isSuperFrame { header = .plain }
            let sentFrame = SentFrame(bytes: copy(pool.bytes(frame)), header: header)
            check(sentFrame)
            sent.append(sentFrame)
            pool.release(frame)
        }
        output.removeAll()
    }

    private func copy(_ span: Span<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(span.count)
        for index in span.indices { bytes.append(span[index]) }
        return bytes
    }

    private func check(_ frame: SentFrame) {
        #expect(frame.source == mac)
        guard frame.type == 0x0800 else { return }
        let ip = frame.ip
        #expect(ip != nil, "the IP header is malformed")
        guard let ip, !ip.isFragment else { return }
        #expect(frame.header.isSuperFrame || ip.totalByteCount <= configuration.mtu)
        guard ip.protocolNumber != IPProtocol.icmp else {
            let isRight = InternetChecksum.verify(frame.bytes.span, from: 34, to: 14 + ip.totalByteCount)
            #expect(isRight)
            return
        }
        let end = 14 + ip.totalByteCount
        let isRight = InternetChecksum.verify(frame.bytes.span, from: 34, to: end, initial: ip.pseudoHeaderSum)
        #expect(isRight, "wrong transport checksum")
    }

    /// All frames since the last call.
    func takeSent() -> [SentFrame] {
        defer { sent = [] }
        return sent
    }

    func takeSegments() -> [SentSegment] { takeSent().compactMap(\.tcp) }

    /// No frame is held any more.
    func expectNoLeak(_ location: SourceLocation = #_sourceLocation) {
        #expect(pool.freeSmallCount == pool.smallCount, sourceLocation: location)
        #expect(pool.freeLargeCount == pool.largeCount, sourceLocation: location)
    }
}
