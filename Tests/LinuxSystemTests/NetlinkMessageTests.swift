// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import LinuxSystem

@Suite("Netlink messages")
struct NetlinkMessageTests {
    @Test("a request has the layout of netlink(7)")
    func builds() {
        var request = NetlinkRequest(type: 16, flags: 4, sequence: 7)
        request.append(UInt16(0x0102))
        request.append(UInt16(0))
        request.attribute(3, text: "vd0")
        request.attribute(4, UInt32(1500))
        request.attribute(1, [1, 2, 3, 4, 5, 6])
        #expect(
            request.finished == [
                48, 0, 0, 0, 16, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0,  // length, type, REQUEST|ACK, sequence, port
                2, 1, 0, 0,  // fixed part
                8, 0, 3, 0, 118, 100, 48, 0,  // "vd0" and its NUL
                8, 0, 4, 0, 0xdc, 5, 0, 0,  // 1500
                10, 0, 1, 0, 1, 2, 3, 4, 5, 6, 0, 0,  // six bytes, padded to eight
            ]
        )
    }

    @Test("a datagram is split into its messages and attributes")
    func splits() throws {
        var first = NetlinkRequest(type: 16, sequence: 1)
        first.append(UInt32(9))
        first.attribute(3, text: "lo")
        first.attribute(0x8000 | 5, [1])
        let second = NetlinkRequest(type: 3, sequence: 2)
        // The first is padded to a multiple of four, as its length was not.
        let messages = NetlinkMessage.split((first.finished + second.finished)[...])
        #expect(messages.map(\.type) == [16, 3])
        #expect(messages.map(\.sequence) == [1, 2])
        let attributes = messages[0].attributes(from: 4)
        #expect(attributes.map(\.type) == [3, 5])
        #expect(attributes[0].payload.text == "lo")
        #expect(Array(attributes[1].payload) == [1])
    }

    @Test("lengths that lie end the reading; nothing traps")
    func survivesLies() {
        var whole = NetlinkRequest(type: 16, sequence: 1)
        whole.append(UInt32(9))
        whole.attribute(3, text: "a name of some length")
        let bytes = whole.finished
        for count in 0..<bytes.count { #expect(NetlinkMessage.split(bytes[..<count]).isEmpty) }
        for index in bytes.indices {
            for value in [0, 1, 3, 4, 15, 16, 17, 0x7f, 0x80, 0xff] as [UInt8] {
                var damaged = bytes
                damaged[index] = value
                for message in NetlinkMessage.split(damaged[...]) {
                    for offset in [0, 4, 8, 12, 16, 1000] {
                        for attribute in message.attributes(from: offset) {
                            #expect(attribute.payload.count <= bytes.count)
                        }
                    }
                    _ = Netlink.explanation(message)
                    _ = Netlink.event(message)
                }
            }
        }
    }

    @Test(
        "a router's options are read no further than the message goes",
        arguments: [(8, true), (9, false), (65535, false)]
    )
    func boundsRouterOptions(length: Int, isRead: Bool) {
        // struct nduseroptmsg: family 10, options length, interface 3, ICMPv6 type 134; then eight bytes.
        let fixed: [UInt8] = [10, 0, UInt8(length & 0xff), UInt8(length >> 8), 3, 0, 0, 0, 134, 0, 0, 0, 0, 0, 0, 0]
        let options: [UInt8] = [25, 1, 0, 0, 0, 0, 0, 0]
        let message = NetlinkMessage(type: 68, flags: 0, sequence: 0, payload: (fixed + options)[...])
        #expect((Netlink.event(message) == .routerOptions(interface: 3, bytes: options)) == isRead)
    }

    @Test("the kernel's words on an error are found behind what it quotes")
    func findsExplanation() {
        // struct nlmsgerr: -EINVAL, the quoted header of a 32-byte request; capped, so that only the header is there.
        let error: [UInt8] = [0xea, 0xff, 0xff, 0xff]
        let quoted: [UInt8] = [32, 0, 0, 0, 16, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0]
        let words: [UInt8] = [12, 0, 1, 0] + Array("too big\0".utf8)
        let capped = NetlinkMessage(type: 2, flags: 0x300, sequence: 7, payload: (error + quoted + words)[...])
        #expect(Netlink.explanation(capped) == "too big")
        let body = [UInt8](repeating: 0, count: 16)
        let whole = NetlinkMessage(type: 2, flags: 0x200, sequence: 7, payload: (error + quoted + body + words)[...])
        #expect(Netlink.explanation(whole) == "too big")
        let silent = NetlinkMessage(type: 2, flags: 0x100, sequence: 7, payload: (error + quoted)[...])
        #expect(Netlink.explanation(silent) == nil)
    }
}
