// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// An AF_UNIX address as the bytes of a `struct sockaddr_un`, unix(7).
///
/// Kept raw: the VDE protocol carries the structure itself, and clients (UML's `daemon`) bind abstract names of the full
/// size with arbitrary bytes in them, so that nothing shorter than all 110 bytes is their name.
public struct UnixSocketAddress: Sendable, Equatable {
    /// Size of `struct sockaddr_un`: a 16-bit family and 108 bytes of path.
    public static var byteCount: Int { 110 }
    /// Longest path, its final NUL excluded.
    public static var maximumPathByteCount: Int { 107 }

    /// Family first in host order: `byteCount` bytes, or fewer for an abstract name that is shorter.
    public let bytes: [UInt8]

    /// The address of a path. Nil when it is empty, holds a NUL or is longer than `maximumPathByteCount`.
    public init?(path: String) {
        let text = Array(path.utf8)
        guard !text.isEmpty, text.count <= Self.maximumPathByteCount, !text.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        bytes[0] = UInt8(AF_UNIX)  // Little endian, as every port of Swift to Linux.
        bytes.replaceSubrange(2..<2 + text.count, with: text)
        self.bytes = bytes
    }

    /// An abstract name of exactly these bytes, as systemd writes it behind an "@". Nil when it is empty or too long.
    public init?(abstract name: String) {
        let text = Array(name.utf8)
        guard !text.isEmpty, text.count <= Self.maximumPathByteCount else { return nil }
        bytes = [UInt8(AF_UNIX), 0, 0] + text
    }

    /// An address as it came over a socket: nil unless it is `byteCount` bytes of the family AF_UNIX.
    public init?(bytes: some Collection<UInt8>) {
        let array = Array(bytes)
        guard array.count == Self.byteCount, array[0] == UInt8(AF_UNIX), array[1] == 0 else { return nil }
        self.bytes = array
    }

    /// No name in the file system: abstract or unnamed.
    public var isAbstract: Bool { bytes[2] == 0 }

    /// The path, nil for an abstract name. Bytes that are no UTF-8 are replaced.
    public var path: String? {
        isAbstract ? nil : String(decoding: bytes[2...].prefix { $0 != 0 }, as: UTF8.self)
    }
}
