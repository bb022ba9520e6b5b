// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import TunnelCrypto

@Suite("Hashes of contents")
struct ContentHashTests {
    /// FIPS 180-4's examples.
    @Test(
        "pieces are one text",
        arguments: [
            ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "sha512",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                    + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
            ),
        ]
    )
    func pieces(algorithm: String, digest: String) throws {
        var hash = try #require(ContentHash(algorithm))
        for byte in "abc".utf8 { hash.update([byte]) }
        #expect(hash.text == digest)
    }

    @Test("others are not known")
    func unknown() { #expect(ContentHash("md5") == nil) }
}
