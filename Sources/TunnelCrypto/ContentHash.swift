// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Crypto

/// The hash of a long content, piece by piece, as digests of the OCI image specification name it ("Digests"): FIPS 180-4.
public struct ContentHash {
    private enum Function {
        case sha256(SHA256)
        case sha512(SHA512)
    }

    private var function: Function

    /// - Parameter algorithm: `sha256` or `sha512`, the two that the specification registers; nil for others.
    public init?(_ algorithm: String) {
        switch algorithm {
        case "sha256": function = .sha256(SHA256())
        case "sha512": function = .sha512(SHA512())
        default: return nil
        }
    }

    public mutating func update(_ bytes: [UInt8]) {
        switch function {
        case .sha256(var hash):
            hash.update(data: bytes)
            function = .sha256(hash)
        case .sha512(var hash):
            hash.update(data: bytes)
            function = .sha512(hash)
        }
    }

    /// In lower-case hexadecimal digits.
    public var text: String {
        let bytes =
            switch function {
            case .sha256(let hash): Array(hash.finalize())
            case .sha512(let hash): Array(hash.finalize())
            }
        return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
