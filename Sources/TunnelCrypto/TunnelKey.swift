// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Crypto

/// A key pair of a tunnel's end: X25519 (RFC 7748).
///
/// Files hold the private half as base64 text, one line.
public struct TunnelKey: Sendable {
    let privateKey: Curve25519.KeyAgreement.PrivateKey
    /// The half that is given to the other side: 32 bytes.
    public let publicBytes: [UInt8]

    /// A new one from the system's random numbers.
    public init() { self.init(Curve25519.KeyAgreement.PrivateKey()) }

    /// From 32 private bytes; nil when there are not as many.
    public init?(privateBytes: [UInt8]) {
        guard privateBytes.count == 32,
            let key = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: privateBytes)
        else { return nil }
        self.init(key)
    }

    /// From the text of a key file; surrounding blanks and the final newline do not count.
    public init?(text: String) {
        guard let bytes = Base64.decode(text) else { return nil }
        self.init(privateBytes: bytes)
    }

    private init(_ key: Curve25519.KeyAgreement.PrivateKey) {
        privateKey = key
        publicBytes = Array(key.publicKey.rawRepresentation)
    }

    /// The text for a key file.
    public var privateText: String { Base64.encode(Array(privateKey.rawRepresentation)) }
    /// The text to give to the other side.
    public var publicText: String { Base64.encode(publicBytes) }

    /// The public bytes in a text; nil when it is no key.
    public static func publicBytes(text: String) -> [UInt8]? {
        guard let bytes = Base64.decode(text), bytes.count == 32 else { return nil }
        return bytes
    }

    /// The secret shared with the owner of a public key; nil for a point that gives none away (all zero, RFC 7748 6.1).
    func agree(_ publicBytes: [UInt8]) -> [UInt8]? {
        guard let other = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: publicBytes),
            let secret = try? privateKey.sharedSecretFromKeyAgreement(with: other)
        else { return nil }
        let bytes = Array(SymmetricKey(data: secret).bytes)
        return bytes.allSatisfy { $0 == 0 } ? nil : bytes
    }
}

extension SymmetricKey {
    /// The key itself, for hashing on.
    var bytes: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}

/// Base64 of RFC 4648 section 4, as keys are written. `-` and `_` of its section 5 are read too, because URLs keep `/` for
/// themselves.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            var word = part.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            word <<= UInt32(8 * (3 - part.count))
            for position in 0..<4 {
                let index = Int(word >> UInt32(18 - 6 * position)) & 63
                text.append(position <= part.count ? alphabet[index] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of a text, nil when it is not base64. The final `=` may be missing.
    static func decode(_ text: String) -> [UInt8]? {
        var digits = Array(text.utf8)
        while let last = digits.last, last <= 0x20 { digits.removeLast() }
        while let first = digits.first, first <= 0x20 { digits.removeFirst() }
        var padding = 0
        while digits.last == UInt8(ascii: "="), padding < 2 {
            digits.removeLast()
            padding += 1
        }
        guard digits.count % 4 != 1, padding == 0 || (digits.count + padding) % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        var word: UInt32 = 0
        var bits = 0
        for digit in digits {
            let value: Int?
            switch digit {
            case UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "_"): value = 63
            default: value = alphabet.firstIndex(of: digit)
            }
            guard let value else { return nil }
            word = word << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
                word &= (1 << UInt32(bits)) - 1
            }
        }
        return word == 0 ? bytes : nil
    }
}
