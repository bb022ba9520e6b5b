// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Completion of checksums that a sender left to the device (virtio 1.2 section 5.1.6.2, `needsChecksum`).
public enum ChecksumCompletion {
    /// Sums from `checksumStart` to the frame's end and stores the result at `checksumStart + checksumOffset`.
    ///
    /// The field holds the pseudo-header's sum already, so that no IP header is looked at. Padding behind the packet is
    /// summed too, as the kernel does; senders pad with zeros.
    ///
    /// - Returns: true when the frame's checksum is complete now or was before; false, with nothing changed, if the
    ///   offsets do not lie within the frame.
    @inlinable
    @discardableResult
    public static func complete(_ header: VirtioNetHeader, frame: inout MutableSpan<UInt8>) -> Bool {
        guard header.needsChecksum else { return true }
        let start = Int(header.checksumStart)
        let position = start &+ Int(header.checksumOffset)
        guard start >= Ethernet.headerByteCount, frame.hasRoom(2, at: position) else { return false }
        let sum = InternetChecksum.partialSum(frame.span, from: start, to: frame.count)
        // UDP is known by where its checksum stands. For TCP and ICMPv6 both forms of zero mean the same.
        let isUDP = Int(header.checksumOffset) == UDPHeader.checksumOffset
        frame.storeUInt16(isUDP ? InternetChecksum.finishUDP(sum) : InternetChecksum.finish(sum), at: position)
        return true
    }
}
