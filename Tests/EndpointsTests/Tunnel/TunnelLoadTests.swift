// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import TestSupport
import Testing

@Suite("Tunnel endpoints under load")
struct TunnelLoadTests {
    @Test("a turn has an end, however much strangers send")
    func boundedTurn() throws {
        var tunnel = try TunnelBench()
        tunnel.expectConnection()
        let stranger = try TunnelBench.socket()
        let target = InternetAddress(ipv4: 0x7f00_0001, port: tunnel.otherPort)
        let nonsense = [4, 0, 0, 0] + [UInt8](repeating: 9, count: 10)
        let count = Tunables.burstFrameCount + 40
        for _ in 0..<count { _ = UDPSocket.send(stranger.rawValue, nonsense.span, to: target) }
        let result = tunnel.other.endpoint.receive(
            channel: 0,
            now: MonotonicClock.nanoseconds,
            into: &tunnel.bench.burst,
            pool: &tunnel.bench.pool,
            drops: &tunnel.bench.drops
        )
        #expect(result == .more)
        #expect(tunnel.bench.drops[.malformed] == Tunables.burstFrameCount)
        // The rest comes in the next turn, and what is behind it.
        try tunnel.expectFramePasses()
        #expect(tunnel.bench.drops[.malformed] == count)
    }

    @Test("a way that ends under a blocked sender is said, once")
    func changedWay() throws {
        var tunnel = try TunnelBench {
            $0.remote = nil
            $0.initiatesOnStreams = true
        }
        let number = try tunnel.join()
        tunnel.expectConnection()
        // By the connection instead of the socket.
        let hasMoved = tunnel.other.endpoint.takeInterestChange()
        #expect(hasMoved)
        let isSaidTwice = tunnel.other.endpoint.takeInterestChange()
        #expect(!isSaidTwice)
        InternetSocket.shutdownWrite(number)
        let nothing = tunnel.receive(tunnel.other)
        #expect(nothing.isEmpty)
        let hasEnded = tunnel.other.endpoint.takeInterestChange()
        #expect(hasEnded)
    }
}
