// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import TunnelCrypto

struct HandshakeFloodTests {
    @Test func aFloodOfHandshakesDemandsCookies() throws {
        var pair = TunnelPair()
        var flooder = TunnelPeer(TunnelConfiguration(key: TunnelKey(), peer: pair.b.configuration.key.publicBytes))
        var answers = 0
        var silent = 0
        for number in 0..<200 {
            flooder.hurry()
            _ = flooder.expire(now: pair.now, wall: UInt64(number), canInitiate: true)
            let source = [UInt8(truncatingIfNeeded: number)]
            switch TunnelPair.give(flooder.takeOutput(), to: &pair.b, now: pair.now, source: source) {
            case .handshake: answers += 1
            default: silent += 1
            }
            _ = pair.b.takeOutput()
        }
        // 8 were looked at, 32 were told to prove their address, the rest got nothing.
        #expect(answers == 32)
        #expect(silent == 168)
        // The true peer gets through with a cookie.
        _ = pair.a.expire(now: pair.now, wall: 1, canInitiate: true)
        pair.now += 100_000_000
        #expect(TunnelPair.give(pair.a.takeOutput(), to: &pair.b, now: pair.now, source: [9]) == .handshake)
        #expect(TunnelPair.give(pair.b.takeOutput(), to: &pair.a, now: pair.now) == .handshake)
        #expect(!pair.a.canSend)
        _ = pair.a.expire(now: pair.now, wall: 2, canInitiate: true)
        #expect(TunnelPair.give(pair.a.takeOutput(), to: &pair.b, now: pair.now, source: [9]) == .handshake)
        #expect(TunnelPair.give(pair.b.takeOutput(), to: &pair.a, now: pair.now) == .handshake)
        #expect(pair.a.canSend)
    }

    @Test func aFloodOfHandshakesKeepsNobodyFromCalling() throws {
        var pair = TunnelPair()
        var flooder = TunnelPeer(TunnelConfiguration(key: TunnelKey(), peer: pair.a.configuration.key.publicBytes))
        _ = pair.a.expire(now: pair.now, wall: 1, canInitiate: true)
        #expect(TunnelPair.give(pair.a.takeOutput(), to: &pair.b, now: pair.now) == .handshake)
        let answer = pair.b.takeOutput()
        for number in 0..<200 {
            flooder.hurry()
            _ = flooder.expire(now: pair.now, wall: UInt64(number), canInitiate: true)
            _ = TunnelPair.give(flooder.takeOutput(), to: &pair.a, now: pair.now, source: [7])
        }
        #expect(TunnelPair.give(answer, to: &pair.a, now: pair.now) == .handshake)
        #expect(pair.a.canSend)
    }

    @Test func answersAreWorkedOnSoOftenAndNoMore() throws {
        var pair = TunnelPair()
        _ = pair.a.expire(now: pair.now, wall: 1, canInitiate: true)
        #expect(TunnelPair.give(pair.a.takeOutput(), to: &pair.b, now: pair.now) == .handshake)
        // Somebody who has seen the initiation, and can make the first code, which takes public keys alone.
        var forged = pair.b.takeOutput()
        forged[20] ^= 1
        var forger = HandshakeGuard(
            ourPublic: TunnelKey().publicBytes,
            theirPublic: pair.a.configuration.key.publicBytes
        )
        forged = forger.finish(Array(forged.dropLast(32)), now: pair.now)
        var verdicts: [TunnelPeer.Verdict] = []
        for _ in 0..<20 { verdicts.append(TunnelPair.give(forged, to: &pair.a, now: pair.now)) }
        #expect(verdicts.count { $0 == .refused(.notAuthentic) } == 8)
        #expect(verdicts.count { $0 == .refused(.rateExceeded) } == 12)
    }
}
