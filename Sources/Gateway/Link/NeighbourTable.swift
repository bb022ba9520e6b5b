// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// The guests' Ethernet addresses by IPv4 address, learned from what guests send.
///
/// Buckets of eight; in a full bucket the neighbour that was silent longest makes room. There is no ageing: an address that
/// moved is learned anew from the first frame, and one that is gone does not answer, whatever we think.
struct NeighbourTable: ~Copyable {
    struct Record: BitwiseCopyable {
        var writeSequence: UInt32
        /// 0 is a free place.
        var address: UInt32
        var mac: UInt64
        var seen: UInt64
    }

    private let records: RecordTable<Record>
    private let bucketMask: Int
    private let secret: HashSecret

    static func recordCount(_ neighbourCount: Int) -> Int {
        var count = 64
        while count < neighbourCount { count *= 2 }
        return count
    }

    static func byteCount(_ neighbourCount: Int) -> Int { RecordTable<Record>.byteCount(recordCount(neighbourCount)) }

    init(in state: inout StateMemory, neighbourCount: Int, secret: HashSecret) {
        let count = Self.recordCount(neighbourCount)
        records = RecordTable(in: &state, .neighbours, count: count)
        bucketMask = count / 8 - 1
        self.secret = secret
    }

    private func bucket(_ address: IPv4Address) -> Int {
        (Int(truncatingIfNeeded: secret.hash(UInt64(address.rawValue))) & bucketMask) &* 8
    }

    /// The address's station, and when it was last heard.
    func find(_ address: IPv4Address) -> (mac: MACAddress, seen: UInt64)? {
        let first = bucket(address)
        for index in first..<first &+ 8 where records[index].address == address.rawValue {
            return (MACAddress(rawValue: records[index].mac), records[index].seen)
        }
        return nil
    }

    /// Notes that `mac` spoke as `address`.
    mutating func learn(_ address: IPv4Address, _ mac: MACAddress, now: UInt64) {
        let first = bucket(address)
        var place = first
        for index in first..<first &+ 8 {
            if records[index].address == address.rawValue {
                // A steady speaker is written once a second.
                if records[index].mac == mac.rawValue, now &- records[index].seen < GatewayTunables.second { return }
                place = index
                break
            }
            if records[place].address != 0,
                records[index].address == 0 || records[index].seen < records[place].seen
            {
                place = index
            }
        }
        records[place].writeSequence |= 1
        records[place].address = address.rawValue
        records[place].mac = mac.rawValue
        records[place].seen = max(now, 1)
        records[place].writeSequence &+= 1
    }
}
