// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import ElementCommands

@Suite("What vde_plug -L logs")
struct PlugAddressLogTests {
    @Test("each address once, by VLAN; nothing of what is no IP packet")
    func addresses() {
        var lines: [String] = []
        let log = PlugAddressLog { lines.append($0) }
        let ethernet = hex("ff ff ff ff ff ff 02 00 00 00 00 01")
        let ip4 = hex("08 00 45 00 00 14 00 00 00 00 40 01 00 00 0a 00 00 05 0a 00 00 01")
        let ip6 =
            hex("86 dd 60 00 00 00 00 00 3a 40") + hex("fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 07")
            + [UInt8](repeating: 0, count: 16)
        for frame in [ip4, ip4, hex("81 00 a0 03") + ip4, ip6, hex("08 06 00 01"), hex("08 00 45")] {
            log.note((ethernet + frame).span)
        }
        #expect(lines.count == 3)
        #expect(lines.allSatisfy { $0.hasPrefix("vde_plug: user ") && $0.contains(" Real-IP ") })
        #expect(lines[0].hasSuffix(" has got VDE-IP4 10.0.0.5 on vlan 0"))
        #expect(lines[1].hasSuffix(" has got VDE-IP4 10.0.0.5 on vlan 3"))
        #expect(lines[2].hasSuffix(" has got VDE-IP6 fd00::7 on vlan 0"))
    }
}
