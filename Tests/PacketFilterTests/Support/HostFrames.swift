// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// Frames as hosts send them, with whatever is to be wrong in them.
struct HostFrames {
    static let broadcast: [UInt8] = Array(repeating: 0xff, count: 6)
    static let alice = HostFrames(mac: [0x52, 0x54, 0, 0, 0, 0x0a], address: [10, 0, 0, 10], suffix: 0x0a)
    static let mallory = HostFrames(mac: [0x52, 0x54, 0, 0, 0, 0x66], address: [10, 0, 0, 66], suffix: 0x66)

    let mac: [UInt8]
    let address: [UInt8]
    /// fd00::suffix.
    let suffix: UInt8

    var address6: [UInt8] { [0xfd] + Array(repeating: 0, count: 14) + [suffix] }
    /// fe80:: with the Ethernet address in it.
    var linkLocal: [UInt8] {
        [0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]]
    }
    static let unspecified6 = [UInt8](repeating: 0, count: 16)
    static let allNodes: [UInt8] = [0xff, 2] + Array(repeating: 0, count: 13) + [1]

    func ethernet(_ type: UInt16, to destination: [UInt8] = broadcast, from source: [UInt8]? = nil, _ payload: [UInt8])
        -> [UInt8]
    {
        destination + (source ?? mac) + half(Int(type)) + payload
    }

    func arp(
        _ operation: UInt8 = 1,
        to destination: [UInt8] = broadcast,
        sender: [UInt8]? = nil,
        senderMAC: [UInt8]? = nil,
        target: [UInt8] = alice.address,
        targetMAC: [UInt8] = Array(repeating: 0, count: 6)
    ) -> [UInt8] {
        ethernet(
            0x0806,
            to: destination,
            [0, 1, 8, 0, 6, 4, 0, operation] + (senderMAC ?? mac) + (sender ?? address) + targetMAC + target
        )
    }

    func ipv4(
        _ number: UInt8,
        _ payload: [UInt8],
        from source: [UInt8]? = nil,
        to destination: [UInt8] = alice.address,
        toMAC: [UInt8] = alice.mac,
        fragment: Int = 0,
        options: [UInt8] = []
    ) -> [UInt8] {
        let length = 20 + options.count
        let header: [UInt8] =
            [0x40 | UInt8(length / 4), 0] + half(length + payload.count) + [0, 1] + half(fragment) + [64, number, 0, 0]
        return ethernet(0x0800, to: toMAC, header + (source ?? address) + destination + options + payload)
    }

    func udp(_ source: Int, _ destination: Int, _ payload: [UInt8] = Array(repeating: 0, count: 20)) -> [UInt8] {
        half(source) + half(destination) + half(8 + payload.count) + [0, 0] + payload
    }

    func dhcp(_ operation: UInt8 = 1, mac: [UInt8]? = nil, client: [UInt8] = [0, 0, 0, 0], relay: UInt8 = 0) -> [UInt8]
    {
        [operation, 1, 6, 0] + [1, 2, 3, 4, 0, 0, 0, 0] + client + Array(repeating: 0, count: 8) + [0, 0, 0, relay]
            + (mac ?? self.mac) + Array(repeating: 0, count: 206)
    }

    func ipv6(
        _ next: UInt8,
        _ payload: [UInt8],
        from source: [UInt8]? = nil,
        to destination: [UInt8] = alice.address6,
        toMAC: [UInt8] = alice.mac,
        hops: UInt8 = 255
    ) -> [UInt8] {
        ethernet(
            0x86dd,
            to: toMAC,
            [0x60, 0, 0, 0] + half(payload.count) + [next, hops] + (source ?? address6) + destination + payload
        )
    }

    /// Type, code, no checksum, and the rest.
    func icmp6(_ type: UInt8, _ rest: [UInt8]) -> [UInt8] { [type, 0, 0, 0] + rest }

    func solicitation(_ target: [UInt8], options: [UInt8] = []) -> [UInt8] {
        icmp6(135, [0, 0, 0, 0] + target + options)
    }
    func advertisement(_ target: [UInt8], options: [UInt8] = []) -> [UInt8] {
        icmp6(136, [0x60, 0, 0, 0] + target + options)
    }
    func option(_ type: UInt8, _ mac: [UInt8]? = nil) -> [UInt8] { [type, 1] + (mac ?? self.mac) }

    private func half(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xff), UInt8(value & 0xff)] }
}
