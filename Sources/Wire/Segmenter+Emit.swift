// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

extension Segmenter {
    /// Payload bytes of segment `index`.
    @inlinable
    func payloadRange(_ index: Int) -> Range<Int> {
        let start = headerByteCount &+ index &* segmentPayloadByteCount
        return start..<min(start &+ segmentPayloadByteCount, payloadEnd)
    }

    /// Bytes of segment `index`, headers included; 0 if there is no such segment.
    @inlinable
    public func byteCount(ofSegment index: Int) -> Int {
        guard index >= 0, index < segmentCount else { return 0 }
        return headerByteCount &+ payloadRange(index).count
    }

    /// Writes the complete segment `index`, from its destination address to the end of its payload, with all
    /// checksums, to the beginning of `target`.
    ///
    /// - Parameter frame: the super-frame that this value was made of.
    /// - Returns: the segment's length, or 0, with nothing written, if there is no such segment or it does not fit.
    @inlinable
    public func emit(_ index: Int, from frame: Span<UInt8>, into target: inout MutableSpan<UInt8>) -> Int {
        guard index >= 0, index < segmentCount, frame.count >= payloadEnd else { return 0 }
        let payload = payloadRange(index)
        let byteCount = headerByteCount &+ payload.count
        guard byteCount <= target.count else { return 0 }

        target.store(frame, 0..<headerByteCount, at: 0)
        let payloadSum = InternetChecksum.copy(frame, payload, into: &target, at: headerByteCount)
        storeNetworkLengths(index, packetEnd: byteCount, into: &target)
        if isTCP {
            storeTCP(index, payloadSum: payloadSum, segmentEnd: byteCount, into: &target)
        } else {
            storeUDP(payloadSum: payloadSum, datagramEnd: byteCount, into: &target)
        }
        return byteCount
    }

    /// Lengths, identification and header checksum of the IP header.
    @inlinable @inline(__always)
    func storeNetworkLengths(_ index: Int, packetEnd: Int, into target: inout MutableSpan<UInt8>) {
        if isIPv6 {
            let payloadByteCount = packetEnd &- networkOffset &- IPv6Header.byteCount
            target.storeUInt16(UInt16(truncatingIfNeeded: payloadByteCount), at: networkOffset &+ 4)
            return
        }
        let total = UInt16(truncatingIfNeeded: packetEnd &- networkOffset)
        let identification = self.identification &+ UInt16(truncatingIfNeeded: index)
        let sum = networkSum &+ UInt64(total) &+ UInt64(identification)
        target.storeUInt16(total, at: networkOffset &+ 2)
        target.storeUInt16(identification, at: networkOffset &+ 4)
        target.storeUInt16(InternetChecksum.finish(sum), at: networkOffset &+ 10)
    }

    /// Sequence number, flags and checksum of a TCP header.
    @inlinable @inline(__always)
    func storeTCP(_ index: Int, payloadSum: UInt64, segmentEnd: Int, into target: inout MutableSpan<UInt8>) {
        var flags = TCPFlags(rawValue: self.flags)
        if index != 0 { flags.remove(.cwr) }
        if index != segmentCount &- 1 { flags.subtract([.fin, .psh]) }
        let sequence = self.sequence &+ UInt32(truncatingIfNeeded: index &* segmentPayloadByteCount)
        let sum =
            transportSum &+ payloadSum &+ UInt64(segmentEnd &- transportOffset) &+ UInt64(sequence >> 16)
            &+ UInt64(sequence & 0xffff) &+ UInt64(flags.rawValue)
        target.storeUInt32(sequence, at: transportOffset &+ 4)
        target[transportOffset &+ 13] = flags.rawValue
        target.storeUInt16(InternetChecksum.finish(sum), at: transportOffset &+ TCPHeader.checksumOffset)
    }

    /// Length and checksum of a UDP header. The length counts twice: in the header and in the pseudo-header.
    @inlinable @inline(__always)
    func storeUDP(payloadSum: UInt64, datagramEnd: Int, into target: inout MutableSpan<UInt8>) {
        let length = UInt16(truncatingIfNeeded: datagramEnd &- transportOffset)
        let sum = transportSum &+ payloadSum &+ UInt64(length) &* 2
        target.storeUInt16(length, at: transportOffset &+ 4)
        target.storeUInt16(InternetChecksum.finishUDP(sum), at: transportOffset &+ UDPHeader.checksumOffset)
    }
}
