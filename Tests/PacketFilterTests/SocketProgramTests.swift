// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import PacketFilter

@Suite("Programs for sockets")
struct SocketProgramTests {
    @Test(
        "behind a header the same frames are wanted, whole",
        arguments: [
            "ip dst host 10.0.0.7", "tcp port 80", "udp src port 53 or icmp", "ether dst 02:00:00:00:00:07", "arp",
            "ip6 dst host fd00::7", "not ip and not arp", "ether[3] & 1 != 0",
        ]
    )
    func sameVerdict(expression: String) throws {
        let program = try FilterCompiler.compile(expression)
        let moved = try FilterProgram(bytes: try #require(program.forSocket(headerByteCount: 12)))
        var random = SeededGenerator(seed: 5)
        for round in 0..<2000 {
            var frame = (0..<Int.random(in: 0...90, using: &random)).map { _ in UInt8.random(in: 0...3, using: &random)
            }
            // Mostly something that the expression is about.
            if frame.count > 40, round % 4 != 0 {
                let types: [[UInt8]] = [[8, 0], [8, 6], [0x86, 0xdd]]
                frame.replaceSubrange(12..<14, with: types.randomElement(using: &random)!)
                frame.replaceSubrange(14..<15, with: [0x45])
                frame.replaceSubrange(20..<24, with: [0, 0, 64, [1, 6, 17].randomElement(using: &random)!])
                frame.replaceSubrange(30..<34, with: [10, 0, 0, 7])
                frame.replaceSubrange(34..<38, with: [0, 80, 0, 53])
            }
            let header = (0..<12).map { _ in UInt8.random(in: 0...255, using: &random) }
            let message = header + frame
            #expect(moved.run(message.span) == (program.accepts(frame.span) ? .max : 0))
        }
    }

    @Test("what the kernel would understand otherwise is not for it")
    func refused() throws {
        let accept = FilterInstruction(FilterCode.returnConstant, 1)
        for instruction in [
            FilterInstruction(FilterCode.loadLength), FilterInstruction(FilterCode.loadByte, 0xffff_f000),
            FilterInstruction(FilterCode.accumulatorToIndex), FilterInstruction(FilterCode.indexImmediate, 3),
        ] {
            #expect(try FilterProgram([instruction, accept]).forSocket(headerByteCount: 12) == nil)
        }
        let computed = try FilterProgram([FilterInstruction(FilterCode.returnAccumulator)])
        #expect(computed.forSocket(headerByteCount: 12) == nil)
    }
}
