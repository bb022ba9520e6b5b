// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// Both ends of a flow as the guest sees them. IPv4 addresses are held as IPv4-mapped ones, so that IPv6 needs no other key.
struct FlowKey: BitwiseCopyable, Equatable {
    var guestHigh: UInt64
    var guestLow: UInt64
    var remoteHigh: UInt64
    var remoteLow: UInt64
    var guestPort: UInt16
    var remotePort: UInt16

    @inline(__always)
    init(guest: IPv4Address, guestPort: UInt16, remote: IPv4Address, remotePort: UInt16) {
        guestHigh = 0
        guestLow = Self.mapped(guest)
        remoteHigh = 0
        remoteLow = Self.mapped(remote)
        self.guestPort = guestPort
        self.remotePort = remotePort
    }

    @inline(__always)
    private static func mapped(_ address: IPv4Address) -> UInt64 { 0xffff_0000_0000 | UInt64(address.rawValue) }

    var guest: IPv4Address { IPv4Address(rawValue: UInt32(truncatingIfNeeded: guestLow)) }
    var remote: IPv4Address { IPv4Address(rawValue: UInt32(truncatingIfNeeded: remoteLow)) }

    @inline(__always)
    static func == (left: FlowKey, right: FlowKey) -> Bool {
        left.guestLow == right.guestLow && left.remoteLow == right.remoteLow && left.guestPort == right.guestPort
            && left.remotePort == right.remotePort && left.guestHigh == right.guestHigh
            && left.remoteHigh == right.remoteHigh
    }
}

/// A keyed hash: whoever does not know the secrets cannot choose flows that collide (folded multiplications, as in wyhash).
struct HashSecret {
    private let first: UInt64
    private let second: UInt64

    init(seed: UInt64) {
        var state = seed
        first = Self.next(&state) | 1
        second = Self.next(&state)
    }

    /// SplitMix64, to spread a seed.
    private static func next(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    @inline(__always)
    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    @inline(__always)
    func hash(_ key: FlowKey) -> UInt64 {
        let ports = UInt64(key.guestPort) << 16 | UInt64(key.remotePort)
        var value = Self.fold(key.guestLow ^ first, key.remoteLow ^ second)
        value = Self.fold(value ^ key.guestHigh, key.remoteHigh ^ first)
        return Self.fold(value ^ ports, second ^ 0xa076_1d64_78bd_642f)
    }

    @inline(__always)
    func hash(_ word: UInt64) -> UInt64 { Self.fold(word ^ first, second ^ 0xe703_7ed1_a0b4_28db) }
}
