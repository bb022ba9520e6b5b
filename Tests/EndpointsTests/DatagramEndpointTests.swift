// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import Testing

@Suite("Datagram endpoints")
struct DatagramEndpointTests {
    @Test("frames arrive as they were sent, 32 a burst at most")
    func receivesBursts() throws {
        let pair = try UnixSocket.pair(.datagram)
        let peer = pair.first
        let endpoint = Endpoint.datagram(DatagramEndpoint(pair.second))
        var bench = EndpointBench()
        let sent = (0..<40).map { testFrame($0, byteCount: 14 + $0 * 37) }
        for frame in sent { try UnixSocket.send(frame, to: peer) }
        #expect(bench.receive(endpoint) == .more)
        #expect(bench.burst.count == 32)
        #expect(bench.burst.byteCount == sent.prefix(32).reduce(0) { $0 + $1.count })
        let first = bench.takeFrames()
        #expect(bench.receive(endpoint) == .drained)
        let second = bench.takeFrames()
        #expect(first + second == sent)
        #expect(bench.receive(endpoint) == .drained)
        #expect(bench.burst.isEmpty == true)
        #expect(bench.drops.isEmpty)
        #expect(bench.isPoolWhole == true)
    }

    @Test("received frames are ordinary ones")
    func plainHeader() throws {
        let pair = try UnixSocket.pair(.datagram)
        let peer = pair.first
        let endpoint = Endpoint.datagram(DatagramEndpoint(pair.second))
        var bench = EndpointBench(largeCount: 1)
        // The slot held a super-frame before.
        try bench.stage([1, 1] + [UInt8](repeating: 0xff, count: 10) + testFrame(0, byteCount: 3000), hasHeader: true)
        _ = bench.takeFrames()
        try UnixSocket.send(testFrame(1), to: peer)
        _ = bench.receive(endpoint)
        #expect(bench.takeFrames(withHeader: true) == [[UInt8](repeating: 0, count: 12) + testFrame(1)])
    }

    @Test("frames too short or too long are counted, and the others of the burst kept")
    func damaged() throws {
        let pair = try UnixSocket.pair(.datagram)
        let peer = pair.first
        UnixSocket.setSendBuffer(peer, byteCount: 1 << 20)
        let endpoint = Endpoint.datagram(DatagramEndpoint(pair.second))
        var bench = EndpointBench()
        let largest = testFrame(2, byteCount: FramePool.largeCapacity)
        try UnixSocket.send(testFrame(0), to: peer)
        try UnixSocket.send([1], to: peer)
        try UnixSocket.send([UInt8](testFrame(1).prefix(13)), to: peer)
        try UnixSocket.send(testFrame(3, byteCount: FramePool.largeCapacity + 1), to: peer)
        try UnixSocket.send(testFrame(1, byteCount: 14), to: peer)
        _ = bench.receive(endpoint)
        try UnixSocket.send(largest, to: peer)
        _ = bench.receive(endpoint)
        #expect(bench.takeFrames() == [testFrame(0), testFrame(1, byteCount: 14), largest])
        #expect(bench.drops[.runt] == 2)
        #expect(bench.drops[.truncated] == 1)
        #expect(bench.isPoolWhole == true)
    }

    @Test("an empty datagram is a client's farewell, not a frame lost")
    func emptyDatagram() throws {
        let pair = try UnixSocket.pair(.datagram)
        let peer = pair.first
        let endpoint = Endpoint.datagram(DatagramEndpoint(pair.second))
        var bench = EndpointBench()
        try UnixSocket.send([], to: peer)
        try UnixSocket.send(testFrame(1), to: peer)
        _ = bench.receive(endpoint)
        #expect(bench.takeFrames() == [testFrame(1)])
        #expect(bench.drops.isEmpty)
    }

    @Test("no more is taken than the burst has room for, the rest waits")
    func smallBurst() throws {
        let pair = try UnixSocket.pair(.datagram)
        let peer = pair.first
        let endpoint = Endpoint.datagram(DatagramEndpoint(pair.second))
        var bench = EndpointBench(burstCapacity: 3)
        for number in 0..<5 { try UnixSocket.send(testFrame(number), to: peer) }
        #expect(bench.receive(endpoint) == .more)
        #expect(bench.takeFrames() == (0..<3).map { testFrame($0) })
        _ = bench.receive(endpoint)
        #expect(bench.takeFrames() == (3..<5).map { testFrame($0) })
    }

    @Test("without free slots frames stay with the kernel until there are some")
    func poolExhausted() throws {
        let pair = try UnixSocket.pair(.datagram)
        let peer = pair.first
        let endpoint = Endpoint.datagram(DatagramEndpoint(pair.second))
        var bench = EndpointBench(smallCount: 0, largeCount: 2)
        for number in 0..<3 { try UnixSocket.send(testFrame(number), to: peer) }
        _ = bench.receive(endpoint)
        #expect(bench.burst.count == 2)
        #expect(bench.receive(endpoint) == .drained)
        #expect(bench.takeFrames() == [testFrame(0), testFrame(1)])
        _ = bench.receive(endpoint)
        #expect(bench.takeFrames() == [testFrame(2)])
        #expect(bench.drops.isEmpty)
    }

    @Test("bursts are sent whole and in order", arguments: [1, 2, 31, 32, 33, 64])
    func sends(count: Int) throws {
        let pair = try UnixSocket.pair(.datagram)
        let peer = pair.first
        let endpoint = Endpoint.datagram(DatagramEndpoint(pair.second))
        var bench = EndpointBench()
        for number in 0..<count { try bench.stage(testFrame(number, byteCount: 60 + number)) }
        #expect(bench.send(endpoint) == .done)
        for number in 0..<count { #expect(try receiveMessage(peer) == testFrame(number, byteCount: 60 + number)) }
        #expect(try receiveMessage(peer) == nil)
        // The holds stay with the caller.
        _ = bench.takeFrames()
        #expect(bench.isPoolWhole == true)
    }

    @Test("a peer that does not read blocks the rest, which goes later, in order and once")
    func blocks() throws {
        let pair = try UnixSocket.pair(.datagram)
        let peer = pair.first
        UnixSocket.setSendBuffer(pair.second, byteCount: 16_384)
        let endpoint = Endpoint.datagram(DatagramEndpoint(pair.second))
        var bench = EndpointBench()
        for number in 0..<64 { try bench.stage(testFrame(number, byteCount: 1514)) }
        guard case .blocked(let next) = bench.send(endpoint) else {
            Issue.record("64 frames fit a small buffer")
            return
        }
        #expect(next > 0 && next < 64)
        // Nothing changes while nobody reads.
        #expect(bench.send(endpoint, from: next) == .blocked(from: next))
        var received: [[UInt8]] = []
        var position = next
        while received.count < 64 {
            while let frame = try receiveMessage(peer) { received.append(frame) }
            if case .blocked(let again) = bench.send(endpoint, from: position) {
                position = again
            } else {
                position = 64
            }
            try #require(received.count <= 64)
        }
        #expect(received == (0..<64).map { testFrame($0, byteCount: 1514) })
        #expect(bench.drops.isEmpty)
    }

    @Test("frames for a peer that is gone are counted as that", arguments: [1, 40])
    func peerGone(count: Int) throws {
        var pair = Optional(try UnixSocket.pair(.datagram))
        let halves = pair.take()!
        let peer = halves.first
        let endpoint = Endpoint.datagram(DatagramEndpoint(halves.second))
        try peer.close()
        var bench = EndpointBench()
        for number in 0..<count { try bench.stage(testFrame(number)) }
        #expect(bench.send(endpoint) == .done)
        #expect(bench.drops[.peerGone] == count)
        // Whether the endpoint ends is for its control connection to say.
        _ = bench.takeFrames()
        #expect(bench.receive(endpoint) == .drained)
    }

    @Test("a frame that the kernel refuses does not hold up those behind it")
    func tooLarge() throws {
        let pair = try UnixSocket.pair(.datagram)
        let peer = pair.first
        // The least that the kernel grants: 4608 bytes, bookkeeping included.
        UnixSocket.setSendBuffer(pair.second, byteCount: 1)
        let endpoint = Endpoint.datagram(DatagramEndpoint(pair.second))
        var bench = EndpointBench()
        try bench.stage(testFrame(1, byteCount: 9014))
        try bench.stage(testFrame(2, byteCount: 60))
        #expect(bench.send(endpoint) == .done)
        #expect(bench.drops[.tooLarge] == 1)
        #expect(try receiveMessage(peer) == testFrame(2))
    }

    @Test("a datagram endpoint takes plain frames only")
    func capabilities() throws {
        let pair = try UnixSocket.pair(.datagram)
        let endpoint = Endpoint.datagram(DatagramEndpoint(pair.first))
        #expect(endpoint.capabilities == [])
        #expect(endpoint.kind == .datagram)
    }
}
