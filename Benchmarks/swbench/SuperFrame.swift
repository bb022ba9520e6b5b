// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// A TCP segment far larger than the link's, as a kernel with segmentation offload hands it to a tap: the checksum is
/// left to do, and the virtio-net header says how to cut it.
enum SuperFrame {
    static let segmentByteCount = 1448

    static func make(sequence: UInt32, payloadByteCount: Int) -> (header: VirtioNetHeader, bytes: [UInt8]) {
        let transport = Ethernet.headerByteCount + IPv4Header.byteCount
        let payload = transport + TCPHeader.byteCount
        var bytes = [UInt8](repeating: 0, count: payload + payloadByteCount)
        for index in payload..<bytes.count { bytes[index] = UInt8(truncatingIfNeeded: index &* 7) }
        let ip = IPv4Header(
            source: IPv4Address(rawValue: 0xc0a8_4d64),
            destination: IPv4Address(rawValue: 0xc0a8_4d65),
            protocolNumber: IPProtocol.tcp,
            totalByteCount: bytes.count - Ethernet.headerByteCount,
            dontFragment: true
        )
        let tcp = TCPHeader(
            sourcePort: 40_000,
            destinationPort: 5201,
            sequence: sequence,
            acknowledgement: 1,
            flags: [.ack],
            window: 512
        )
        var span = bytes.mutableSpan
        EthernetHeader(
            destination: MACAddress(rawValue: 0x0245_4c00_0002),
            source: MACAddress(rawValue: 0x0245_4c00_0001),
            type: .ipv4
        )
        .emit(into: &span)
        _ = ip.emit(into: &span, at: Ethernet.headerByteCount)
        _ = tcp.emit(into: &span, at: transport)
        let sum = InternetChecksum.pseudoHeader(
            source: ip.source,
            destination: ip.destination,
            protocolNumber: IPProtocol.tcp,
            byteCount: TCPHeader.byteCount + payloadByteCount
        )
        span.storeUInt16(InternetChecksum.fold(sum), at: transport + TCPHeader.checksumOffset)
        let header = VirtioNetHeader(
            flags: .needsChecksum,
            gsoType: .tcpv4,
            headerLength: UInt16(payload),
            gsoSize: UInt16(segmentByteCount),
            checksumStart: UInt16(transport),
            checksumOffset: UInt16(TCPHeader.checksumOffset)
        )
        return (header, bytes)
    }
}
