// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import Testing

/// Datagrams that the kernel hands over together (UDP_GRO), on loopback.
@Suite("Overlay endpoints: many datagrams a call")
struct OverlayCoalescedTests {
    private static let loopback: UInt32 = 0x7f00_0001

    private struct Pair: ~Copyable {
        let sender: Endpoint
        let receiver: Endpoint
    }

    /// Two ends of a plain UDP link.
    private static func link(_ framing: OverlayConfiguration.Framing = .plain) throws -> Pair {
        let sockets = try (0..<2).map { _ in
            let socket = try UDPSocket.make(isIPv6: false)
            try UDPSocket.allowFragments(socket, isIPv6: false)
            try UDPSocket.bind(socket, to: InternetAddress(ipv4: loopback, port: 0))
            try UDPSocket.coalesce(socket)
            return SocketBox(socket)
        }
        let addresses = try sockets.map { try $0.localAddress }
        return Pair(
            sender: .overlay(
                OverlayEndpoint(
                    sockets[0].take(),
                    configuration: OverlayConfiguration(framing: framing, destinations: [addresses[1]]),
                    seed: 1
                )
            ),
            receiver: .overlay(
                OverlayEndpoint(
                    sockets[1].take(),
                    configuration: OverlayConfiguration(framing: framing, destinations: [addresses[0]]),
                    seed: 2
                )
            )
        )
    }

    /// Closures hold no descriptors of their own.
    private final class SocketBox {
        private var socket: OwnedDescriptor?
        init(_ socket: consuming OwnedDescriptor) { self.socket = consume socket }
        var localAddress: InternetAddress {
            get throws {
                switch socket {
                case .some(let socket): try UDPSocket.localAddress(socket)
                case nil: .none
                }
            }
        }
        func take() -> OwnedDescriptor { socket.take()! }
    }

    private static func exchange(_ frames: [[UInt8]], _ link: borrowing Pair) throws -> [[UInt8]] {
        var out = EndpointBench()
        for frame in frames { try out.stage(frame) }
        #expect(out.send(link.sender) == .done)
        #expect(out.drops.isEmpty)
        var bench = EndpointBench()
        var received: [[UInt8]] = []
        while bench.receive(link.receiver) == .more || !bench.burst.isEmpty { received += bench.takeFrames() }
        #expect(bench.drops.isEmpty)
        #expect(bench.isPoolWhole == true)
        return received
    }

    @Test("frames of one size, the last one shorter, arrive as they were sent", arguments: [60, 1400, 1514, 8000])
    func oneSize(byteCount: Int) throws {
        let link = try Self.link()
        let frames = (0..<31).map { testFrame($0, byteCount: byteCount) } + [testFrame(31, byteCount: byteCount / 2)]
        #expect(try Self.exchange(frames, link) == frames)
        #expect(try Self.exchange(frames, link) == frames)
    }

    @Test("frames of changing sizes keep their order")
    func mixedSizes() throws {
        let link = try Self.link()
        let frames = (0..<32).map { testFrame($0, byteCount: [1400, 1400, 64, 900, 900, 900, 14][$0 % 7]) }
        #expect(try Self.exchange(frames, link) == frames)
    }

    @Test("a header before each frame is taken off each, and numbers go on")
    func framing() throws {
        let link = try Self.link(.vxlan(identifier: 7))
        let frames = (0..<32).map { testFrame($0, byteCount: 1400) }
        #expect(try Self.exchange(frames, link) == frames)
    }

    @Test("what a burst does not take is held, and given back when the endpoint ends")
    func held() throws {
        let link = try Self.link()
        var out = EndpointBench()
        for _ in 0..<4 {
            for index in 0..<32 { try out.stage(testFrame(index, byteCount: 1400)) }
            #expect(out.send(link.sender) == .done)
            _ = out.takeFrames()
        }
        var bench = EndpointBench()
        #expect(bench.receive(link.receiver) == .more)
        #expect(link.receiver.holdsFrames == true)
        let taken = bench.takeFrames().count
        #expect(bench.isPoolWhole == false)
        // Each that was sent is either a frame or counted.
        let released = link.receiver.releaseFrames(&bench.pool)
        var rest = 0
        while bench.receive(link.receiver) == .more || bench.burst.count > 0 { rest += bench.takeFrames().count }
        #expect(taken + released + rest == 4 * 32)
        #expect(released > 0)
        #expect(link.receiver.holdsFrames == false)
        #expect(bench.isPoolWhole == true)
    }

    @Test("runts among them are counted, the others kept")
    func runts() throws {
        let link = try Self.link()
        var out = EndpointBench()
        for index in 0..<7 { try out.stage(testFrame(index, byteCount: 1400)) }
        try out.stage([UInt8](testFrame(7).prefix(13)))
        #expect(out.send(link.sender) == .done)
        var bench = EndpointBench()
        _ = bench.receive(link.receiver)
        #expect(bench.takeFrames() == (0..<7).map { testFrame($0, byteCount: 1400) })
        #expect(bench.drops[.runt] == 1)
        #expect(bench.isPoolWhole == true)
    }
}
