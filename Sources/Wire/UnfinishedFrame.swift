// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Frames whose transport checksum was left to hardware which they never met, told by the frame alone.
///
/// Between virtual interfaces of one machine Linux passes packets on before their checksums are finished, and TCP before it is
/// cut into segments. Where such a packet was put into a UDP tunnel by the kernel and taken out by a program, there is no
/// virtio-net header to say so: the program just finds a wrong checksum, or one segment of 64 KiB.
///
/// But the field then holds exactly the sum of the pseudo-header, the sum that completion starts from. A finished checksum
/// has that value once in 65,536 packets, and completion turns it into the same value again, so that a wrong guess
/// changes nothing.
public enum UnfinishedFrame {
    /// The header that says what is left to do for a frame; nil when nothing is.
    ///
    /// - Parameter packetByteLimit: a TCP packet larger than this, IP header included, is a super-frame, and is cut to
    ///   packets of that size at most.
    @inlinable
    public static func header(of bytes: Span<UInt8>, packetByteLimit: Int) -> VirtioNetHeader? {
        guard let frame = EthernetFrame(bytes) else { return nil }
        let offset = frame.payloadOffset
        guard let network = SuperFrameNetworkLayer(frame.type, bytes, at: offset) else { return nil }
        let transport = network.transportOffset
        let length = network.end &- transport
        let isTCP = network.protocolNumber == IPProtocol.tcp
        let field: Int
        if isTCP {
            guard length >= TCPHeader.byteCount else { return nil }
            field = 16
        } else {
            guard network.protocolNumber == IPProtocol.udp, length >= UDPHeader.byteCount else { return nil }
            field = UDPHeader.checksumOffset
        }
        let found = bytes.readUInt16(at: transport &+ field)
        let sum = network.pseudoHeaderSum &+ InternetChecksum.sumOfWords(UInt64(truncatingIfNeeded: length))
        guard found != 0, found == InternetChecksum.fold(sum) else { return nil }
        var header = VirtioNetHeader.plain
        header.flags = .needsChecksum
        header.checksumStart = UInt16(truncatingIfNeeded: transport)
        header.checksumOffset = UInt16(truncatingIfNeeded: field)
        guard isTCP, network.end &- offset > packetByteLimit else { return header }
        let headers = transport &+ Int(bytes[transport &+ 12] >> 4) &* 4
        let size = packetByteLimit &- (headers &- offset)
        guard headers > transport, headers <= network.end, size >= WireTunables.minimumTCPSegmentByteCount else {
            return header
        }
        header.gsoType = network.isIPv6 ? .tcpv6 : .tcpv4
        header.headerLength = UInt16(truncatingIfNeeded: headers)
        header.gsoSize = UInt16(truncatingIfNeeded: min(size, 65_535))
        return header
    }
}
