// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization
public import Wire

/// Reads a forwarding database that another thread is writing, entry by entry.
///
/// Invariant: `entries` covers `count` records for as long as the process lives (the state memory is never unmapped while
/// a switch runs); every access is atomic.
@safe
public struct ForwardingDatabaseView: @unchecked Sendable {
    private let entries: UnsafeMutablePointer<ForwardingDatabase.Entry>
    private let count: Int

    init(entries: UnsafeMutablePointer<ForwardingDatabase.Entry>, count: Int) {
        unsafe self.entries = unsafe entries
        self.count = count
    }

    /// How many addresses the table holds at most.
    public var capacity: Int { count }

    /// One address and where it was seen.
    public struct Row: Sendable, Equatable {
        /// Place in the table, stable while the entry lives.
        public let index: Int
        public let address: MACAddress
        public let vlan: UInt16
        public let port: Int
        /// Seconds since it was last seen.
        public let age: UInt16
        public let isStatic: Bool
    }

    /// All entries not older than `ageingSeconds`, in the table's order. An entry that is being written is tried again a few
    /// times; one that stays half written is left out.
    public func rows(now: UInt16, ageingSeconds: UInt16) -> [Row] {
        var rows: [Row] = []
        for index in 0..<count {
            for _ in 0..<8 {
                guard let number = unsafe entries[index].sequence.beginRead() else { continue }
                let key = unsafe entries[index].key.load(ordering: .relaxed)
                let place = unsafe entries[index].place.load(ordering: .relaxed)
                guard unsafe entries[index].sequence.isUnchanged(since: number) else { continue }
                guard key & 1 << 15 != 0 else { break }
                let age = now &- UInt16(truncatingIfNeeded: place)
                let isStatic = key & 1 << 14 != 0
                guard age <= ageingSeconds || isStatic else { break }
                rows.append(
                    Row(
                        index: index,
                        address: MACAddress(rawValue: key >> 16),
                        vlan: UInt16(key & 0xfff),
                        port: Int(place >> 16),
                        age: age,
                        isStatic: isStatic
                    )
                )
                break
            }
        }
        return rows
    }
}
