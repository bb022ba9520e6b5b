// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import TunnelCrypto

/// What clocks that jump do to a tunnel.
struct TunnelClockTests {
    private static let hour: UInt64 = 3_600_000_000_000
    /// Some time of day, in 2026.
    private static let noon: UInt64 = 1_795_000_000_000_000_000

    /// A handshake that A begins: what B says to the initiation.
    private static func begin(_ pair: inout TunnelPair, wall: UInt64) -> TunnelPeer.Verdict {
        pair.a.hurry()
        _ = pair.a.expire(now: pair.now, wall: wall, canInitiate: true)
        return TunnelPair.give(pair.a.takeOutput(), to: &pair.b, now: pair.now)
    }

    @Test func theTimeOfDayMayBeSetBack() throws {
        var pair = TunnelPair()
        #expect(Self.begin(&pair, wall: Self.noon) == .handshake)
        _ = pair.b.takeOutput()
        for _ in 0..<3 {
            pair.now += 1_000_000_000
            #expect(Self.begin(&pair, wall: Self.noon - Self.hour) == .handshake)
            _ = pair.b.takeOutput()
        }
        // And forward, and back again.
        pair.now += 1_000_000_000
        #expect(Self.begin(&pair, wall: Self.noon + Self.hour) == .handshake)
        _ = pair.b.takeOutput()
        pair.now += 1_000_000_000
        #expect(Self.begin(&pair, wall: Self.noon) == .handshake)
        #expect(TunnelPair.give(pair.b.takeOutput(), to: &pair.a, now: pair.now) == .handshake)
        #expect(pair.a.canSend)
    }

    @Test func theTimeOfDayAtItsEndDoesNoHarm() throws {
        var pair = TunnelPair()
        #expect(Self.begin(&pair, wall: .max) == .handshake)
        _ = pair.b.takeOutput()
        pair.now += 1_000_000_000
        // There is no later time: nothing is taken, and nothing traps.
        #expect(Self.begin(&pair, wall: .max) == .refused(.replayed))
    }

    @Test func aRestartedEndWithAnEarlierClockIsReachedByTheOther() throws {
        var pair = TunnelPair()
        #expect(Self.begin(&pair, wall: Self.noon) == .handshake)
        _ = pair.b.takeOutput()
        // A has lost its memory, and its clock's battery.
        pair.a = TunnelPeer(pair.a.configuration)
        pair.now += 1_000_000_000
        #expect(Self.begin(&pair, wall: Self.noon - Self.hour) == .refused(.replayed))
        #expect(pair.b.takeOutput().isEmpty)
        // B's own clock is all right.
        _ = pair.b.expire(now: pair.now, wall: Self.noon, canInitiate: true)
        #expect(TunnelPair.give(pair.b.takeOutput(), to: &pair.a, now: pair.now) == .handshake)
        #expect(TunnelPair.give(pair.a.takeOutput(), to: &pair.b, now: pair.now) == .handshake)
        let word = try #require(TunnelPair.seal("word", with: &pair.b, now: pair.now))
        #expect(TunnelPair.give(word, to: &pair.a, now: pair.now) == .payload(byteCount: 4, counter: 0))
        // Once the clock has caught up, A is heard again.
        pair.now += 1_000_000_000
        pair.a = TunnelPeer(pair.a.configuration)
        #expect(Self.begin(&pair, wall: Self.noon + 1) == .handshake)
    }

    @Test func aMachineThatWasStoppedForAnHourBeginsAnew() throws {
        var pair = TunnelPair()
        try pair.connect()
        _ = pair.a.expire(now: pair.now, wall: pair.now, canInitiate: true)
        _ = pair.b.expire(now: pair.now, wall: pair.now, canInitiate: false)
        let old = try #require(TunnelPair.seal("old", with: &pair.b, now: pair.now))
        pair.now += Self.hour
        // Its keys open nothing any more, whoever comes first: the packet or the timer.
        #expect(TunnelPair.give(old, to: &pair.a, now: pair.now) == .refused(.notAuthentic))
        let due = pair.a.expire(now: pair.now, wall: pair.now, canInitiate: true)
        #expect(due.contains(.down) && due.contains(.handshake))
        #expect(!pair.a.canSend)
        #expect(TunnelPair.give(old, to: &pair.a, now: pair.now) == .refused(.notAuthentic))
        // The initiation that `expire` has made is a good one.
        #expect(TunnelPair.give(pair.a.takeOutput(), to: &pair.b, now: pair.now) == .handshake)
        #expect(TunnelPair.give(pair.b.takeOutput(), to: &pair.a, now: pair.now) == .handshake)
        #expect(pair.a.expire(now: pair.now, wall: pair.now, canInitiate: true).contains(.up))
        let word = try #require(TunnelPair.seal("word", with: &pair.a, now: pair.now))
        #expect(TunnelPair.give(word, to: &pair.b, now: pair.now) == .payload(byteCount: 4, counter: 0))
    }

    @Test func onlyOneEndWasStopped() throws {
        // A has gone on for an hour and given up; B's clock stood still.
        var pair = TunnelPair()
        try pair.connect()
        let frozen = pair.now
        pair.now += Self.hour
        #expect(pair.a.expire(now: pair.now, wall: Self.noon, canInitiate: true).contains(.handshake))
        #expect(TunnelPair.give(pair.a.takeOutput(), to: &pair.b, now: frozen) == .handshake)
        #expect(TunnelPair.give(pair.b.takeOutput(), to: &pair.a, now: pair.now) == .handshake)
        let word = try #require(TunnelPair.seal("word", with: &pair.a, now: pair.now))
        #expect(TunnelPair.give(word, to: &pair.b, now: frozen) == .payload(byteCount: 4, counter: 0))
    }
}
