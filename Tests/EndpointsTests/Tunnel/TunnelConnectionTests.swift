// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import LinuxSystem
import Testing
import TunnelCrypto

/// Somebody who has connected to a tunnel's TCP port.
private final class Stranger {
    private let socket: OwnedDescriptor

    init(at end: TunnelEnd) throws {
        let pair = try UnixSocket.pair(.stream)
        end.endpoint.apply(.tunnelStream(pair.first))
        socket = pair.second
    }

    /// The tunnel has closed the connection.
    var isCut: Bool {
        do throws(Errno) {
            return try socket.read(atMost: 16).isEmpty
        } catch {
            return error != .wouldBlock
        }
    }
}

@Suite("Tunnels over connections that anybody can make")
struct TunnelConnectionTests {
    private let second: UInt64 = 1_000_000_000

    /// Both ends have TCP alone, and one connection.
    private func connections() throws -> TunnelBench {
        let tunnel = try TunnelBench {
            $0.remote = nil
            $0.initiatesOnStreams = true
        }
        try tunnel.join()
        return tunnel
    }

    private func notices(of end: TunnelEnd) -> [EndpointNotice] {
        var notices: [EndpointNotice] = []
        while let notice = end.endpoint.takeNotice() { notices.append(notice) }
        return notices
    }

    private func kinds(of end: TunnelEnd) -> [EndpointNotice.Kind] { notices(of: end).map(\.kind) }
    private func countCut(_ strangers: some Sequence<Stranger>) -> Int { strangers.count { $0.isCut } }

    @Test("strangers neither push the peer out, proven or not yet, nor do they stay")
    func strangers() throws {
        var tunnel = try connections()
        // All the places, before the peer has said a word.
        let early = try (0..<15).map { _ in try Stranger(at: tunnel.other) }
        tunnel.expectConnection()
        #expect(countCut(early) == 0)
        // Those who come when all places are taken push out the oldest of their own kind.
        let late = try (0..<40).map { _ in try Stranger(at: tunnel.other) }
        #expect(countCut(early) == 15)
        #expect(countCut(late.prefix(25)) == 25)
        #expect(countCut(late.suffix(15)) == 0)
        #expect(tunnel.other.endpoint.nextDeadline <= MonotonicClock.nanoseconds)
        tunnel.other.endpoint.expire(now: MonotonicClock.nanoseconds, drops: &tunnel.bench.drops)
        #expect(tunnel.bench.drops[.rateExceeded] == 40)
        for number in 1...2 {
            try tunnel.expectFramePasses(number)
            try tunnel.expectFramePasses(number, from: tunnel.other)
            // Then their time is up.
            let later = MonotonicClock.nanoseconds + 11 * second
            #expect(number == 2 || tunnel.other.endpoint.nextDeadline < later)
            tunnel.other.endpoint.expire(now: later, drops: &tunnel.bench.drops)
            #expect(countCut(late) == 40)
            #expect(tunnel.bench.drops[.notAuthentic] == 15)
        }
        #expect(kinds(of: tunnel.other) == [.tunnelStreamEnded])
    }

    @Test("a connection of ours on which the peer falls silent is given up")
    func silence() throws {
        var tunnel = try connections()
        tunnel.expectConnection()
        let start = MonotonicClock.nanoseconds
        tunnel.one.endpoint.expire(now: start + 16 * second, drops: &tunnel.bench.drops)
        #expect(kinds(of: tunnel.one) == [.peerDown])
        #expect(tunnel.one.endpoint.nextDeadline <= start + 27 * second)
        tunnel.one.endpoint.expire(now: start + 27 * second, drops: &tunnel.bench.drops)
        #expect(notices(of: tunnel.one) == [EndpointNotice(.tunnelStreamEnded, value: 1)])
        // Another one, and it goes on.
        try tunnel.join()
        for step in UInt64(28)...32 {
            tunnel.one.endpoint.expire(now: start + step * second, drops: &tunnel.bench.drops)
            _ = tunnel.receive(tunnel.other)
            _ = tunnel.receive(tunnel.one)
        }
        try tunnel.expectFramePasses()
    }

    @Test("a connection that breaks is replaced without waiting for a silence")
    func broken() throws {
        var tunnel = try TunnelBench {
            $0.remote = nil
            $0.initiatesOnStreams = true
        }
        let number = try tunnel.join()
        tunnel.expectConnection()
        InternetSocket.shutdownWrite(number)
        _ = tunnel.receive(tunnel.other)
        _ = tunnel.receive(tunnel.one)
        #expect(notices(of: tunnel.one) == [EndpointNotice(.tunnelStreamEnded, value: 1)])
        try tunnel.join()
        #expect(tunnel.one.endpoint.nextDeadline <= MonotonicClock.nanoseconds)
        tunnel.one.endpoint.expire(now: MonotonicClock.nanoseconds, drops: &tunnel.bench.drops)
        _ = tunnel.receive(tunnel.other)
        _ = tunnel.receive(tunnel.one)
        try tunnel.expectFramePasses()
    }

    @Test("a connection that is not needed ends, and is not missed")
    func unneeded() throws {
        var tunnel = try TunnelBench { $0.initiatesOnStreams = true }
        tunnel.expectConnection()
        try tunnel.join()
        let later = MonotonicClock.nanoseconds + 11 * second
        tunnel.one.endpoint.expire(now: later, drops: &tunnel.bench.drops)
        #expect(notices(of: tunnel.one) == [EndpointNotice(.tunnelStreamEnded, value: 0)])
        try tunnel.expectFramePasses()
    }

    @Test("a flood of handshakes by UDP does not keep the peer's connection from proving itself")
    func cookies() throws {
        var tunnel = try connections()
        let target = InternetAddress(ipv4: 0x7f00_0001, port: tunnel.otherPort)
        var flooder = TunnelPeer(TunnelConfiguration(key: TunnelKey(), peer: tunnel.otherKey))
        for round in 0..<4 {
            // Each time from another address.
            let socket = try TunnelBench.socket()
            for _ in 0..<12 {
                flooder.hurry()
                let now = MonotonicClock.nanoseconds
                _ = flooder.expire(now: now, wall: now, canInitiate: true)
                let packet = flooder.takeOutput()
                _ = UDPSocket.send(socket.rawValue, packet.span, to: target)
            }
            let nothing = tunnel.receive(tunnel.other)
            #expect(nothing.isEmpty)
            // The first attempt brings a cookie, the second one with it gets through.
            tunnel.one.endpoint.expire(
                now: MonotonicClock.nanoseconds + UInt64(round) * 2 * second,
                drops: &tunnel.bench.drops
            )
            _ = tunnel.receive(tunnel.other)
            _ = tunnel.receive(tunnel.one)
        }
        #expect(tunnel.bench.drops[.wrongPeer] >= 8)
        try tunnel.expectFramePasses()
    }

    @Test("after a silence in which no keys were made anew, the path's size is looked for again")
    func probesAfterSilence() throws {
        var tunnel = try TunnelBench {
            $0.crypto.keepaliveSeconds = 1000
            $0.crypto.rekeySeconds = 10_000
            $0.crypto.rejectSeconds = 15_000
        }
        tunnel.expectConnection()
        tunnel.one.endpoint.expire(now: MonotonicClock.nanoseconds + 3001 * second, drops: &tunnel.bench.drops)
        let told = notices(of: tunnel.one)
        #expect(told.map(\.kind) == [.peerDown])
        // For how long it has been silent.
        #expect(told.allSatisfy { (3001 * second..<3010 * second).contains($0.value) })
        // A frame from before the new handshake.
        try tunnel.expectFramePasses(from: tunnel.other)
        #expect(kinds(of: tunnel.one) == [.peerUp])
        #expect(tunnel.one.endpoint.nextDeadline < MonotonicClock.nanoseconds + 10 * second)
    }
}
