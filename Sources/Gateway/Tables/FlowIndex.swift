// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// A record that is found by its key.
protocol FlowRecord: LinkedRecord {
    var key: FlowKey { get }
}

/// Finds flows by their keys: open addressing with linear probing, at most half full. Removal moves followers back, so that
/// there are no tombstones and a search ends at the first empty place.
struct FlowIndex: ~Copyable {
    struct Entry: BitwiseCopyable {
        /// The hash's low half: compared before the record is touched, and where the entry belongs.
        var hash: UInt32
        /// One more than the record's index; 0 is an empty place.
        var link: UInt32
    }

    private let entries: RecordTable<Entry>
    private let mask: Int

    /// Places for `flowCount` flows: the power of two that is at least twice as many.
    static func placeCount(_ flowCount: Int) -> Int {
        var count = 64
        while count < 2 * flowCount { count *= 2 }
        return count
    }

    static func byteCount(_ flowCount: Int) -> Int { RecordTable<Entry>.byteCount(placeCount(flowCount)) }

    init(in state: inout StateMemory, _ section: StateMemory.Section, flowCount: Int) {
        let count = Self.placeCount(flowCount)
        entries = RecordTable(in: &state, section, count: count)
        mask = count - 1
    }

    /// The record with `key`.
    @inline(__always)
    func find<Record: FlowRecord>(_ key: FlowKey, hash: UInt64, in table: borrowing RecordTable<Record>) -> Int? {
        let short = UInt32(truncatingIfNeeded: hash)
        var place = Int(short) & mask
        while true {
            let entry = entries[place]
            if entry.link == 0 { return nil }
            let index = Int(entry.link) &- 1
            if entry.hash == short, table[index].key == key { return index }
            place = (place &+ 1) & mask
        }
    }

    /// Adds a record whose key is not there yet. The caller adds no more records than the index was made for.
    func insert(_ index: Int, hash: UInt64) {
        let short = UInt32(truncatingIfNeeded: hash)
        var place = Int(short) & mask
        while entries[place].link != 0 { place = (place &+ 1) & mask }
        entries[place] = Entry(hash: short, link: UInt32(truncatingIfNeeded: index &+ 1))
    }

    /// Removes a record that was added with the same hash.
    func remove(_ index: Int, hash: UInt64) {
        let link = UInt32(truncatingIfNeeded: index &+ 1)
        var hole = Int(UInt32(truncatingIfNeeded: hash)) & mask
        while entries[hole].link != link {
            if entries[hole].link == 0 { return }
            hole = (hole &+ 1) & mask
        }
        var place = hole
        while true {
            place = (place &+ 1) & mask
            let entry = entries[place]
            if entry.link == 0 { break }
            // An entry may move back into the hole unless that is before the place where its search begins.
            let home = Int(entry.hash) & mask
            if (place &- home) & mask >= (place &- hole) & mask {
                entries[hole] = entry
                hole = place
            }
        }
        entries[hole] = Entry(hash: 0, link: 0)
    }
}
