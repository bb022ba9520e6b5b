// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Gateway
import TestSupport
import Testing
import Wire

/// Frames of a guest, built byte by byte with full checksums.
struct Guest {
    var mac = Rig.guestMAC
    var ip = Rig.guestIP
    var gatewayMAC: MACAddress

    init(_ rig: Rig, mac: MACAddress = Rig.guestMAC, ip: IPv4Address = Rig.guestIP) {
        self.mac = mac
        self.ip = ip
        gatewayMAC = rig.mac
    }

    private func bytes(_ mac: MACAddress) -> [UInt8] { (0..<6).map { mac.octet($0) } }
    private func bytes(_ address: IPv4Address) -> [UInt8] {
        let octets = address.octets
        return [octets.0, octets.1, octets.2, octets.3]
    }
    private func bytes(_ value: UInt32) -> [UInt8] { bytes(IPv4Address(rawValue: value)) }
    private func bytes(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xff), UInt8(value & 0xff)] }

    func ethernet(_ type: Int, _ payload: [UInt8], to destination: MACAddress? = nil) -> [UInt8] {
        bytes(destination ?? gatewayMAC) + bytes(mac) + bytes(type) + payload
    }

    func arp(_ operation: Int, target: IPv4Address, sender: IPv4Address? = nil, targetMAC: MACAddress = .zero)
        -> [UInt8]
    {
        let body =
            bytes(1) + bytes(0x0800) + [6, 4] + bytes(operation) + bytes(mac) + bytes(sender ?? ip) + bytes(targetMAC)
            + bytes(target)
        return ethernet(0x0806, body, to: operation == 1 ? .broadcast : nil)
    }

    func ipv4(
        _ protocolNumber: UInt8,
        to destination: IPv4Address,
        _ payload: [UInt8],
        fragment: Int = 0x4000,
        source: IPv4Address? = nil,
        ethernetTo: MACAddress? = nil
    ) -> [UInt8] {
        var header: [UInt8] =
            [0x45, 0] + bytes(20 + payload.count) + [0, 1] + bytes(fragment) + [64, protocolNumber, 0, 0]
        header += bytes(source ?? ip) + bytes(destination)
        let checksum = ChecksumOracle.checksum(header)
        header[10] = UInt8(checksum >> 8)
        header[11] = UInt8(checksum & 0xff)
        return ethernet(0x0800, header + payload, to: ethernetTo)
    }

    private func pseudo(_ protocolNumber: UInt8, _ destination: IPv4Address, _ count: Int, _ source: IPv4Address)
        -> [UInt8]
    {
        bytes(source) + bytes(destination) + [0, protocolNumber] + bytes(count)
    }

    func tcp(
        to remote: IPv4Address,
        _ remotePort: UInt16,
        from port: UInt16 = 40_000,
        sequence: UInt32,
        acknowledgement: UInt32 = 0,
        flags: TCPFlags,
        window: Int = 0xffff,
        payload: [UInt8] = [],
        options: [UInt8] = []
    ) -> [UInt8] {
        var segment: [UInt8] = bytes(Int(port)) + bytes(Int(remotePort)) + bytes(sequence) + bytes(acknowledgement)
        segment += [UInt8((20 + options.count) * 4), flags.rawValue] + bytes(window) + [0, 0, 0, 0]
        segment += options + payload
        let checksum = ChecksumOracle.checksum(pseudo(6, remote, segment.count, ip) + segment)
        segment[16] = UInt8(checksum >> 8)
        segment[17] = UInt8(checksum & 0xff)
        return ipv4(6, to: remote, segment)
    }

    func udp(
        to remote: IPv4Address,
        _ remotePort: UInt16,
        from port: UInt16 = 5000,
        _ data: [UInt8],
        source: IPv4Address? = nil,
        ethernetTo: MACAddress? = nil
    ) -> [UInt8] {
        var datagram: [UInt8] = bytes(Int(port)) + bytes(Int(remotePort)) + bytes(8 + data.count) + [0, 0] + data
        var checksum = ChecksumOracle.checksum(pseudo(17, remote, datagram.count, source ?? ip) + datagram)
        if checksum == 0 { checksum = 0xffff }
        datagram[6] = UInt8(checksum >> 8)
        datagram[7] = UInt8(checksum & 0xff)
        return ipv4(17, to: remote, datagram, source: source, ethernetTo: ethernetTo)
    }

    func echoRequest(to remote: IPv4Address, _ data: [UInt8]) -> [UInt8] {
        var message: [UInt8] = [8, 0, 0, 0, 0x12, 0x34, 0, 7] + data
        let checksum = ChecksumOracle.checksum(message)
        message[2] = UInt8(checksum >> 8)
        message[3] = UInt8(checksum & 0xff)
        return ipv4(1, to: remote, message)
    }
}

/// Options of a usual SYN: MSS 1460, window scale 7, after the pattern of Linux.
let usualOptions: [UInt8] = [2, 4, 0x05, 0xb4, 1, 3, 3, 7]

/// Bytes that tell where they belong, so that loss, repetition and exchange are seen.
func ramp(_ range: Range<Int>) -> [UInt8] { range.map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

/// Expects bytes to be that part of the ramp, and says where they are not: not all of them.
func expectRamp(_ bytes: [UInt8], _ range: Range<Int>, _ location: SourceLocation = #_sourceLocation) {
    guard bytes != ramp(range) else { return }
    let wrong = zip(bytes, ramp(range)).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    Issue.record(
        "\(bytes.count) bytes instead of \(range.count), first wrong one at \(wrong.map(String.init) ?? "the end")",
        sourceLocation: location
    )
}
