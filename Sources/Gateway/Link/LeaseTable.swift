// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// Which station has which address of the DHCP pool: one record for each address, in the state memory.
///
/// A record outlives its lease: a station that comes back gets the address that it had. A new station gets an address that
/// nobody had before, and when there is none, the one whose lease ended longest ago. Searching is linear, over the
/// addresses used so far; DHCP is a matter of a few messages per station and hour.
struct LeaseTable: ~Copyable {
    enum State: UInt8 {
        case free = 0
        /// Offered; kept for the client for a minute.
        case offered
        case bound
        /// A client found the address in use (DHCPDECLINE).
        case declined
    }

    struct Record: BitwiseCopyable {
        var writeSequence: UInt32
        var stateValue: UInt8
        /// The station; kept when the lease ends.
        var mac: UInt64
        /// When the state ends, in nanoseconds of the monotonic clock.
        var expires: UInt64

        var state: State {
            get { State(rawValue: stateValue) ?? .free }
            set { stateValue = newValue.rawValue }
        }
    }

    let records: RecordTable<Record>
    private let poolStart: IPv4Address
    private let reserved: (IPv4Address, IPv4Address)
    /// Addresses of the pool.
    let count: Int
    /// Records from this one on were never used.
    private var neverUsed = 0

    static func byteCount(_ leaseCount: Int) -> Int { RecordTable<Record>.byteCount(max(leaseCount, 1)) }

    init(in state: inout StateMemory, configuration: GatewayConfiguration) {
        let limit = max(configuration.limits.leaseCount, 1)
        records = RecordTable(in: &state, .leases, count: limit)
        poolStart = configuration.poolStart
        reserved = (configuration.gatewayAddress, configuration.dnsAddress)
        let last = configuration.network.broadcastAddress.rawValue
        count = poolStart.rawValue < last ? min(Int(last - poolStart.rawValue), limit) : 0
    }

    func address(_ index: Int) -> IPv4Address {
        IPv4Address(rawValue: poolStart.rawValue &+ UInt32(truncatingIfNeeded: index))
    }

    /// The record of an address, nil when it is not given by us.
    func index(_ address: IPv4Address) -> Int? {
        guard address >= poolStart, address.rawValue &- poolStart.rawValue < UInt32(truncatingIfNeeded: count),
            address != reserved.0, address != reserved.1
        else { return nil }
        return Int(address.rawValue &- poolStart.rawValue)
    }

    /// Whether the record's address is kept for its station.
    func isHeld(_ index: Int, now: UInt64) -> Bool {
        records[index].state != .free && records[index].expires > now
    }

    /// The address that the station has or had last.
    func find(_ mac: MACAddress) -> Int? {
        for index in 0..<neverUsed
        where records[index].mac == mac.rawValue && records[index].state != .declined { return index }
        return nil
    }

    /// An address for a station.
    ///
    /// - Parameter isTaken: whether another station is seen to use an address, given by us or not.
    func choose(
        _ mac: MACAddress,
        requested: IPv4Address?,
        now: UInt64,
        isTaken: (IPv4Address) -> Bool
    ) -> Int? {
        if let index = find(mac), !isTaken(address(index)) { return index }
        if let requested, let index = index(requested), isAvailable(index, now: now), !isTaken(requested) {
            return index
        }
        var oldest: Int?
        for index in 0..<count {
            guard self.index(address(index)) != nil, isAvailable(index, now: now), !isTaken(address(index)) else {
                continue
            }
            if records[index].mac == 0 { return index }
            if let best = oldest, records[best].expires <= records[index].expires { continue }
            oldest = index
        }
        return oldest
    }

    private func isAvailable(_ index: Int, now: UInt64) -> Bool { !isHeld(index, now: now) }

    /// Writes a record.
    mutating func set(_ index: Int, _ state: State, mac: MACAddress, expires: UInt64) {
        neverUsed = max(neverUsed, index + 1)
        records[index].writeSequence |= 1
        records[index].state = state
        records[index].mac = mac.rawValue
        records[index].expires = expires
        records[index].writeSequence &+= 1
    }
}
