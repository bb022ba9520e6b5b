// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import TestSupport
import Testing

@Suite("Stream endpoints")
struct StreamEndpointTests {
    /// A frame behind its length.
    private static func message(_ frame: [UInt8], _ framing: StreamFraming) -> [UInt8] {
        (0..<framing.prefixByteCount).reversed().map { UInt8(truncatingIfNeeded: frame.count >> (8 * $0)) } + frame
    }

    /// Everything that waits in a socket.
    private static func drain(_ socket: borrowing OwnedDescriptor) -> [UInt8] {
        var bytes: [UInt8] = []
        while let part = try? socket.read(atMost: 1 << 16), !part.isEmpty { bytes += part }
        return bytes
    }

    @Test("lengths stand before frames, small and large ones in one write", arguments: [StreamFraming.short, .long])
    func lengths(_ framing: StreamFraming) throws {
        let pair = try UnixSocket.pair(.stream)
        let peer = pair.second
        let endpoint = Endpoint.stream(StreamEndpoint(pair.first, framing: framing))
        var bench = EndpointBench()
        let frames = [60, 320, 321, 1514, 64, 9000, 14].enumerated().map { testFrame($0, byteCount: $1) }
        for frame in frames { try bench.stage(frame) }
        #expect(bench.send(endpoint) == .done)
        _ = bench.takeFrames()
        let written1 = Self.drain(peer)
        #expect(written1 == frames.flatMap { Self.message($0, framing) })
        #expect(bench.isPoolWhole == true)
    }

    @Test("frames are found wherever a read ends", arguments: [StreamFraming.short, .long], [1, 2, 3, 61, 1000])
    func reassembly(_ framing: StreamFraming, _ step: Int) throws {
        let pair = try UnixSocket.pair(.stream)
        let peer = pair.second
        let endpoint = Endpoint.stream(StreamEndpoint(pair.first, framing: framing))
        var bench = EndpointBench()
        let frames = [60, 14, 1514, 64].enumerated().map { testFrame($0, byteCount: $1) }
        var rest = frames.flatMap { Self.message($0, framing) }[...]
        var received: [[UInt8]] = []
        while !rest.isEmpty {
            let written2 = try peer.write(rest.prefix(step))
            #expect(written2 == min(step, rest.count))
            rest = rest.dropFirst(step)
            #expect(bench.receive(endpoint) == .drained)
            received += bench.takeFrames()
        }
        #expect(received == frames)
        #expect(endpoint.holdsFrames == false)
    }

    @Test("more frames than a burst wait in the endpoint, and it says so")
    func holds() throws {
        let pair = try UnixSocket.pair(.stream)
        let peer = pair.second
        let endpoint = Endpoint.stream(StreamEndpoint(pair.first, framing: .long))
        var bench = EndpointBench(smallCount: 256)
        let frames = (0..<150).map { testFrame($0) }
        let bytes = frames.flatMap { Self.message($0, .long) }
        let written3 = try peer.write(bytes)
        #expect(written3 == bytes.count)
        var received: [[UInt8]] = []
        var bursts = 0
        var holds = true
        while holds {
            _ = bench.receive(endpoint)
            received += bench.takeFrames()
            bursts += 1
            holds = endpoint.holdsFrames
        }
        #expect(received == frames)
        #expect(bursts == 3)
        #expect(bench.isPoolWhole == true)
    }

    @Test("a reader that is slow gets every frame whole and in order")
    func partialWrites() throws {
        let pair = try UnixSocket.pair(.stream)
        let peer = pair.second
        let endpoint = Endpoint.stream(StreamEndpoint(pair.first, framing: .long))
        var bench = EndpointBench(smallCount: 256)
        var expected: [UInt8] = []
        var got: [UInt8] = []
        var number = 0
        var blocks = 0
        while blocks < 20 {
            for _ in 0..<40 {
                let frame = testFrame(number, byteCount: 60 + number % 7 * 1300)
                number += 1
                try bench.stage(frame)
                expected += Self.message(frame, .long)
            }
            var first = 0
            while true {
                guard case .blocked(let next) = bench.send(endpoint, from: first) else { break }
                first = next
                blocks += 1
                got += try peer.read(atMost: 5000 + blocks * 77)
                // Nothing is left but the rest of a frame: it goes with the next call, also one without frames.
                if next == bench.burst.count { break }
            }
            _ = bench.takeFrames()
        }
        while bench.send(endpoint) != .done { got += Self.drain(peer) }
        got += Self.drain(peer)
        #expect(got == expected)
        #expect(bench.drops.isEmpty)
    }

    @Test("a length that no frame has ends the stream, and is told", arguments: [0, 65_598, 0xffff_ffff])
    func broken(_ length: Int) throws {
        let pair = try UnixSocket.pair(.stream)
        let peer = pair.second
        let endpoint = Endpoint.stream(StreamEndpoint(pair.first, framing: .long))
        var bench = EndpointBench()
        let good = testFrame(1)
        let bad = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
        _ = try peer.write(Self.message(good, .long) + bad)
        // What came before is delivered.
        var result = bench.receive(endpoint)
        #expect(bench.takeFrames() == [good])
        if result != .ended { result = bench.receive(endpoint) }
        #expect(result == .ended)
        #expect(bench.drops[.malformed] == 1)
        let (notice, another) = (endpoint.takeNotice(), endpoint.takeNotice())
        #expect(notice == EndpointNotice(.streamBroken, value: UInt64(length)))
        #expect(another == nil)
    }

    @Test("frames too long for the framing are dropped and counted, the others go")
    func tooLong() throws {
        let pair = try UnixSocket.pair(.stream)
        let peer = pair.second
        let endpoint = Endpoint.stream(StreamEndpoint(pair.first, framing: .short))
        var bench = EndpointBench()
        let frames = [60, 9234, 9235, 60_000, 64].enumerated().map { testFrame($0, byteCount: $1) }
        for frame in frames { try bench.stage(frame) }
        #expect(bench.send(endpoint) == .done)
        #expect(bench.drops[.tooLarge] == 2)
        let written4 = Self.drain(peer)
        #expect(written4 == [0, 1, 4].flatMap { Self.message(frames[$0], .short) })
    }

    @Test("two sides that offer headers agree, each direction for itself; super-frames stay whole")
    func greeting() throws {
        let pair = try UnixSocket.pair(.stream)
        let one = Endpoint.stream(StreamEndpoint(pair.first, framing: .short, offersHeaders: true))
        let other = Endpoint.stream(StreamEndpoint(pair.second, framing: .short, offersHeaders: true))
        var bench = EndpointBench()
        #expect(one.capabilities == [])
        #expect(bench.receive(one) == .drained)
        #expect(bench.receive(other) == .drained)
        #expect(bench.burst.isEmpty == true)
        try bench.stage(testFrame(1))
        #expect(bench.send(one) == .done)
        _ = bench.takeFrames()
        #expect(one.capabilities == .all)
        #expect(other.capabilities == [])
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 7, count: 60_000)
        let whole = recipe.virtioHeader + recipe.bytes
        try bench.stage(whole, hasHeader: true)
        #expect(bench.send(one) == .done)
        _ = bench.takeFrames()
        var received: [[UInt8]] = []
        for _ in 0..<3 {
            _ = bench.receive(other)
            received += bench.takeFrames(withHeader: true)
        }
        #expect(received == [[UInt8](repeating: 0, count: 12) + testFrame(1), whole])
        #expect(bench.isPoolWhole == true)
    }

    @Test("a stranger gets plain frames only, and its frames are not taken for greetings")
    func stranger() throws {
        let pair = try UnixSocket.pair(.stream)
        let peer = pair.second
        let endpoint = Endpoint.stream(StreamEndpoint(pair.first, framing: .long, offersHeaders: true))
        var bench = EndpointBench()
        // The offer looks like a frame.
        let written5 = Self.drain(peer)
        #expect(written5.count == 4 + StreamGreeting.byteCount)
        let frame = testFrame(1)
        _ = try peer.write(Self.message(frame, .long))
        _ = bench.receive(endpoint)
        #expect(bench.takeFrames() == [frame])
        try bench.stage(frame)
        #expect(bench.send(endpoint) == .done)
        let written6 = Self.drain(peer)
        #expect(written6 == Self.message(frame, .long))
        #expect(endpoint.capabilities == [])
    }
}
