// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// Which addresses were seen where, and for how long: the memory of `iplog`. Time comes with each call, in seconds.
struct AddressLog {
    struct Entry: Equatable {
        var address: LoggedAddress
        var vlan: UInt16
        var hardware: MACAddress
        var port: Int
        var userID: UInt32?
        var lastSeen: Int
    }

    private struct Key: Hashable {
        let address: LoggedAddress
        let vlan: UInt16
    }

    /// Most addresses that are remembered; more are not logged, so that forged ones cannot fill the memory.
    static var capacity: Int { 65_536 }

    private(set) var ranges: [AddressRange] = []
    private var entries: [Key: Entry] = [:]
    var expireSeconds = 360

    /// EEXIST is the caller's to say.
    mutating func add(_ range: AddressRange) -> Bool {
        if ranges.contains(range) { return false }
        ranges.append(range)
        return true
    }

    /// False: there was no such range. What was seen of it goes with it.
    mutating func remove(_ range: AddressRange) -> Bool {
        guard let index = ranges.firstIndex(of: range) else { return false }
        ranges.remove(at: index)
        let rest = ranges
        entries = entries.filter { entry in rest.contains { $0.contains(entry.key.address) } }
        return true
    }

    func isLogged(_ address: LoggedAddress) -> Bool { ranges.contains { $0.contains(address) } }

    /// Notes that an address was seen. True: it is new, or it is somewhere else than before, and worth a line.
    mutating func note(_ entry: Entry) -> Bool {
        let key = Key(address: entry.address, vlan: entry.vlan)
        let old = entries[key]
        guard old != nil || entries.count < Self.capacity else { return false }
        entries[key] = entry
        guard let old else { return true }
        return old.port != entry.port || old.hardware != entry.hardware || old.userID != entry.userID
    }

    /// Forgets what was not seen for a while.
    mutating func collect(now: Int) {
        let limit = expireSeconds
        entries = entries.filter { now - $0.value.lastSeen < limit }
    }

    /// What is remembered, version 4 first, in the order of the addresses.
    func sorted(where isWanted: (Entry) -> Bool = { _ in true }) -> [Entry] {
        entries.values.filter(isWanted).sorted { one, two in
            if one.address.isVersion4 != two.address.isVersion4 { return one.address.isVersion4 }
            if one.address == two.address { return one.vlan < two.vlan }
            switch (one.address, two.address) {
            case (.v4(let first), .v4(let second)): return first.rawValue < second.rawValue
            case (.v6(let first), .v6(let second)): return first < second
            default: return false
            }
        }
    }
}
