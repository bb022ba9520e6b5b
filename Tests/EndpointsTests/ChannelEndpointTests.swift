// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import TestSupport
import Testing
import Wire

@Suite("Channel endpoints")
struct ChannelEndpointTests {
    private let plain = [UInt8](repeating: 0, count: 12)

    @Test("frames go with their headers, super-frames whole, in both directions")
    func carriesSuperFrames() throws {
        let pair = try UnixSocket.pair(.sequencedPacket)
        let one = Endpoint.channel(ChannelEndpoint(pair.first))
        let other = Endpoint.channel(ChannelEndpoint(pair.second))
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 7, count: 60_000)
        let messages = [
            plain + testFrame(1), recipe.virtioHeader + recipe.bytes,
            plain + testFrame(2, byteCount: FramePool.largeCapacity),
        ]
        var bench = EndpointBench()
        for message in messages { try bench.stage(message, hasHeader: true) }
        #expect(bench.send(one) == .done)
        _ = bench.takeFrames()
        var received: [[UInt8]] = []
        for _ in 0..<3 where received.count < 3 {
            _ = bench.receive(other)
            received += bench.takeFrames(withHeader: true)
        }
        #expect(received == messages)
        #expect(bench.drops.isEmpty)
        #expect(bench.isPoolWhole == true)
        #expect(one.capabilities == .all)
        #expect(one.kind == .channel)
    }

    @Test("a burst ends after about 128 KiB, so that others get their turn")
    func burstBytes() throws {
        let pair = try UnixSocket.pair(.sequencedPacket)
        let peer = pair.first
        UnixSocket.setSendBuffer(peer, byteCount: 1 << 20)
        let endpoint = Endpoint.channel(ChannelEndpoint(pair.second))
        var bench = EndpointBench()
        var sent = 0
        while sent < 5, (try? UnixSocket.send(plain + testFrame(sent, byteCount: 60_000), to: peer)) != nil {
            sent += 1
        }
        try #require(sent >= 4)
        #expect(bench.receive(endpoint) == .more)
        #expect(bench.burst.count == 3)
    }

    /// A UDP frame to 192.0.2.2 whose checksum begins at 34 and stands at 40.
    private static let datagram: [UInt8] = hex(
        """
        02 00 00 00 00 0b 02 00 00 00 00 0a 08 00                    # Ethernet
        45 00 00 20 00 00 40 00 40 11 00 00 c0 00 02 01 c0 00 02 02  # IPv4
        c0 00 00 07 00 0c 00 00                                      # UDP
        01 02 03 04                                                  # payload
        """
    )

    @Test(
        "headers that contradict their frames are refused",
        arguments: [
            "01 00 0000 0000 2c00 0600 0000",  // The checksum would stand behind the frame's end.
            "01 00 0000 0000 ffff ffff 0000",  // Offsets whose sum overflows sixteen bits.
            "01 00 0000 0000 0d00 0000 0000",  // Summing would begin inside of the Ethernet header.
            "00 01 3600 b405 2200 1000 0000",  // A super-frame that has its checksum already.
            "01 01 3600 0000 2200 0600 0000",  // Segments of no bytes.
            "01 01 3600 0700 2200 0600 0000",  // Segments too small to be meant.
            "01 05 2a00 0000 2200 0600 0000",  // UDP segments of no bytes.
            "01 03 2a00 b405 2200 0600 0000",  // IP fragmentation, which nobody offers.
            "01 02 2a00 b405 2200 0600 0000",  // No known type.
            "01 85 2a00 b405 2200 0600 0000",  // ECN is TCP's.
            "00 80 0000 0000 0000 0000 0000",  // ECN without a super-frame.
            "01 00 ffff 0000 2200 0600 0000",  // Headers longer than the frame.
        ]
    )
    func badHeaders(header: String) throws {
        let pair = try UnixSocket.pair(.sequencedPacket)
        let peer = pair.first
        let endpoint = Endpoint.channel(ChannelEndpoint(pair.second))
        var bench = EndpointBench()
        try UnixSocket.send(hex(header) + Self.datagram, to: peer)
        try UnixSocket.send(hex("01 00 0000 0000 2200 0600 0000") + Self.datagram, to: peer)
        _ = bench.receive(endpoint)
        #expect(bench.drops[.badHeader] == 1)
        // The good one behind it is kept.
        #expect(bench.takeFrames() == [Self.datagram])
        #expect(bench.isPoolWhole == true)
    }

    @Test("messages too short and too long are counted")
    func damaged() throws {
        let pair = try UnixSocket.pair(.sequencedPacket)
        let peer = pair.first
        UnixSocket.setSendBuffer(peer, byteCount: 1 << 20)
        let endpoint = Endpoint.channel(ChannelEndpoint(pair.second))
        var bench = EndpointBench()
        for length in [1, 11, 12, 25] { try UnixSocket.send([UInt8](repeating: 0, count: length), to: peer) }
        try UnixSocket.send([UInt8](repeating: 0, count: 12 + FramePool.largeCapacity + 1), to: peer)
        try UnixSocket.send(plain + testFrame(1, byteCount: 14), to: peer)
        _ = bench.receive(endpoint)
        #expect(bench.drops[.runt] == 4)
        #expect(bench.drops[.truncated] == 1)
        #expect(bench.takeFrames() == [testFrame(1, byteCount: 14)])
        #expect(bench.isPoolWhole == true)
    }

    @Test("what was sent before the end still arrives, then the endpoint has ended")
    func ends() throws {
        let pair = try UnixSocket.pair(.sequencedPacket)
        let peer = pair.first
        let endpoint = Endpoint.channel(ChannelEndpoint(pair.second))
        var bench = EndpointBench()
        #expect(bench.receive(endpoint) == .drained)
        try UnixSocket.send(plain + testFrame(1), to: peer)
        try peer.close()
        #expect(bench.receive(endpoint) == .ended)
        #expect(bench.takeFrames() == [testFrame(1)])
        #expect(bench.receive(endpoint) == .ended)
        #expect(bench.isPoolWhole == true)
    }

    @Test("frames for a peer that is gone are counted as that")
    func peerGone() throws {
        let pair = try UnixSocket.pair(.sequencedPacket)
        let peer = pair.first
        let endpoint = Endpoint.channel(ChannelEndpoint(pair.second))
        try peer.close()
        var bench = EndpointBench()
        for number in 0..<3 { try bench.stage(testFrame(number)) }
        #expect(bench.send(endpoint) == .done)
        #expect(bench.drops[.peerGone] == 3)
    }

    @Test("a peer that does not read blocks the rest")
    func blocks() throws {
        let pair = try UnixSocket.pair(.sequencedPacket)
        let peer = pair.first
        let endpoint = Endpoint.channel(ChannelEndpoint(pair.second))
        var bench = EndpointBench()
        for number in 0..<64 { try bench.stage(testFrame(number, byteCount: 65_000)) }
        guard case .blocked(let next) = bench.send(endpoint) else {
            Issue.record("four megabytes fit")
            return
        }
        #expect(next > 0)
        for number in 0..<next { #expect(try receiveMessage(peer) == plain + testFrame(number, byteCount: 65_000)) }
        #expect(try receiveMessage(peer) == nil)
        if case .blocked(let again) = bench.send(endpoint, from: next) { #expect(again > next) }
        #expect(try receiveMessage(peer) == plain + testFrame(next, byteCount: 65_000))
    }
}
