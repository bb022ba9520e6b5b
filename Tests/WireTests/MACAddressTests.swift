// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct MACAddressTests {
    @Test func firstOctetOnTheWireIsMostSignificant() {
        let bytes = hex("ff 02 00 5e 10 00 01 ff")
        let address = MACAddress(bytes.span, at: 1)
        #expect(address.rawValue == 0x0200_5e10_0001)
        #expect(address.octet(0) == 0x02)
        #expect(address.octet(5) == 0x01)
    }

    @Test func storesWhatItRead() {
        let address = MACAddress(0x0123_4567_89ab)
        let bytes = emitted(8) { span in
            address.store(to: &span, at: 0)
            return 6
        }
        #expect(bytes == hex("01 23 45 67 89 ab"))
    }

    @Test func ignoresBitsBeyond48() {
        #expect(MACAddress(rawValue: 0xffff_0000_0000_0001) == MACAddress(1))
    }

    @Test(arguments: [
        ("02:00:5e:10:00:01", 0x0200_5e10_0001 as UInt64), ("2:0:5e:10:0:1", 0x0200_5e10_0001),
        ("FF:ff:FF:ff:FF:ff", 0xffff_ffff_ffff), ("00:00:00:00:00:00", 0),
    ])
    func parsesText(_ text: String, _ value: UInt64) {
        #expect(MACAddress(text)?.rawValue == value)
    }

    @Test(arguments: [
        "", ":", "::::::", "02:00:5e:10:00", "02:00:5e:10:00:01:02", "02:00:5e:10:00:001", "02:00:5e:10:00:0g",
        "02:00:5e:10:00:01 ", "02-00-5e-10-00-01", "02:00:5e:10:00:", ":00:5e:10:00:01", "02005e100001", "é:0:0:0:0:0",
    ])
    func refusesText(_ text: String) {
        #expect(MACAddress(text) == nil)
    }

    @Test func printsLowerCaseWithColons() {
        #expect(MACAddress(0x0a0b_0c00_00ff).description == "0a:0b:0c:00:00:ff")
        #expect(MACAddress("0A:b:C:0:0:fF")?.description == "0a:0b:0c:00:00:ff")
    }

    @Test func knowsGroupsAndLocalAddresses() {
        #expect(MACAddress.broadcast.isBroadcast && MACAddress.broadcast.isMulticast)
        let spanningTree = MACAddress(0x0180_c200_0000)
        #expect(spanningTree.isMulticast && !spanningTree.isBroadcast && !spanningTree.isLocallyAdministered)
        let guest = MACAddress(0x0200_0000_0001)
        #expect(guest.isLocallyAdministered && !guest.isMulticast)
        let card = MACAddress(0x001b_2100_0001)
        #expect(!card.isLocallyAdministered && !card.isMulticast)
    }

    @Test func ordersAsWritten() {
        #expect(MACAddress(0x0100_0000_0000) > MACAddress(0x00ff_ffff_ffff))
    }
}
