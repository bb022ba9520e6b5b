// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import TunnelCrypto

/// Known answers of Noise_IK_25519_ChaChaPoly_SHA256, computed with another implementation: the symmetric state of the Noise
/// specification written in Python over the `cryptography` package (OpenSSL). Keys, prologue and payloads are those of the
/// test vectors that Noise implementations share.
struct NoiseHandshakeTests {
    static func bytes(_ hex: String) -> [UInt8] {
        var result: [UInt8] = []
        var rest = hex[...]
        while rest.count >= 2 {
            result.append(UInt8(rest.prefix(2), radix: 16)!)
            rest = rest.dropFirst(2)
        }
        return result
    }

    let initiatorStatic = TunnelKey(
        privateBytes: bytes("e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1")
    )!
    let initiatorEphemeral = TunnelKey(
        privateBytes: bytes("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a")
    )!
    let responderStatic = TunnelKey(
        privateBytes: bytes("4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893")
    )!
    let responderEphemeral = TunnelKey(
        privateBytes: bytes("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b")
    )!
    let prologue = Array("John Galt".utf8)

    // Ephemeral key (32), sealed static key (48), sealed "Ludwig von Mises" (32).
    let first = bytes(
        "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
            + "718da798efbcd91528520204f904b9bd6c7413dccdc214d951e15253e39987f18146e8cd0873654207148333479d4d16"
            + "c289f0294b29960a72f48e0b7bba2e89083169825e59642148d492020664ccf7"
    )
    // Ephemeral key (32), sealed "Murray Rothbard" (31).
    let second = bytes(
        "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
            + "5361e70b2ed446e6c9ec387d1d6b3b840f194e373979d241b203c4acafccf5"
    )

    @Test func publicKeysAreThoseOfTheVectors() {
        #expect(
            initiatorStatic.publicBytes
                == Self.bytes("6bc3822a2aa7f4e6981d6538692b3cdf3e6df9eea6ed269eb41d93c22757b75a")
        )
        #expect(
            responderStatic.publicBytes
                == Self.bytes("31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62")
        )
    }

    @Test func messagesAndKeysAreThoseOfTheVectors() throws {
        var initiator = NoiseHandshake(
            initiatorStatic,
            to: responderStatic.publicBytes,
            prologue: prologue,
            ephemeral: initiatorEphemeral
        )
        var responder = NoiseHandshake(responderStatic, prologue: prologue, ephemeral: responderEphemeral)
        let written = initiator.writeFirst(Array("Ludwig von Mises".utf8))
        #expect(written == first)
        let read = responder.readFirst(first)
        #expect(read == Array("Ludwig von Mises".utf8))
        #expect(responder.remotePublic == initiatorStatic.publicBytes)
        let answer = responder.writeSecond(Array("Murray Rothbard".utf8))
        let (message, responderKeys) = try #require(answer)
        #expect(message == second)
        let end = initiator.readSecond(second)
        let (payload, initiatorKeys) = try #require(end)
        #expect(payload == Array("Murray Rothbard".utf8))
        let hash = Self.bytes("0b0f68fb0c27e03ce9b97565995ed4838cc0581b762ef72b062f6a546419fad7")
        #expect(initiatorKeys.hash == hash)
        #expect(responderKeys.hash == hash)
        // Transport, initiator's key with nonce 0 and responder's with nonce 5.
        #expect(
            Cipher.seal(Array("F. A. Hayek".utf8), key: initiatorKeys.sending, counter: 0, authenticating: [])
                == Self.bytes("050e9f3c8fac16b68dbce8f8c4bfbf6617c897f9ada4aa29aa19c8")
        )
        #expect(
            Cipher.seal(Array("Carl Menger".utf8), key: responderKeys.sending, counter: 5, authenticating: [])
                == Self.bytes("c797a92cd88c74a030ac374c1a1b8fd82c58f02c45a1d1862f47c3")
        )
    }

    @Test func sealingInPlaceIsTheSame() throws {
        var initiator = NoiseHandshake(
            initiatorStatic,
            to: responderStatic.publicBytes,
            prologue: prologue,
            ephemeral: initiatorEphemeral
        )
        _ = initiator.writeFirst(Array("Ludwig von Mises".utf8))
        let end = initiator.readSecond(second)
        let keys = try #require(end).keys
        let text = Array("F. A. Hayek".utf8)
        var buffer = [UInt8](repeating: 0xaa, count: 16) + text + [UInt8](repeating: 0, count: 16)
        var span = buffer.mutableSpan
        Cipher.seal(&span, at: 16, count: text.count, key: keys.sending, counter: 0)
        #expect(Array(buffer[16...]) == Self.bytes("050e9f3c8fac16b68dbce8f8c4bfbf6617c897f9ada4aa29aa19c8"))
        span = buffer.mutableSpan
        #expect(Cipher.open(&span, at: 16, count: text.count + 16, key: keys.sending, counter: 0) == text.count)
        #expect(Array(buffer[16..<16 + text.count]) == text)
    }

    @Test(arguments: [0, 31, 32, 79, 80, 95, 111])
    func aChangedBitIsRefused(position: Int) {
        var message = first
        message[position] ^= 1
        var responder = NoiseHandshake(responderStatic, prologue: prologue, ephemeral: responderEphemeral)
        let read = responder.readFirst(message)
        #expect(read == nil)
    }

    @Test func anotherPrologueIsRefused() {
        var responder = NoiseHandshake(responderStatic, prologue: [1], ephemeral: responderEphemeral)
        let read = responder.readFirst(first)
        #expect(read == nil)
    }

    @Test func aStrangerIsStoppedBeforeTheSecondAgreement() {
        var responder = NoiseHandshake(responderStatic, prologue: prologue, ephemeral: responderEphemeral)
        let read = responder.readFirst(first, expected: responderStatic.publicBytes)
        #expect(read == nil)
        #expect(responder.remotePublic == initiatorStatic.publicBytes)
    }

    @Test func aPointThatGivesNothingAwayIsRefused() {
        var initiator = NoiseHandshake(initiatorStatic, to: [UInt8](repeating: 0, count: 32), prologue: prologue)
        let written = initiator.writeFirst([])
        #expect(written == nil)
    }
}
