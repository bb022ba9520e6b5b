// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model
import Wire

/// Hardware addresses for interfaces that were given none: the same in each start, different in a lab.
struct StableAddresses {
    private var taken: Set<MACAddress>
    private let lab: String

    init(_ lab: Lab) {
        self.lab = lab.name
        taken = Set(lab.guests.flatMap { $0.interfaces.compactMap(\.hardwareAddress) })
    }

    /// Locally administered, of one station (IEEE 802, 8.2.2): 02, and five bytes of a hash of lab, guest and interface.
    mutating func address(guest: String, interface: Interface) -> MACAddress {
        if let given = interface.hardwareAddress { return given }
        var attempt = 0
        while true {
            let suffix = attempt == 0 ? "" : "/\(attempt)"
            let hash = StableHash.value("\(lab)/\(guest)/\(interface.name)\(suffix)")
            // The last bytes of FNV-1a are its best mixed ones only when folded.
            let address = MACAddress(rawValue: 0x02 << 40 | (hash ^ hash >> 40) & 0xff_ffff_ffff)
            if taken.insert(address).inserted { return address }
            attempt += 1
        }
    }
}
