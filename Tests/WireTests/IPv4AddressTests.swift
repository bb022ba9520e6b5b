// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct IPv4AddressTests {
    @Test(arguments: [
        ("0.0.0.0", 0 as UInt32), ("255.255.255.255", 0xffff_ffff), ("192.0.2.1", 0xc000_0201),
        ("10.0.10.100", 0x0a00_0a64),
    ])
    func readsAndPrints(_ text: String, _ value: UInt32) {
        #expect(IPv4Address(text)?.rawValue == value)
        #expect(IPv4Address(rawValue: value).description == text)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.0.0.1", "01.2.3.4", "1.2.3.00", "0x1.2.3.4",
        "1.2.3.4 ", "+1.2.3.4", "-1.2.3.4", "99999999999999999999.0.0.1", "１.2.3.4",
    ])
    func refusesText(_ text: String) {
        #expect(IPv4Address(text) == nil)
    }

    @Test func octetsAreInWrittenOrder() {
        let address = IPv4Address(192, 0, 2, 7)
        #expect(address.octets == (192, 0, 2, 7))
        let bytes = emitted(4) { span in
            address.store(to: &span, at: 0)
            return 4
        }
        #expect(bytes == [192, 0, 2, 7])
        let wire: [UInt8] = [1, 192, 0, 2, 7]
        let read = IPv4Address(wire.span, at: 1)
        #expect(read == address)
    }

    @Test func knowsSpecialRanges() {
        #expect(IPv4Address(127, 255, 0, 1).isLoopback && !IPv4Address(128, 0, 0, 1).isLoopback)
        #expect(IPv4Address(224, 0, 0, 1).isMulticast && IPv4Address(239, 255, 255, 255).isMulticast)
        #expect(!IPv4Address(223, 255, 255, 255).isMulticast && !IPv4Address(240, 0, 0, 0).isMulticast)
        #expect(IPv4Address.broadcast.isBroadcast && IPv4Address.unspecified.isUnspecified)
        #expect(IPv4Address(169, 254, 1, 1).isLinkLocal)
    }
}

struct IPv4NetworkTests {
    @Test func keepsTheHostPart() throws {
        let network = try #require(IPv4Network("192.168.77.9/24"))
        #expect(network.address == IPv4Address(192, 168, 77, 9))
        #expect(network.networkAddress == IPv4Address(192, 168, 77, 0))
        #expect(network.broadcastAddress == IPv4Address(192, 168, 77, 255))
        #expect(network.mask == IPv4Address(255, 255, 255, 0))
        #expect(network.description == "192.168.77.9/24")
    }

    @Test(arguments: [0, 1, 8, 23, 24, 30, 31, 32])
    func containsExactlyItsAddresses(_ length: Int) throws {
        let network = try #require(IPv4Network(address: IPv4Address(10, 20, 31, 41), prefixLength: length))
        #expect(network.contains(network.networkAddress) && network.contains(network.broadcastAddress))
        let before = IPv4Address(rawValue: network.networkAddress.rawValue &- 1)
        let after = IPv4Address(rawValue: network.broadcastAddress.rawValue &+ 1)
        #expect(network.contains(before) == (length == 0) && network.contains(after) == (length == 0))
        #expect(IPv4Network(address: network.address, mask: network.mask) == network)
    }

    @Test func numbersHosts() throws {
        let network = try #require(IPv4Network("10.0.2.0/24"))
        #expect(network.host(0) == network.networkAddress)
        #expect(network.host(2) == IPv4Address(10, 0, 2, 2))
        #expect(network.host(255) == network.broadcastAddress)
        #expect(network.host(256) == nil && network.host(-1) == nil && network.host(.max) == nil)
        let all = try #require(IPv4Network("0.0.0.0/0"))
        #expect(all.host(0xffff_ffff) == .broadcast && all.host(0x1_0000_0000) == nil)
    }

    @Test(arguments: [
        "", "/", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/024", "1.2.3.4/2/4", "1.2.3/8", "1.2.3.4/a",
    ])
    func refusesText(_ text: String) {
        #expect(IPv4Network(text) == nil)
    }

    @Test func refusesAMaskWithHoles() {
        #expect(IPv4Network(address: .unspecified, mask: IPv4Address(255, 0, 255, 0)) == nil)
    }

    @Test func takesABareAddressAsOneHost() {
        #expect(IPv4Network("10.1.2.3")?.prefixLength == 32)
    }
}
