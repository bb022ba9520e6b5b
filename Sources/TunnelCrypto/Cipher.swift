// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Crypto

/// ChaCha20-Poly1305 (RFC 8439) with the nonce of the Noise framework: 32 zero bits and a 64-bit little-endian counter.
///
/// The only place where bytes pass between spans and swift-crypto. That package takes and gives its own buffers, so each
/// call here allocates; nothing else of the tunnel does.
enum Cipher {
    static var tagByteCount: Int { 16 }

    /// A handshake's small pieces.
    static func seal(_ text: [UInt8], key: SymmetricKey, counter: UInt64, authenticating data: [UInt8]) -> [UInt8] {
        guard let box = try? ChaChaPoly.seal(text, using: key, nonce: nonce(counter), authenticating: data) else {
            // Only a key of another size fails, and all of ours have 32 bytes.
            preconditionFailure("ChaCha20-Poly1305 refused a 32-byte key")
        }
        return Array(box.combined.dropFirst(12))
    }

    /// Nil when it is not authentic.
    static func open(_ text: [UInt8], key: SymmetricKey, counter: UInt64, authenticating data: [UInt8]) -> [UInt8]? {
        guard text.count >= tagByteCount,
            let box = try? ChaChaPoly.SealedBox(combined: nonceBytes(counter) + text),
            let opened = try? ChaChaPoly.open(box, using: key, authenticating: data)
        else { return nil }
        return Array(opened)
    }

    /// Seals in place: `count` bytes at `offset` become as many and the tag behind them.
    static func seal(_ bytes: inout MutableSpan<UInt8>, at offset: Int, count: Int, key: SymmetricKey, counter: UInt64)
    {
        precondition(offset >= 0 && count >= 0 && bytes.count - offset >= count + tagByteCount)
        unsafe bytes.withUnsafeMutableBytes { bytes in
            let plain = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
            guard let box = unsafe try? ChaChaPoly.seal(plain, using: key, nonce: nonce(counter)) else {
                preconditionFailure("ChaCha20-Poly1305 refused a 32-byte key")
            }
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + count + tagByteCount])
            unsafe copy(box.combined, from: 12, to: target)
        }
    }

    /// Opens `count` sealed bytes at `offset` in place: how many plain bytes are there now, nil when they are not authentic.
    /// The 12 bytes before `offset` are overwritten.
    static func open(
        _ bytes: inout MutableSpan<UInt8>,
        at offset: Int,
        count: Int,
        key: SymmetricKey,
        counter: UInt64
    ) -> Int? {
        guard offset >= 12, count >= tagByteCount, bytes.count - offset >= count else { return nil }
        return unsafe bytes.withUnsafeMutableBytes { bytes -> Int? in
            // The package wants nonce, text and tag in one piece.
            unsafe bytes.storeBytes(of: 0, toByteOffset: offset - 12, as: UInt32.self)
            unsafe bytes.storeBytes(of: counter.littleEndian, toByteOffset: offset - 8, as: UInt64.self)
            let combined = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset - 12..<offset + count])
            guard let box = unsafe try? ChaChaPoly.SealedBox(combined: combined),
                let plain = try? ChaChaPoly.open(box, using: key)
            else { return nil }
            let size = count - tagByteCount
            unsafe copy(plain, from: 0, to: UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + size]))
            return size
        }
    }

    private static func copy(
        _ source: some Collection<UInt8>,
        from start: Int,
        to target: UnsafeMutableRawBufferPointer
    ) {
        let isCopied = source.withContiguousStorageIfAvailable { source in
            guard source.count - start == target.count else { return false }
            guard let from = source.baseAddress, let to = target.baseAddress else { return unsafe target.isEmpty }
            unsafe to.copyMemory(from: from + start, byteCount: target.count)
            return true
        }
        precondition(isCopied == true)
    }

    private static func nonceBytes(_ counter: UInt64) -> [UInt8] {
        [0, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: counter >> (8 * UInt64($0))) }
    }

    private static func nonce(_ counter: UInt64) -> ChaChaPoly.Nonce {
        var bytes: (UInt32, UInt32, UInt32) = (
            0, UInt32(truncatingIfNeeded: counter).littleEndian, UInt32(truncatingIfNeeded: counter >> 32).littleEndian
        )
        return unsafe withUnsafeBytes(of: &bytes) { bytes in
            guard let nonce = unsafe try? ChaChaPoly.Nonce(data: bytes) else {
                preconditionFailure("12 bytes are a nonce")
            }
            return nonce
        }
    }
}
