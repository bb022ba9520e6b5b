// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// Nothing that the wire says traps or hangs: truncations, bit errors and noise through every parser.
struct HostileInputTests {
    private static func recipes() -> [SuperFrame] {
        var generator = SeededGenerator(seed: 7)
        var recipes: [SuperFrame] = []
        for isIPv6 in [false, true] {
            for isTCP in [false, true] {
                for tagCount in 0...2 {
                    var recipe = SuperFrame()
                    recipe.isIPv6 = isIPv6
                    recipe.isTCP = isTCP
                    recipe.tagCount = tagCount
                    recipe.tcpOptions = isTCP ? hex("02 04 05 b4 04 02 01 01 03 03 07 00") : []
                    recipe.payload = generator.bytes(100)
                    recipe.segmentSize = 40
                    recipes.append(recipe)
                }
            }
        }
        return recipes
    }

    private let frames = HostileInputTests.recipes().map { $0.virtioHeader + $0.bytes }

    private let dhcp =
        hex("01 01 06 00 39 03 f3 26 00 05 80 00") + [UInt8](repeating: 0, count: 224)
        + hex("63 82 53 63 35 01 01 34 01 03 0c 05 61 6c 69 63 65 37 04 01 03 06 1a 32 04 0a 00 00 01 ff")

    private let dns = hex(
        "be ef 01 20 00 01 00 00 00 00 00 00 03 77 77 77 07 65 78 61 6d 70 6c 65 03 63 6f 6d 00 00 1c 00 01"
    )

    @Test func framesCutShortAtEveryLength() {
        for frame in frames {
            for length in 0...frame.count {
                WireProbe.frame(Array(frame[..<length]))
                WireProbe.frame(Array(frame[(frame.count - length)...]))
            }
        }
    }

    @Test func framesWithEveryByteAtItsExtremes() {
        for frame in frames {
            for index in 0..<frame.count - 90 {
                for value in [0, 1, 0x0f, 0x45, 0x60, 0x7f, 0x80, 0xff] as [UInt8] {
                    var changed = frame
                    changed[index] = value
                    WireProbe.frame(changed)
                }
            }
        }
    }

    @Test func framesWithRandomErrors() {
        var generator = SeededGenerator(seed: 70)
        for _ in 0..<15_000 {
            var frame = frames[generator.number(0...(frames.count - 1))]
            for _ in 0..<generator.number(1...6) {
                frame[generator.number(0...(frame.count - 1))] = UInt8(generator.number(0...255))
            }
            frame.removeLast(generator.number(0...frame.count / 2))
            WireProbe.frame(frame)
        }
    }

    @Test func noise() {
        var generator = SeededGenerator(seed: 71)
        for _ in 0..<20_000 {
            let bytes = generator.bytes(generator.number(0...200))
            WireProbe.frame(bytes)
            WireProbe.dns(bytes)
            // Noise behind what a DHCP parser wants to see.
            WireProbe.dhcp(Array(dhcp[..<240]) + bytes)
        }
    }

    @Test func dhcpMessagesCutShortAndWithRandomErrors() {
        var generator = SeededGenerator(seed: 72)
        for length in 0...dhcp.count { WireProbe.dhcp(Array(dhcp[..<length])) }
        for _ in 0..<5_000 {
            var message = dhcp
            for _ in 0..<generator.number(1...5) {
                message[generator.number(44...(message.count - 1))] = UInt8(generator.number(0...255))
            }
            WireProbe.dhcp(message)
        }
    }

    @Test func dnsQueriesCutShortAndWithRandomErrors() {
        var generator = SeededGenerator(seed: 73)
        for length in 0...dns.count { WireProbe.dns(Array(dns[..<length])) }
        for _ in 0..<5_000 {
            var message = dns
            for _ in 0..<generator.number(1...5) {
                message[generator.number(0...(message.count - 1))] = UInt8(generator.number(0...255))
            }
            WireProbe.dns(message)
        }
    }

    /// The probes must reach what they are there for; otherwise the tests above prove nothing.
    @Test func theProbesReachEveryParser() {
        var accepted: WireProbe.Parsers = []
        for frame in frames {
            accepted.formUnion(WireProbe.frame(frame).accepted)
            // Without the virtio-net header, as a switch of the VDE protocol gets it.
            accepted.formUnion(WireProbe.frame(Array(frame.dropFirst(12))).accepted)
        }
        let arp = hex("00 01 08 00 06 04 00 01") + [UInt8](repeating: 7, count: 20)
        accepted.formUnion(WireProbe.frame(hex("ff ff ff ff ff ff 02 00 00 00 00 01 08 06") + arp).accepted)
        let echo = hex(
            """
            02 00 00 00 00 02 02 00 00 00 00 01 08 00
            45 00 00 1c 00 00 00 00 40 01 66 df 0a 00 00 01 0a 00 00 02
            08 00 f7 fe 00 00 00 01
            """
        )
        accepted.formUnion(WireProbe.frame(echo).accepted)
        accepted.formUnion(WireProbe.dhcp(dhcp).accepted)
        accepted.formUnion(WireProbe.dns(dns).accepted)
        let all: [WireProbe.Parsers] = [
            .ethernet, .arp, .ipv4, .ipv6, .upperLayer, .tcp, .udp, .icmp, .echoReply, .icmpError, .virtioNet,
            .completion, .segmenter, .dhcp, .dhcpBuilder, .dnsHeader, .dnsQuestion, .dnsFailure,
        ]
        for parser in all { #expect(accepted.contains(parser), "parser \(parser.rawValue)") }
        #expect(WireProbe.frame([]).accepted.isEmpty)
    }
}
