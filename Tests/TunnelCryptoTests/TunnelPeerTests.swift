// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import TunnelCrypto

/// Two ends, with the clock in the test's hand.
struct TunnelPair {
    var a: TunnelPeer
    var b: TunnelPeer
    var now: UInt64 = 1_000_000_000

    init(change: (inout TunnelConfiguration) -> Void = { _ in }) {
        let (keyA, keyB) = (TunnelKey(), TunnelKey())
        var configurationA = TunnelConfiguration(key: keyA, peer: keyB.publicBytes)
        var configurationB = TunnelConfiguration(key: keyB, peer: keyA.publicBytes)
        change(&configurationA)
        change(&configurationB)
        a = TunnelPeer(configurationA)
        b = TunnelPeer(configurationB)
    }

    static func give(_ packet: [UInt8], to peer: inout TunnelPeer, now: UInt64, source: [UInt8] = [1])
        -> TunnelPeer.Verdict
    {
        var bytes = packet
        var span = bytes.mutableSpan
        return peer.receive(&span, at: 0, count: packet.count, now: now) { source }
    }

    static func seal(_ text: String, with peer: inout TunnelPeer, now: UInt64) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16) + Array(text.utf8) + [UInt8](repeating: 0, count: 16)
        var span = bytes.mutableSpan
        guard let size = peer.seal(&span, at: 0, count: text.utf8.count, now: now) else { return nil }
        return Array(bytes[..<size])
    }

    /// A begins; both have keys afterwards, and B has seen a packet of A's.
    mutating func connect() throws {
        #expect(a.expire(now: now, wall: now, canInitiate: true).contains(.handshake))
        #expect(Self.give(a.takeOutput(), to: &b, now: now) == .handshake)
        #expect(Self.give(b.takeOutput(), to: &a, now: now) == .handshake)
        let hello = try #require(Self.seal("hello", with: &a, now: now))
        #expect(Self.give(hello, to: &b, now: now) == .payload(byteCount: 5, counter: a.nextCounter - 1))
    }
}

struct TunnelPeerTests {
    @Test func packetsPassBothWays() throws {
        var pair = TunnelPair()
        #expect(!pair.a.canSend)
        try pair.connect()
        #expect(pair.a.expire(now: pair.now, wall: pair.now, canInitiate: true).contains(.up))
        #expect(pair.b.expire(now: pair.now, wall: pair.now, canInitiate: false).contains(.up))
        let answer = try #require(TunnelPair.seal("answer", with: &pair.b, now: pair.now))
        #expect(TunnelPair.give(answer, to: &pair.a, now: pair.now) == .payload(byteCount: 6, counter: 0))
    }

    @Test func theResponderWaitsForProofBeforeItSends() throws {
        var pair = TunnelPair()
        _ = pair.a.expire(now: pair.now, wall: 1, canInitiate: true)
        _ = TunnelPair.give(pair.a.takeOutput(), to: &pair.b, now: pair.now)
        #expect(!pair.b.canSend)
    }

    @Test func aCopyIsRefused() throws {
        var pair = TunnelPair()
        try pair.connect()
        let packet = try #require(TunnelPair.seal("once", with: &pair.a, now: pair.now))
        #expect(TunnelPair.give(packet, to: &pair.b, now: pair.now) == .payload(byteCount: 4, counter: 1))
        #expect(TunnelPair.give(packet, to: &pair.b, now: pair.now) == .refused(.replayed))
    }

    @Test func everyChangedByteIsRefused() throws {
        var pair = TunnelPair()
        try pair.connect()
        let packet = try #require(TunnelPair.seal("frame", with: &pair.a, now: pair.now))
        for position in packet.indices {
            var changed = packet
            changed[position] ^= 0x10
            let verdict = TunnelPair.give(changed, to: &pair.b, now: pair.now)
            #expect([.refused(.notAuthentic), .refused(.malformed), .refused(.replayed)].contains(verdict))
        }
        // None of that has hurt the true one.
        #expect(TunnelPair.give(packet, to: &pair.b, now: pair.now) == .payload(byteCount: 5, counter: 1))
    }

    @Test func everyCutIsRefused() throws {
        var pair = TunnelPair()
        _ = pair.a.expire(now: pair.now, wall: 1, canInitiate: true)
        let initiation = pair.a.takeOutput()
        for size in 0..<initiation.count {
            let verdict = TunnelPair.give(Array(initiation[..<size]), to: &pair.b, now: pair.now)
            #expect(verdict == .refused(.malformed))
        }
        #expect(TunnelPair.give(initiation, to: &pair.b, now: pair.now) == .handshake)
        let response = pair.b.takeOutput()
        for size in 0..<response.count {
            #expect(TunnelPair.give(Array(response[..<size]), to: &pair.a, now: pair.now) == .refused(.malformed))
        }
        #expect(TunnelPair.give(response, to: &pair.a, now: pair.now) == .handshake)
    }

    @Test func anOldInitiationIsRefused() throws {
        var pair = TunnelPair()
        _ = pair.a.expire(now: pair.now, wall: 7, canInitiate: true)
        let initiation = pair.a.takeOutput()
        #expect(TunnelPair.give(initiation, to: &pair.b, now: pair.now) == .handshake)
        #expect(TunnelPair.give(initiation, to: &pair.b, now: pair.now) == .refused(.replayed))
    }

    @Test func aStrangerGetsNoAnswer() throws {
        var pair = TunnelPair()
        // Knows B's public key, but is not who B talks to.
        var stranger = TunnelPeer(TunnelConfiguration(key: TunnelKey(), peer: pair.b.configuration.key.publicBytes))
        _ = stranger.expire(now: pair.now, wall: 1, canInitiate: true)
        #expect(TunnelPair.give(stranger.takeOutput(), to: &pair.b, now: pair.now) == .refused(.wrongPeer))
        #expect(pair.b.takeOutput().isEmpty)
        // Does not even know the key.
        var scanner = TunnelPeer(TunnelConfiguration(key: TunnelKey(), peer: TunnelKey().publicBytes))
        _ = scanner.expire(now: pair.now, wall: 1, canInitiate: true)
        #expect(TunnelPair.give(scanner.takeOutput(), to: &pair.b, now: pair.now) == .refused(.notAuthentic))
    }

    @Test func attemptsBackOff() {
        var pair = TunnelPair()
        var times: [UInt64] = []
        while pair.now < 120_000_000_000 {
            if pair.a.expire(now: pair.now, wall: pair.now, canInitiate: true).contains(.handshake) {
                times.append(pair.now)
                _ = pair.a.takeOutput()
            }
            pair.now = max(pair.a.nextDeadline(now: pair.now, canInitiate: true), pair.now + 1_000_000)
        }
        let gaps = zip(times.dropFirst(), times).map { ($0 - $1) / 1_000_000 }
        #expect(gaps.count >= 6 && gaps.count <= 9)
        for (gap, least) in zip(gaps, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] as [UInt64]) {
            #expect(gap >= least && gap <= least * 5 / 4 + 2)
        }
    }

    @Test func nobodyInitiatesWithoutAnAddress() {
        var pair = TunnelPair()
        #expect(pair.a.expire(now: pair.now, wall: 1, canInitiate: false).isEmpty)
        #expect(pair.a.nextDeadline(now: pair.now, canInitiate: false) == .max)
    }

    @Test func silenceIsDown() throws {
        var pair = TunnelPair()
        try pair.connect()
        _ = pair.a.expire(now: pair.now, wall: pair.now, canInitiate: true)
        pair.now += 14_000_000_000
        #expect(!pair.a.expire(now: pair.now, wall: pair.now, canInitiate: true).contains(.down))
        pair.now += 1_000_000_000
        let due = pair.a.expire(now: pair.now, wall: pair.now, canInitiate: true)
        #expect(due.contains(.down))
        #expect(due.contains(.handshake))
    }

    @Test func somethingIsSaidEveryFewSeconds() throws {
        var pair = TunnelPair()
        try pair.connect()
        _ = pair.a.expire(now: pair.now, wall: pair.now, canInitiate: true)
        #expect(pair.a.nextDeadline(now: pair.now, canInitiate: true) == pair.now + 5_000_000_000)
        pair.now += 5_000_000_000
        #expect(pair.a.expire(now: pair.now, wall: pair.now, canInitiate: true).contains(.keepalive))
    }

    @Test func keysAreReplacedByTimeWithoutLoss() throws {
        var pair = TunnelPair()
        try pair.connect()
        let old = pair.a.current!.localIndex
        let late = try #require(TunnelPair.seal("late", with: &pair.b, now: pair.now))
        pair.now += 120_000_000_000
        // Alive until then.
        let word = try #require(TunnelPair.seal("word", with: &pair.b, now: pair.now))
        _ = TunnelPair.give(word, to: &pair.a, now: pair.now)
        try pair.connect()
        #expect(pair.a.current!.localIndex != old)
        // What was on its way is still opened.
        #expect(TunnelPair.give(late, to: &pair.a, now: pair.now) == .payload(byteCount: 4, counter: 0))
        // But not for ever.
        let later = pair.now + 61_000_000_000
        #expect(TunnelPair.give(late, to: &pair.a, now: later) == .refused(.notAuthentic))
    }

    @Test func keysAreReplacedByPackets() throws {
        var pair = TunnelPair { $0.rekeyPackets = 100 }
        try pair.connect()
        _ = pair.a.expire(now: pair.now, wall: pair.now, canInitiate: true)
        for _ in 0..<100 { _ = TunnelPair.seal("x", with: &pair.a, now: pair.now) }
        #expect(pair.a.expire(now: pair.now, wall: pair.now, canInitiate: true).contains(.handshake))
    }

    @Test func bothBeginAtOnce() throws {
        var pair = TunnelPair()
        _ = pair.a.expire(now: pair.now, wall: 1, canInitiate: true)
        _ = pair.b.expire(now: pair.now, wall: 2, canInitiate: true)
        let (fromA, fromB) = (pair.a.takeOutput(), pair.b.takeOutput())
        #expect(TunnelPair.give(fromA, to: &pair.b, now: pair.now) == .handshake)
        #expect(TunnelPair.give(fromB, to: &pair.a, now: pair.now) == .handshake)
        let (answerB, answerA) = (pair.b.takeOutput(), pair.a.takeOutput())
        _ = TunnelPair.give(answerB, to: &pair.a, now: pair.now)
        _ = TunnelPair.give(answerA, to: &pair.b, now: pair.now)
        for _ in 0..<3 {
            let one = try #require(TunnelPair.seal("one", with: &pair.a, now: pair.now))
            let two = try #require(TunnelPair.seal("two", with: &pair.b, now: pair.now))
            guard case .payload = TunnelPair.give(one, to: &pair.b, now: pair.now),
                case .payload = TunnelPair.give(two, to: &pair.a, now: pair.now)
            else {
                Issue.record("a packet was refused")
                return
            }
        }
    }

    @Test func nonsenseIsHarmless() {
        var pair = TunnelPair()
        for _ in 0..<5000 {
            var packet = (0..<Int.random(in: 0...300)).map { _ in UInt8.random(in: 0...255) }
            if packet.count >= 4 { packet.replaceSubrange(0..<4, with: [UInt8.random(in: 0...5), 0, 0, 0]) }
            guard case .refused = TunnelPair.give(packet, to: &pair.b, now: pair.now) else {
                Issue.record("nonsense was taken")
                return
            }
        }
    }
}
