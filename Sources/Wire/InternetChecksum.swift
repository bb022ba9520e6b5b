// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The Internet checksum (RFC 1071): ones' complement of the ones' complement sum of big-endian 16-bit words.
///
/// A *partial sum* is an unfolded sum in 64 bits. Partial sums of ranges that begin at an even distance from each other
/// add up with `&+`; `fold` brings one to 16 bits and `finish` complements it. A frame is at most 64 KiB, so 64 bits
/// never overflow, and no carry is handled while adding.
public enum InternetChecksum {
    /// The partial sum of the bytes from `start` to (not including) `end`; an odd last byte counts as if a zero
    /// followed (RFC 1071 section 4.1).
    ///
    /// Both offsets must lie within the span.
    @inlinable
    public static func partialSum(_ span: Span<UInt8>, from start: Int, to end: Int) -> UInt64 {
        var sum: UInt64 = 0
        var index = start
        while index &+ 1 < end {
            sum &+= UInt64(truncatingIfNeeded: span.readUInt16(at: index))
            index &+= 2
        }
        if index < end { sum &+= UInt64(truncatingIfNeeded: span[index]) << 8 }
        return sum
    }

    /// A partial sum brought to 16 bits, carries added back in.
    @inlinable @inline(__always)
    public static func fold(_ sum: UInt64) -> UInt16 {
        var sum = (sum >> 32) &+ (sum & 0xffff_ffff)
        sum = (sum >> 16) &+ (sum & 0xffff)
        sum = (sum >> 16) &+ (sum & 0xffff)
        sum = (sum >> 16) &+ (sum & 0xffff)
        return UInt16(truncatingIfNeeded: sum)
    }

    /// The checksum field of data with the partial sum `sum`, the field itself having counted as zero.
    @inlinable @inline(__always)
    public static func finish(_ sum: UInt64) -> UInt16 { ~fold(sum) }

    /// The checksum field of UDP: a computed 0 is sent as 0xffff, as 0 means "none" (RFC 768).
    @inlinable @inline(__always)
    public static func finishUDP(_ sum: UInt64) -> UInt16 {
        let value = finish(sum)
        return value == 0 ? 0xffff : value
    }

    /// The checksum of a whole range (RFC 1071), the checksum field in it having been zeroed.
    @inlinable
    public static func checksum(_ span: Span<UInt8>, from start: Int, to end: Int, initial: UInt64 = 0) -> UInt16 {
        finish(initial &+ partialSum(span, from: start, to: end))
    }

    /// Whether a range that contains its checksum, with a pseudo-header's sum as `initial`, is intact.
    @inlinable
    public static func verify(_ span: Span<UInt8>, from start: Int, to end: Int, initial: UInt64 = 0) -> Bool {
        fold(initial &+ partialSum(span, from: start, to: end)) == 0xffff
    }

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
            &+ UInt64(protocolNumber) &+ UInt64(truncatingIfNeeded: byteCount) & 0xffff_ffff
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
        return addresses &+ UInt64(protocolNumber) &+ UInt64(truncatingIfNeeded: byteCount) & 0xffff_ffff
    }

    /// The checksum after one 16-bit word of the data changed (RFC 1624 equation 3).
    @inlinable @inline(__always)
    public static func update(_ checksum: UInt16, replacing old: UInt16, with new: UInt16) -> UInt16 {
        finish(UInt64(~checksum) &+ UInt64(~old) &+ UInt64(new))
    }

    /// The checksum after an aligned 32-bit word of the data changed, such as an address (RFC 1624 equation 3).
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

extension InternetChecksum {
    /// Copies `source[range]` to `offset` and returns the partial sum of what was copied, as `partialSum` would.
    ///
    /// Both ranges must lie within their spans.
    @inlinable
    public static func copy(
        _ source: Span<UInt8>,
        _ range: Range<Int>,
        into target: inout MutableSpan<UInt8>,
        at offset: Int
    ) -> UInt64 {
        target.store(source, range, at: offset)
        return partialSum(source, from: range.lowerBound, to: range.upperBound)
    }
}
