// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import TestSupport
import Testing

@Suite("Tunnel endpoints")
struct TunnelEndpointTests {
    private let plain = [UInt8](repeating: 0, count: 12)

    @Test("frames and super-frames pass whole, in both directions", arguments: [1228, 1372, 1500, 9000, 65_535])
    func carries(mtu: Int) throws {
        var tunnel = try TunnelBench { $0.maximumDatagramByteCount = min(mtu - 28, 65_000) }
        tunnel.expectConnection()
        var recipe = SuperFrame()
        recipe.payload = (0..<60_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let messages = [
            plain + testFrame(1), recipe.virtioHeader + recipe.bytes, plain + testFrame(2, byteCount: 1514),
            plain + testFrame(3, byteCount: FramePool.largeCapacity), plain + testFrame(4, byteCount: 14),
        ]
        try tunnel.expectPassage(messages, from: tunnel.one)
        try tunnel.expectPassage(messages, from: tunnel.other)
        #expect(tunnel.bench.drops.isEmpty == true)
        #expect(tunnel.bench.isPoolWhole == true)
    }

    @Test("without segmentation the same")
    func carriesSingly() throws {
        var tunnel = try TunnelBench {
            $0.isSegmented = false
            $0.maximumDatagramByteCount = 1372
        }
        tunnel.expectConnection()
        let messages = (0..<30).map { plain + testFrame($0, byteCount: 1514) }
        try tunnel.expectPassage(messages, from: tunnel.one)
    }

    @Test("many small frames are more than one burst takes")
    func manySmallOnes() throws {
        var tunnel = try TunnelBench { $0.maximumDatagramByteCount = 1372 }
        tunnel.expectConnection()
        var sent: [[UInt8]] = []
        for round in 0..<8 {
            let messages = (0..<40).map { plain + testFrame(round * 40 + $0) }
            let result14 = try tunnel.send(messages, from: tunnel.one)
            #expect(result14 == .done)
            sent += messages
        }
        let result4 = tunnel.receive(tunnel.other)
        #expect(result4 == sent)
        #expect(tunnel.bench.isPoolWhole == true)
    }

    @Test("before there is a session nothing goes out, and it is counted")
    func noSession() throws {
        var tunnel = try TunnelBench()
        let result15 = try tunnel.send([plain + testFrame(1)], from: tunnel.one)
        #expect(result15 == .done)
        #expect(tunnel.bench.drops[.noCarrier] == 1)
    }

    @Test("nonsense, copies and cut packets are counted by cause, and hurt nobody")
    func hostile() throws {
        var tunnel = try TunnelBench { $0.maximumDatagramByteCount = 1372 }
        tunnel.expectConnection()
        let stranger = try TunnelBench.socket()
        let target = InternetAddress(ipv4: 0x7f00_0001, port: tunnel.otherPort)
        func inject(_ bytes: [UInt8]) { _ = UDPSocket.send(stranger.rawValue, bytes.span, to: target) }
        inject([])
        inject([1, 2, 3])
        inject([4, 0, 0, 0] + [UInt8](repeating: 9, count: 10))
        inject([4, 0, 0, 0] + [UInt8](repeating: 9, count: 200))
        inject([1, 0, 0, 0] + [UInt8](repeating: 9, count: 140))
        inject([1, 0, 0, 0] + [UInt8](repeating: 9, count: 1400))
        inject([UInt8](repeating: 0xff, count: 60_000))
        let result5 = tunnel.receive(tunnel.other).isEmpty
        #expect(result5 == true)
        #expect(tunnel.bench.drops[.malformed] == 5)
        #expect(tunnel.bench.drops[.notAuthentic] == 2)
        try tunnel.expectFramePasses()
    }

    @Test("a peer that moves is followed once its packet proves who it is")
    func roams() throws {
        var tunnel = try TunnelBench()
        tunnel.expectConnection()
        // A relay between the two: what `one` sends arrives from another address from now on.
        let relay = try TunnelBench.socket()
        let port = try UDPSocket.localAddress(relay).port
        let receiver = try TunnelBench.socket()
        _ = receiver
        let result17 = try tunnel.send([plain + testFrame(1)], from: tunnel.one)
        #expect(result17 == .done)
        // Taken from the kernel before `other` reads it, and sent on by the relay.
        var bytes = [UInt8](repeating: 0, count: 65_536)
        var from = InternetAddress.none
        var span = bytes.mutableSpan
        let reception = UDPSocket.receive(tunnel.other.endpoint.descriptor(channel: 0), into: &span, from: &from)
        #expect(from.port == tunnel.onePort)
        let target = InternetAddress(ipv4: 0x7f00_0001, port: tunnel.otherPort)
        _ = UDPSocket.send(relay.rawValue, bytes.span.extracting(0..<reception.byteCount), to: target)
        let result7 = tunnel.receive(tunnel.other)
        #expect(result7 == [plain + testFrame(1)])
        let notice = tunnel.other.endpoint.takeNotice()
        #expect(notice == EndpointNotice(.peerMoved, value: 0x7f00_0001 << 16 | UInt64(port)))
        // Answers go there now.
        let result18 = try tunnel.send([plain + testFrame(2)], from: tunnel.other)
        #expect(result18 == .done)
        let result8 = tunnel.receive(tunnel.one).isEmpty
        #expect(result8 == true)
        // The same packet once more, from the old place, moves nothing.
        _ = UDPSocket.send(relay.rawValue, bytes.span.extracting(0..<reception.byteCount), to: target)
        let result9 = tunnel.receive(tunnel.other).isEmpty
        #expect(result9 == true)
        #expect(tunnel.bench.drops[.replayed] == 1)
        #expect(tunnel.other.endpoint.takeNotice() == nil)
    }

    @Test("a lost packet costs the frames that touch it, and no others")
    func loss() throws {
        var tunnel = try TunnelBench {
            $0.maximumDatagramByteCount = 1372
            $0.isSegmented = false
        }
        tunnel.expectConnection()
        let messages = (0..<30).map { plain + testFrame($0, byteCount: 500) }
        let result19 = try tunnel.send(messages, from: tunnel.one)
        #expect(result19 == .done)
        // The third packet is lost.
        let fd = tunnel.other.endpoint.descriptor(channel: 0)
        let target = InternetAddress(ipv4: 0x7f00_0001, port: tunnel.otherPort)
        let relay = try TunnelBench.socket()
        var packets: [[UInt8]] = []
        while true {
            var bytes = [UInt8](repeating: 0, count: 2000)
            var from = InternetAddress.none
            var span = bytes.mutableSpan
            let size = UDPSocket.receive(fd, into: &span, from: &from).byteCount
            guard size > 0 else { break }
            packets.append(Array(bytes[..<size]))
        }
        #expect(packets.count == 12)
        for (index, packet) in packets.enumerated() where index != 2 {
            _ = UDPSocket.send(relay.rawValue, packet.span, to: target)
        }
        let result10 = tunnel.receive(tunnel.other).isEmpty
        #expect(result10 == true)
        // Later messages push the incomplete one out.
        var received: [[UInt8]] = []
        for round in 0..<50 {
            _ = try tunnel.send(
                (0..<4).map { plain + testFrame(100 + round * 4 + $0, byteCount: 900) },
                from: tunnel.one
            )
            received += tunnel.receive(tunnel.other)
        }
        let survivors = received.filter { messages.contains($0) }
        #expect(survivors.count >= 25 && survivors.count < 30)
        #expect(received.count == survivors.count + 200)
        #expect(tunnel.bench.isPoolWhole == true)
    }

    @Test("over a connection where UDP is blocked, and a reader that is slow")
    func streams() throws {
        var tunnel = try TunnelBench {
            $0.remote = nil
            $0.initiatesOnStreams = true
        }
        let stranger = try UnixSocket.pair(.stream)
        tunnel.other.endpoint.apply(.tunnelStream(stranger.first))
        try tunnel.join()
        tunnel.expectConnection()
        var recipe = SuperFrame()
        recipe.payload = (0..<60_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let messages = [
            plain + testFrame(1), recipe.virtioHeader + recipe.bytes, plain + testFrame(2, byteCount: 1514),
        ]
        try tunnel.expectPassage(messages, from: tunnel.one)
        try tunnel.expectPassage(messages, from: tunnel.other)

        // More than the socket takes: the rest waits, and nothing comes twice or not at all.
        let many = (0..<40).map { plain + testFrame($0, byteCount: 60_000) }
        var arrived: [[UInt8]] = []
        for number in many.indices {
            var result = try tunnel.send([many[number]], from: tunnel.one)
            while case .blocked = result {
                arrived += tunnel.receive(tunnel.other)
                result = try tunnel.send([many[number]], from: tunnel.one)
            }
        }
        arrived += tunnel.receive(tunnel.other)
        #expect(arrived.map(\.count) == many.map(\.count))
        #expect(arrived == many)
        for cause in DropCause.allCases { #expect(tunnel.bench.drops[cause] == 0, "\(cause)") }

        // Nonsense on a connection ends that one alone.
        try UnixSocket.send([0xff, 0xff, 1, 2, 3], to: stranger.second)
        let nothing = tunnel.receive(tunnel.other)
        #expect(nothing.isEmpty)
        #expect(tunnel.bench.drops[.malformed] == 1)
        #expect(tunnel.other.endpoint.takeNotice()?.kind == .tunnelStreamEnded)
        try tunnel.expectFramePasses(3)
    }
}
