// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing
import Wire

@testable import Runtime

@Suite("Addresses of a multiplexer's interfaces")
struct InterfaceAddressTests {
    private let station = InterfaceAddress.Network.station(MACAddress(rawValue: 0x0200_0000_0001))

    @Test("an address follows from the network and the name, today and tomorrow")
    func stable() {
        // Guests know each other by these: a change of this test is a change for users.
        #expect("\(InterfaceAddress.make(station, name: "alice"))" == "52:54:c6:b9:93:6a")
        #expect(InterfaceAddress.make(station, name: "alice") == InterfaceAddress.make(station, name: "alice"))
        #expect(InterfaceAddress.make(.place("x"), name: "alice") == InterfaceAddress.make(.place("x"), name: "alice"))
    }

    @Test("addresses are locally administered, of one station, and differ")
    func different() {
        var seen: Set<MACAddress> = []
        for number in 0..<2000 {
            let address = InterfaceAddress.make(station, name: "\(number)")
            #expect(address.rawValue >> 32 == 0x5254)
            #expect(!address.isMulticast)
            seen.insert(address)
        }
        #expect(seen.count == 2000)
        #expect(InterfaceAddress.make(.place("a"), name: "b") != InterfaceAddress.make(.place("b"), name: "b"))
        #expect(InterfaceAddress.make(station, name: "a", attempt: 1) != InterfaceAddress.make(station, name: "a"))
    }
}
