// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import PacketFilter

@Suite("Keys of filters")
struct FilterKeysTests {
    private func keys(_ expression: String) throws -> [FrameKey]? {
        FilterKeys.find(try FilterCompiler.compile(expression))
    }

    @Test(
        "host filters have the host's addresses for keys",
        arguments: [
            ("ip dst host 10.0.0.7", [FrameKey(.ipv4Destination, 0x0a00_0007)]),
            ("ip dst host 10.0.0.7 and tcp dst port 80", [FrameKey(.ipv4Destination, 0x0a00_0007)]),
            ("ip host 10.0.0.7", [FrameKey(.ipv4Destination, 0x0a00_0007), FrameKey(.ipv4Source, 0x0a00_0007)]),
            (
                "ip dst host 10.0.0.7 or arp",
                [FrameKey(.ipv4Destination, 0x0a00_0007), FrameKey(.etherType, 0x0806)]
            ),
            ("ether dst 02:00:00:00:00:09", [FrameKey(.destination, 9)]),
            (
                "ether dst 02:00:00:00:00:09 or ether broadcast",
                [FrameKey(.destination, 9), FrameKey(.destination, 0xffff_ffff)]
            ),
            ("ether dst 02:00:00:00:00:09 or ether multicast", [FrameKey(.destination, 9), FrameKey(.group, 1)]),
            ("ip6 dst host fd00::1:2", [FrameKey(.ipv6Destination, 0x0001_0002)]),
            ("arp dst host 10.0.0.7", [FrameKey(.arpTarget, 0x0a00_0007)]),
            ("ether proto 0x88b5", [FrameKey(.etherType, 0x88b5)]),
        ] as [(String, [FrameKey])]
    )
    func hosts(expression: String, expected: [FrameKey]) throws {
        let found = try #require(try keys(expression))
        #expect(Set(found) == Set(expected))
    }

    @Test(
        "what has no such comparison on every way has no keys",
        arguments: ["", "not ip", "greater 100", "not host 10.0.0.1", "ip dst host 10.0.0.7 or less 60"]
    )
    func none(expression: String) throws {
        #expect(try keys(expression) == nil)
    }

    @Test("a filter that accepts nothing has no keys, and needs none")
    func nothing() throws {
        let program = try FilterProgram([FilterInstruction(FilterCode.returnConstant, 0)])
        #expect(FilterKeys.find(program) == [])
    }

    @Test("what contradicts itself is no way")
    func contradiction() throws {
        // ldh [12]; jeq 0x800, next, 3; jeq 0x806, accept, refuse; accept; refuse
        let program = try FilterProgram([
            FilterInstruction(FilterCode.loadHalf, 12),
            FilterInstruction(FilterCode.jumpEqual, 0x800, jumpTrue: 0, jumpFalse: 2),
            FilterInstruction(FilterCode.jumpEqual, 0x806, jumpTrue: 0, jumpFalse: 1),
            FilterInstruction(FilterCode.returnConstant, 1),
            FilterInstruction(FilterCode.returnConstant, 0),
        ])
        #expect(FilterKeys.find(program) == [])
    }

    @Test("a program with very many ways is given up on, in time")
    func manyWays() throws {
        // Each comparison doubles the number of ways.
        var instructions = [
            FilterInstruction(FilterCode.loadHalf, 12),
            FilterInstruction(FilterCode.jumpEqual, 0x806, jumpTrue: 1, jumpFalse: 0),
            FilterInstruction(FilterCode.returnConstant, 0),
        ]
        for place in 20..<220 {
            instructions.append(FilterInstruction(FilterCode.loadByte, UInt32(place)))
            instructions.append(FilterInstruction(FilterCode.jumpEqual, 7, jumpTrue: 0, jumpFalse: 1))
            instructions.append(FilterInstruction(FilterCode.loadByte, 1))
        }
        instructions.append(FilterInstruction(FilterCode.returnConstant, 1))
        #expect(FilterKeys.find(try FilterProgram(instructions)) == nil)
    }
}
