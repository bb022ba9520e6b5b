// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A recipe for a super-frame: built byte by byte here, without the code under test.
public struct SuperFrame: Sendable, CustomStringConvertible {
    public var isIPv6 = false
    public var isTCP = true
    /// VLAN tags after the addresses, 0 to 2.
    public var tagCount = 0
    /// TCP options, a multiple of four bytes up to 40.
    public var tcpOptions: [UInt8] = []
    /// IPv4 options, a multiple of four bytes up to 40.
    public var ipOptions: [UInt8] = []
    public var payload: [UInt8] = []
    /// Payload bytes of each segment.
    public var segmentSize = 1460
    public var tcpFlags: UInt8 = 0x10
    public var sequence: UInt32 = 0x0102_0304
    public var identification: UInt16 = 0xfffe
    /// Bytes behind the packet.
    public var padding = 0

    public init() {}

    /// Bytes before the IP header.
    public var networkOffset: Int { 14 + 4 * tagCount }

    /// Bytes before the TCP or UDP header.
    public var transportOffset: Int { networkOffset + (isIPv6 ? 40 : 20 + ipOptions.count) }

    /// Bytes before the payload.
    public var payloadOffset: Int { transportOffset + (isTCP ? 20 + tcpOptions.count : 8) }

    /// The twelve bytes of the virtio-net header that belongs to the frame.
    public var virtioHeader: [UInt8] {
        let gsoType: UInt8 = isTCP ? (isIPv6 ? 4 : 1) : 5
        return [1, gsoType] + littleEndian(payloadOffset) + littleEndian(segmentSize) + littleEndian(transportOffset)
            + littleEndian(isTCP ? 16 : 6) + [0, 0]
    }

    /// The frame. The checksum field of the transport header holds rubbish that must not matter.
    public var bytes: [UInt8] {
        var frame: [UInt8] = [0x02, 0, 0, 0, 0, 0x02, 0x02, 0, 0, 0, 0, 0x01]
        for tag in 0..<tagCount { frame += (tag == 0 && tagCount == 2 ? [0x88, 0xa8] : [0x81, 0x00]) + [0x20, 0x2a] }
        frame += isIPv6 ? [0x86, 0xdd] : [0x08, 0x00]
        let transport = transportHeader
        frame += networkHeader(payloadByteCount: transport.count + payload.count)
        frame += transport + payload
        return frame + [UInt8](repeating: 0, count: padding)
    }

    private func networkHeader(payloadByteCount: Int) -> [UInt8] {
        let protocolNumber: UInt8 = isTCP ? 6 : 17
        if isIPv6 {
            let addresses: [UInt8] =
                [0xfd, 0] + [UInt8](repeating: 0, count: 13) + [1] + [0xfd, 0] + [UInt8](repeating: 0xff, count: 13) + [
                    2
                ]
            return [0x60, 0x0a, 0xbc, 0xde] + bigEndian(payloadByteCount) + [protocolNumber, 64] + addresses
        }
        var header: [UInt8] = [UInt8(0x45 + ipOptions.count / 4), 0x02]
        header += bigEndian(20 + ipOptions.count + payloadByteCount) + bigEndian(Int(identification))
        header += [0x40, 0x00, 64, protocolNumber, 0, 0, 10, 0, 0, 1, 10, 0, 0, 254] + ipOptions
        let checksum = ChecksumOracle.checksum(header)
        header[10] = UInt8(checksum >> 8)
        header[11] = UInt8(checksum & 0xff)
        return header
    }

    private var transportHeader: [UInt8] {
        guard isTCP else {
            return [0xc0, 0x00, 0x00, 0x35] + bigEndian(8 + payload.count) + [0xde, 0xad]
        }
        let sequenceBytes = bigEndian(Int(sequence >> 16)) + bigEndian(Int(sequence & 0xffff))
        return [0xc0, 0x00, 0x01, 0xbb] + sequenceBytes + [0xa0, 0xb0, 0xc0, 0xd0]
            + [UInt8(5 + tcpOptions.count / 4) << 4, tcpFlags, 0xff, 0xf0, 0xde, 0xad, 0, 0] + tcpOptions
    }

    private func bigEndian(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xff), UInt8(value & 0xff)] }
    private func littleEndian(_ value: Int) -> [UInt8] { [UInt8(value & 0xff), UInt8(value >> 8 & 0xff)] }

    public var description: String {
        "\(isTCP ? "TCP" : "UDP") over \(isIPv6 ? "IPv6" : "IPv4"), \(tagCount) tags, \(ipOptions.count)+"
            + "\(tcpOptions.count) bytes of options, \(payload.count) bytes in segments of \(segmentSize)"
    }
}
