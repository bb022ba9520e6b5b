// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import TunnelCrypto

struct TunnelKeyTests {
    @Test func textGoesThereAndBack() throws {
        let key = TunnelKey()
        let again = try #require(TunnelKey(text: key.privateText + "\n"))
        #expect(again.publicBytes == key.publicBytes)
        #expect(TunnelKey.publicBytes(text: key.publicText) == key.publicBytes)
        #expect(key.privateText.count == 44)
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func base64IsThatOfRFC4648(text: String, encoded: String) {
        #expect(Base64.encode(Array(text.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(text.utf8))
    }

    @Test(arguments: ["A", "Zg=", "Zh==", "Zm9v!", "Zg===", "Z g="])
    func nonsenseIsNoBase64(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test func urlLettersAreRead() {
        #expect(Base64.decode("-_-_") == Base64.decode("+/+/"))
        #expect(Base64.decode("-_-_") == [0xfb, 0xff, 0xbf])
    }

    @Test(arguments: ["", "Zm9v", "not a key"])
    func otherTextsAreNoKeys(text: String) {
        #expect(TunnelKey(text: text) == nil)
        #expect(TunnelKey.publicBytes(text: text) == nil)
    }
}

struct ReplayWindowTests {
    @Test func eachCounterOnce() {
        var window = ReplayWindow()
        for counter in [0, 1, 5, 3, 64, 63, 1500, 1499, 70] as [UInt64] {
            #expect(window.isFresh(counter))
            window.note(counter)
            #expect(!window.isFresh(counter))
        }
        #expect(window.isFresh(2))
    }

    @Test func oldOnesAreRefusedAfterAJump() {
        var window = ReplayWindow()
        window.note(10)
        window.note(1_000_000)
        #expect(!window.isFresh(10))
        #expect(!window.isFresh(1_000_000 - ReplayWindow.size))
        #expect(window.isFresh(1_000_001 - ReplayWindow.size))
        #expect(window.isFresh(999_999))
        #expect(!window.isFresh(.max))
    }

    /// Against a set of everything that was seen.
    @Test func agreesWithAnOracle() {
        var generator = SystemRandomNumberGenerator()
        var window = ReplayWindow()
        var seen: Set<UInt64> = []
        var newest: UInt64 = 0
        for _ in 0..<20_000 {
            let step = UInt64.random(in: 0...3000, using: &generator)
            let counter = newest + 100 > step ? newest + 100 - step : 0
            let expected = !seen.contains(counter) && counter + ReplayWindow.size > newest
            #expect(window.isFresh(counter) == expected)
            guard expected else { continue }
            window.note(counter)
            seen.insert(counter)
            newest = max(newest, counter)
        }
    }
}
