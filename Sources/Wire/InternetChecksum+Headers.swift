// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

extension InternetChecksum {
    /// The sum of the pseudo-header before TCP and UDP over IPv4 (RFC 9293 section 3.1, RFC 768).
    ///
    /// - Parameter byteCount: length of the transport header and its data.
    @inlinable @inline(__always)
    public static func pseudoHeader(
        source: IPv4Address,
        destination: IPv4Address,
        protocolNumber: UInt8,
        byteCount: Int
    ) -> UInt64 {
        sumOfWords(UInt64(source.rawValue)) &+ sumOfWords(UInt64(destination.rawValue))
            &+ UInt64(protocolNumber) &+ sumOfWords(UInt64(truncatingIfNeeded: byteCount))
    }

    /// The sum of the pseudo-header before upper layers over IPv6 (RFC 8200 section 8.1).
    ///
    /// - Parameter byteCount: length of the upper-layer header and its data.
    @inlinable @inline(__always)
    public static func pseudoHeader(
        source: IPv6Address,
        destination: IPv6Address,
        protocolNumber: UInt8,
        byteCount: Int
    ) -> UInt64 {
        let addresses =
            sumOfWords(source.high) &+ sumOfWords(source.low) &+ sumOfWords(destination.high)
            &+ sumOfWords(destination.low)
        return addresses &+ UInt64(protocolNumber) &+ sumOfWords(UInt64(truncatingIfNeeded: byteCount))
    }

    /// The checksum after one 16-bit word of the data changed (RFC 1624 equation 3).
    @inlinable @inline(__always)
    public static func update(_ checksum: UInt16, replacing old: UInt16, with new: UInt16) -> UInt16 {
        finish(UInt64(~checksum) &+ UInt64(~old) &+ UInt64(new))
    }

    /// The checksum after a 32-bit word at an even offset of the data changed, such as an address (RFC 1624 equation
    /// 3).
    @inlinable @inline(__always)
    public static func update(_ checksum: UInt16, replacing old: UInt32, with new: UInt32) -> UInt16 {
        finish(UInt64(~checksum) &+ sumOfWords(UInt64(~old)) &+ sumOfWords(UInt64(new)))
    }

    /// The sum of the four 16-bit words of `value`.
    @inlinable @inline(__always)
    static func sumOfWords(_ value: UInt64) -> UInt64 {
        (value >> 48) &+ (value >> 32 & 0xffff) &+ (value >> 16 & 0xffff) &+ (value & 0xffff)
    }
}
