// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import LinuxSystem
public import Wire

/// Behind which host a station was last seen: what a tunnel that many hosts share learns from the packets that arrive
/// (RFC 7348 section 4.1).
///
/// A table of fixed size, buckets of four entries; the key is address and VLAN. A full bucket loses its oldest entry: its
/// station's frames are then flooded until it is heard again. Whoever can send to the tunnel can fill the table with
/// addresses that do not exist; that costs unicast precision, never memory.
public struct RemoteTable: ~Copyable, Sendable {
    struct Entry {
        /// Address in the upper 48 bits; bit 15 set when the entry is used; VLAN in bits 0 to 11.
        var key: UInt64 = 0
        /// Second in which the station was last heard.
        var heard: UInt32 = 0
        var host = InternetAddress.none
    }

    private static var ways: Int { 4 }
    private let entries: OwnedState<RigidTable<Entry>>
    private let mask: UInt64
    private let multiplier: UInt64
    /// Seconds after which a silent station is forgotten.
    public let ageingSeconds: UInt32

    /// - Parameters:
    ///   - capacity: stations at least, rounded up to a power of two.
    ///   - seed: a random number that keeps others from choosing addresses that meet in one bucket.
    public init(capacity: Int, ageingSeconds: UInt32, seed: UInt64) {
        var buckets = 4
        while buckets * Self.ways < min(capacity, Self.maximumCapacity) { buckets *= 2 }
        entries = OwnedState(RigidTable(count: buckets * Self.ways) { _ in Entry() })
        mask = UInt64(buckets - 1)
        multiplier = seed | 1
        self.ageingSeconds = ageingSeconds
    }

    public static var maximumCapacity: Int { 1 << 20 }

    @inline(__always)
    private static func key(_ station: MACAddress, _ vlan: UInt16) -> UInt64 {
        station.rawValue << 16 | 0x8000 | UInt64(vlan & 0xfff)
    }

    @inline(__always)
    private func bucket(_ key: UInt64) -> Int {
        let mixed = (key ^ key >> 29) &* multiplier
        return Int(truncatingIfNeeded: mixed >> 32 & mask) &* Self.ways
    }

    /// Notes that a station's frame came from `host`.
    public mutating func learn(_ station: MACAddress, vlan: UInt16, host: InternetAddress, second: UInt32) {
        guard !station.isMulticast, station != .zero else { return }
        let key = Self.key(station, vlan)
        let first = bucket(key)
        var victim = first
        var victimAge: UInt32 = 0
        for index in first..<first &+ Self.ways {
            let found = entries.value[index].key
            if found == key {
                victim = index
                break
            }
            let age = found == 0 ? UInt32.max : second &- entries.value[index].heard
            if age >= victimAge {
                victim = index
                victimAge = age
            }
        }
        entries.value[victim] = Entry(key: key, heard: second, host: host)
    }

    /// The host behind which a station was heard lately.
    public func lookUp(_ station: MACAddress, vlan: UInt16, second: UInt32) -> InternetAddress? {
        let key = Self.key(station, vlan)
        let first = bucket(key)
        for index in first..<first &+ Self.ways where entries.value[index].key == key {
            return second &- entries.value[index].heard <= ageingSeconds ? entries.value[index].host : nil
        }
        return nil
    }

    /// Forgets all stations behind a host that has left.
    public mutating func forget(host: InternetAddress) {
        for index in 0..<entries.value.count where entries.value[index].key != 0 && entries.value[index].host == host {
            entries.value[index].key = 0
        }
    }

    /// Entries in use, aged ones included.
    public var count: Int {
        var count = 0
        for index in 0..<entries.value.count where entries.value[index].key != 0 { count += 1 }
        return count
    }
}
