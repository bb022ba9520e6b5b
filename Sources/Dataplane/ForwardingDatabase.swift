// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization
public import Wire

/// Which port an address was last seen on: the bridge's memory (IEEE 802.1Q clause 8.8).
///
/// # Theory of operation
///
/// A hash table of buckets of eight entries, 16 bytes each: two cache lines. The key is address and VLAN. A bucket is
/// all there is: no chain, no tombstone, no growth; entries are looked for in at most eight places. One word a bucket has a
/// byte of each key's hash: it is compared as a whole, so that the one entry that counts is found without trying the others,
/// and without a branch that cannot be foreseen. When a bucket is full,
/// an aged entry goes first; else the oldest one of the port that has the most entries in the whole table, so that a port
/// that floods forged addresses displaces its own (the policy of Open vSwitch). Static entries stay.
///
/// Time is in whole seconds, modulo 2^16. An entry is written only when its port or its second changes, so that a steady
/// stream touches the table once a second. Ageing happens when an entry is looked at, and in `sweep`, which the loop calls
/// while the table is not empty: an idle switch does not wake up.
///
/// The table lies in the state memory: other threads (the console) and processes (a successor) read it through
/// `ForwardingDatabaseView` while the loop writes.
///
/// Invariant: `entries` covers `bucketCount * 8` records; indices come from a hash masked to `bucketCount`, a power of two.
@safe
public struct ForwardingDatabase: ~Copyable {
    /// One address: 16 bytes, in the state memory.
    struct Entry: ~Copyable {
        /// Address in the upper 48 bits; bit 15 set when the entry is used; bit 14 when it is static; VLAN in bits 0 to 11.
        let key: Atomic<UInt64>
        /// Port in the upper, second last seen in the lower 16 bits.
        let place: Atomic<UInt32>
        let sequence: SequenceNumber
    }

    static var ways: Int { 8 }
    private static var usedBit: UInt64 { 1 << 15 }
    private static var staticBit: UInt64 { 1 << 14 }

    /// What became of a learned source address.
    @frozen
    public enum Learned: Sendable {
        case known, new, moved
        /// Seen elsewhere less than the minimal persistence ago: not moved.
        case held
    }

    public let bucketCount: Int
    public var ageingSeconds = Tunables.ageingSeconds
    public var minimumPersistenceSeconds = Tunables.minimumPersistenceSeconds
    /// Entries in the table, aged ones included until they are met.
    public private(set) var count = 0
    /// Where additions and removals are noted, for whoever listens.
    public var journal: ForwardingJournal?
    /// Entries displaced because their bucket was full.
    public private(set) var evictions: UInt64 = 0
    /// Where the latest address was that moved or was kept from moving.
    private(set) var conflictingPort = -1
    private let entries: UnsafeMutablePointer<Entry>
    private let multiplier: UInt64
    private let shift: UInt64
    /// A byte of the hash of each key of a bucket, 0 where there is none. Derived: not in the state memory.
    private let tags: UnsafeMutablePointer<UInt64>
    private let countByPort: UnsafeMutablePointer<UInt32>
    /// Which runs of 64 buckets were ever written, so that a sweep touches no page for nothing.
    private let touched: UnsafeMutablePointer<Bool>
    private let touchedCount: Int

    /// Bytes of state memory for a table.
    public static func byteCount(bucketCount: Int) -> Int {
        StateMemory.sectionByteCount(recordByteCount: 16, count: bucketCount * ways)
    }

    /// - Parameters:
    ///   - bucketCount: a power of two, 64 at least.
    ///   - seed: a random number that keeps clients from choosing addresses that meet in one bucket.
    public init(in memory: inout StateMemory, bucketCount: Int = 8192, seed: UInt64) {
        precondition(bucketCount >= 64 && bucketCount & (bucketCount - 1) == 0)
        self.bucketCount = bucketCount
        let raw = unsafe memory.addSection(.forwarding, recordByteCount: 16, count: bucketCount * Self.ways)
        unsafe entries = raw.assumingMemoryBound(to: Entry.self)
        multiplier = seed | 1
        shift = UInt64(64 - bucketCount.trailingZeroBitCount)
        unsafe tags = .allocate(capacity: bucketCount)
        unsafe tags.initialize(repeating: 0, count: bucketCount)
        unsafe countByPort = .allocate(capacity: Tunables.maximumPortCount)
        unsafe countByPort.initialize(repeating: 0, count: Tunables.maximumPortCount)
        touchedCount = bucketCount / 64
        unsafe touched = .allocate(capacity: touchedCount)
        unsafe touched.initialize(repeating: false, count: touchedCount)
    }

    deinit {
        unsafe tags.deallocate()
        unsafe countByPort.deallocate()
        unsafe touched.deallocate()
    }

    /// A reader of the same table for other threads.
    public var view: ForwardingDatabaseView {
        unsafe ForwardingDatabaseView(entries: entries, count: bucketCount * Self.ways)
    }

    @inline(__always)
    private static func key(_ address: MACAddress, _ vlan: UInt16) -> UInt64 {
        address.rawValue << 16 | usedBit | UInt64(vlan & 0xfff)
    }

    /// Fibonacci hashing with a secret multiplier; the high bits are the good ones.
    @inline(__always)
    private func hash(_ key: UInt64) -> UInt64 {
        // The halves are mixed first: the low bits of a MAC address vary most and the multiplier is odd, not perfect.
        (key ^ key >> 29) &* multiplier
    }

    @inline(__always)
    private func bucket(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash &>> shift) }

    /// The seven bits below those that choose the bucket, and one that says "used".
    @inline(__always)
    private func tag(_ hash: UInt64) -> UInt64 { hash &>> (shift &- 7) & 0x7f | 0x80 }

    /// The index of a key's entry, -1 when it has none.
    @inline(__always)
    private func find(_ key: UInt64, _ hash: UInt64) -> Int {
        let bucket = bucket(hash)
        // Bytes of the word that equal the tag become zero, and zero bytes are found all at once (Mycroft 1987). Bytes above
        // a true one may be found wrongly: the key decides.
        let difference = unsafe tags[bucket] ^ tag(hash) &* 0x0101_0101_0101_0101
        var candidates = (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
        while candidates != 0 {
            let index = bucket &* Self.ways &+ candidates.trailingZeroBitCount &>> 3
            if unsafe entries[index].key.load(ordering: .relaxed) & ~Self.staticBit == key { return index }
            candidates &= candidates &- 1
        }
        return -1
    }

    /// The port that `address` is on, nil when it is unknown or its entry has aged.
    public func lookUp(_ address: MACAddress, vlan: UInt16, now: UInt16) -> Int? {
        let key = Self.key(address, vlan)
        let index = find(key, hash(key))
        guard index >= 0 else { return nil }
        let place = unsafe entries[index].place.load(ordering: .relaxed)
        let age = now &- UInt16(truncatingIfNeeded: place)
        if age <= ageingSeconds { return Int(place >> 16) }
        return unsafe entries[index].key.load(ordering: .relaxed) & Self.staticBit != 0 ? Int(place >> 16) : nil
    }

    /// Notes that `address` is on `port`.
    @discardableResult
    public mutating func learn(_ address: MACAddress, vlan: UInt16, port: Int, now: UInt16) -> Learned {
        let key = Self.key(address, vlan)
        let hash = hash(key)
        let place = UInt32(truncatingIfNeeded: port) << 16 | UInt32(now)
        let index = find(key, hash)
        guard index >= 0 else {
            insert(key: key, place: place, bucket: bucket(hash) * Self.ways, now: now)
            return .new
        }
        let old = unsafe entries[index].place.load(ordering: .relaxed)
        if old == place { return .known }
        if unsafe entries[index].key.load(ordering: .relaxed) & Self.staticBit != 0 { return .known }
        if old >> 16 == place >> 16 {
            unsafe entries[index].place.store(place, ordering: .relaxed)
            return .known
        }
        conflictingPort = Int(old >> 16)
        if now &- UInt16(truncatingIfNeeded: old) < minimumPersistenceSeconds { return .held }
        unsafe countByPort[Int(old >> 16)] -= 1
        unsafe countByPort[port] += 1
        write(index, key: key, place: place)
        return .moved
    }

    private mutating func insert(key: UInt64, place: UInt32, bucket first: Int, now: UInt16) {
        var victim = -1
        var victimWeight: UInt64 = 0
        for index in first..<first + Self.ways {
            let found = unsafe entries[index].key.load(ordering: .relaxed)
            if found & Self.usedBit == 0 {
                victim = index
                break
            }
            if found & Self.staticBit != 0 { continue }
            let old = unsafe entries[index].place.load(ordering: .relaxed)
            let age = now &- UInt16(truncatingIfNeeded: old)
            // An aged entry outweighs all; then the port with most entries, then age.
            let weight =
                age > ageingSeconds
                ? UInt64.max : unsafe UInt64(countByPort[Int(old >> 16)]) << 16 | UInt64(age)
            if victim < 0 || weight > victimWeight {
                victim = index
                victimWeight = weight
            }
        }
        guard victim >= 0 else { return }  // Eight static entries: the address stays unknown and is flooded.
        if unsafe entries[victim].key.load(ordering: .relaxed) & Self.usedBit != 0 {
            if victimWeight != .max { evictions &+= 1 }
            forget(victim)
        }
        unsafe countByPort[Int(place >> 16)] += 1
        count += 1
        unsafe touched[first / (64 * Self.ways)] = true
        write(victim, key: key, place: place)
        journal?.note(isRemoval: false, key: key, port: Int(place >> 16))
    }

    private mutating func write(_ index: Int, key: UInt64, place: UInt32) {
        unsafe entries[index].sequence.beginWrite()
        unsafe entries[index].key.store(key, ordering: .relaxed)
        unsafe entries[index].place.store(place, ordering: .relaxed)
        unsafe entries[index].sequence.endWrite()
        let position = UInt64(index % Self.ways * 8)
        let tag = key == 0 ? 0 : tag(hash(key & ~Self.staticBit))
        let word = unsafe tags[index / Self.ways]
        unsafe tags[index / Self.ways] = word & ~(0xff << position) | tag << position
    }

    private mutating func forget(_ index: Int) {
        let place = unsafe entries[index].place.load(ordering: .relaxed)
        unsafe countByPort[Int(place >> 16)] -= 1
        count -= 1
        if let journal {
            journal.note(
                isRemoval: true,
                key: unsafe entries[index].key.load(ordering: .relaxed),
                port: Int(place >> 16)
            )
        }
        write(index, key: 0, place: 0)
    }

    private mutating func forgetAll(where isGone: (_ key: UInt64, _ place: UInt32) -> Bool) {
        for run in 0..<touchedCount where unsafe touched[run] {
            var used = false
            for index in run * 64 * Self.ways..<(run + 1) * 64 * Self.ways {
                let key = unsafe entries[index].key.load(ordering: .relaxed)
                guard key & Self.usedBit != 0 else { continue }
                if key & Self.staticBit == 0, isGone(key, unsafe entries[index].place.load(ordering: .relaxed)) {
                    forget(index)
                } else {
                    used = true
                }
            }
            unsafe touched[run] = used
        }
    }

    /// Forgets all aged entries.
    public mutating func sweep(now: UInt16) {
        let limit = ageingSeconds
        forgetAll { now &- UInt16(truncatingIfNeeded: $1) > limit }
    }

    /// Forgets every address on `port`, as when its cable is pulled.
    public mutating func forget(port: Int) {
        forgetAll { Int($1 >> 16) == port }
    }

    /// Forgets the addresses of which this is so, by their ports and VLANs.
    public mutating func forget(where isGone: (_ port: Int, _ vlan: UInt16) -> Bool) {
        forgetAll { isGone(Int($1 >> 16), UInt16($0 & 0xfff)) }
    }

    /// Forgets everything that was learned.
    public mutating func removeAll() {
        forgetAll { _, _ in true }
    }
}
