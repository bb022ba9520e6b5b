// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// What is left to do to a frame, before somebody judges it by its bytes: none of that may change what was judged.
extension FramePool {
    /// Makes sure that whatever will be done to a frame on its way out keeps its addresses, ports and messages. False: it cannot
    /// be made sure of.
    ///
    /// A sender may say where a checksum is to be put, and could have it put over an address. So a checksum that is not where
    /// the frame's own protocol has it is summed now. A super-frame has to be one by its own headers. Datagrams of DHCP, whose
    /// contents are judged, are refused as super-frames: the second segment's contents would not be seen.
    public mutating func settle(_ frame: FrameReference) -> Bool {
        guard needsWork(frame) else { return true }
        let header = header(frame)
        if header.isSuperFrame {
            guard Segmenter(header: header, frame: bytes(frame)) != nil else { return false }
            return header.gsoType.kind != .udpL4 || !Self.isDHCP(bytes(frame), at: Int(header.checksumStart))
        }
        if header.needsChecksum, !Self.isTransportChecksum(header, bytes(frame)) {
            guard header.validate(frameByteCount: Int(frame.byteCount)) else { return false }
            completeChecksum(frame)
        }
        return true
    }

    private static func isDHCP(_ bytes: Span<UInt8>, at offset: Int) -> Bool {
        guard offset + 4 <= bytes.count else { return true }
        return isDHCPPort(bytes.readUInt16(at: offset)) || isDHCPPort(bytes.readUInt16(at: offset + 2))
    }

    private static func isDHCPPort(_ port: UInt16) -> Bool { port == 67 || port == 68 || port == 546 || port == 547 }

    /// The checksum belongs to TCP, UDP or ICMPv6 directly behind an IP header of an untagged frame.
    private static func isTransportChecksum(_ header: VirtioNetHeader, _ bytes: Span<UInt8>) -> Bool {
        guard bytes.count >= Ethernet.headerByteCount + 20 else { return false }
        let start: Int
        let number: UInt8
        switch EtherType(rawValue: bytes.readUInt16(at: 12)) {
        case .ipv4:
            start = Ethernet.headerByteCount + Int(bytes[Ethernet.headerByteCount] & 15) * 4
            number = bytes[Ethernet.headerByteCount + 9]
        case .ipv6:
            start = Ethernet.headerByteCount + 40
            number = bytes[Ethernet.headerByteCount + 6]
        default: return false
        }
        guard start >= Ethernet.headerByteCount + 20, Int(header.checksumStart) == start else { return false }
        switch number {
        case IPProtocol.tcp: return header.checksumOffset == 16
        case IPProtocol.udp: return header.checksumOffset == 6
        case IPProtocol.icmpv6: return header.checksumOffset == 2
        default: return false
        }
    }
}
