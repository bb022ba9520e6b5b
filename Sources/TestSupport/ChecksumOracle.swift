// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The Internet checksum as RFC 1071 describes it, word by word and carry by carry: slow, but obviously right.
public enum ChecksumOracle {
    /// The ones' complement sum of big-endian words; an odd last byte is the high half of a word.
    public static func sum(_ bytes: some Collection<UInt8>) -> UInt16 {
        var total: UInt16 = 0
        var high: UInt8?
        for byte in bytes {
            guard let first = high else {
                high = byte
                continue
            }
            total = add(total, UInt16(first) << 8 | UInt16(byte))
            high = nil
        }
        if let high { total = add(total, UInt16(high) << 8) }
        return total
    }

    /// The checksum field that makes `bytes`, with the field as zero, intact.
    public static func checksum(_ bytes: some Collection<UInt8>) -> UInt16 { ~sum(bytes) }

    /// Addition with end-around carry.
    private static func add(_ left: UInt16, _ right: UInt16) -> UInt16 {
        let (value, carried) = left.addingReportingOverflow(right)
        return carried ? value + 1 : value
    }

    /// Whether an IPv4 header's checksum is right.
    public static func headerIsIntact(ipv4 packet: some Collection<UInt8>) -> Bool {
        let length = Int((packet.first ?? 0) & 0x0f) * 4
        return length >= 20 && packet.count >= length && sum(packet.prefix(length)) == 0xffff
    }

    /// Whether the TCP, UDP or ICMPv6 checksum of a packet without extension headers is right.
    public static func transportIsIntact(ip packet: [UInt8]) -> Bool {
        guard let version = packet.first.map({ $0 >> 4 }) else { return false }
        var pseudo: [UInt8] = []
        let headerByteCount: Int
        let protocolNumber: UInt8
        if version == 4 {
            headerByteCount = Int(packet[0] & 0x0f) * 4
            protocolNumber = packet[9]
            pseudo += packet[12..<20]
        } else {
            headerByteCount = 40
            protocolNumber = packet[6]
            pseudo += packet[8..<40]
        }
        let length = packet.count - headerByteCount
        pseudo += [UInt8(length >> 24), UInt8(length >> 16 & 0xff), UInt8(length >> 8 & 0xff), UInt8(length & 0xff)]
        pseudo += [0, 0, 0, protocolNumber]
        return sum(pseudo + packet[headerByteCount...]) == 0xffff
    }
}
