// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct ARPMessageTests {
    let request = hex(
        """
        00 01               # hardware: Ethernet
        08 00               # protocol: IPv4
        06 04               # address lengths
        00 01               # request
        52 54 00 12 34 56   # sender MAC
        c0 a8 4d 02         # sender 192.168.77.2
        00 00 00 00 00 00   # target MAC: not known
        c0 a8 4d 01         # target 192.168.77.1
        """
    )

    let message = ARPMessage(
        operation: .request,
        senderMAC: MACAddress(0x5254_0012_3456),
        senderIP: IPv4Address(192, 168, 77, 2),
        targetMAC: .zero,
        targetIP: IPv4Address(192, 168, 77, 1)
    )

    @Test func readsARequestAlsoWithPaddingBehind() {
        #expect(ARPMessage.parse(request) == message)
        #expect(ARPMessage.parse([0, 0] + request + [UInt8](repeating: 0, count: 18), at: 2) == message)
    }

    @Test func writesWhatItReads() {
        #expect(emitted(28) { message.emit(into: &$0, at: 0) } == request)
        #expect(emitted(27) { message.emit(into: &$0, at: 0) } == nil)
    }

    @Test func repliesToTheSender() {
        let reply = message.reply(from: MACAddress(0x0200_0000_0001))
        #expect(
            reply
                == ARPMessage(
                    operation: .reply,
                    senderMAC: MACAddress(0x0200_0000_0001),
                    senderIP: IPv4Address(192, 168, 77, 1),
                    targetMAC: MACAddress(0x5254_0012_3456),
                    targetIP: IPv4Address(192, 168, 77, 2)
                )
        )
    }

    @Test func refusesEveryTruncation() {
        for length in 0..<28 { #expect(ARPMessage.parse(Array(request[..<length])) == nil) }
        #expect(ARPMessage.parse(request, at: -1) == nil && ARPMessage.parse(request, at: .max) == nil)
    }

    @Test(arguments: [0, 1, 2, 3, 4, 5])
    func refusesOtherHardwareAndProtocols(_ index: Int) {
        var bytes = request
        bytes[index] ^= 0x10
        #expect(ARPMessage.parse(bytes) == nil)
    }
}
