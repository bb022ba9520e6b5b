// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import PacketFilter
import Testing

@Suite("Packet filter machine")
struct FilterMachineTests {
    static let frame: [UInt8] =
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x00, 0x46] + Array(repeating: 0xab, count: 45)

    static func run(_ instructions: [FilterInstruction], _ frame: [UInt8] = frame) throws -> UInt32 {
        try FilterProgram(instructions).run(frame.span)
    }

    @Test("loads of each size, at a place and from the index register on")
    func loads() throws {
        #expect(try Self.run([.init(0x28, 12), .init(0x16)]) == 0x0800)
        #expect(try Self.run([.init(0x30, 14), .init(0x16)]) == 0x46)
        #expect(try Self.run([.init(0x20, 12), .init(0x16)]) == 0x0800_46ab)
        #expect(try Self.run([.init(0x01, 10), .init(0x48, 2), .init(0x16)]) == 0x0800)
        #expect(try Self.run([.init(0xb1, 14), .init(0x87), .init(0x16)]) == 24)
        #expect(try Self.run([.init(0x80), .init(0x16)]) == 60)
    }

    @Test("a load beyond the frame drops it", arguments: [57, 60, 0x7fff_ffff, 0xffff_f000, 0xffff_ffff] as [UInt32])
    func loadOutside(_ offset: UInt32) throws {
        #expect(try Self.run([.init(0x20, offset), .init(0x06, 1)]) == 0)
        #expect(try Self.run([.init(0x01, .max), .init(0x50, offset), .init(0x06, 1)]) == 0)
    }

    @Test("arithmetic wraps around, and neither division by zero nor long shifts trap")
    func arithmetic() throws {
        #expect(try Self.run([.init(0x00, .max), .init(0x04, 2), .init(0x16)]) == 1)
        #expect(try Self.run([.init(0x00, 1), .init(0x14, 2), .init(0x16)]) == .max)
        #expect(try Self.run([.init(0x00, 1 << 31), .init(0x24, 3), .init(0x16)]) == 1 << 31)
        #expect(try Self.run([.init(0x00, 7), .init(0x3c), .init(0x16)]) == 0)
        #expect(try Self.run([.init(0x00, 7), .init(0x9c), .init(0x16)]) == 0)
        #expect(try Self.run([.init(0x00, 7), .init(0x01, 40), .init(0x6c), .init(0x16)]) == 0)
        #expect(try Self.run([.init(0x00, 1), .init(0x84), .init(0x16)]) == .max)
        #expect(try Self.run([.init(0x00, 0xf0), .init(0xa4, 0xff), .init(0x54, 0x3c), .init(0x16)]) == 0x0c)
    }

    @Test("memory keeps what was stored and is zero at first")
    func memory() throws {
        #expect(try Self.run([.init(0x00, 5), .init(0x02, 15), .init(0x60, 3), .init(0x16)]) == 0)
        #expect(try Self.run([.init(0x00, 5), .init(0x02, 15), .init(0x61, 15), .init(0x87), .init(0x16)]) == 5)
    }

    @Test("programs that could do harm are refused, with the place")
    func refused() {
        let bad: [(FilterFault.Kind, Int, [FilterInstruction])] = [
            (.empty, 0, []),
            (.noReturn, 0, [.init(0x00, 1)]),
            (.unknownCode(0xffff), 0, [.init(0xffff), .init(0x06)]),
            (.jumpOutside, 0, [.init(0x05, 1), .init(0x06)]),
            (.jumpOutside, 0, [.init(0x05, .max), .init(0x06)]),
            (.jumpOutside, 1, [.init(0x00), .init(0x15, 0, jumpTrue: 0, jumpFalse: 1), .init(0x06)]),
            (.memoryOutside, 0, [.init(0x02, 16), .init(0x06)]),
            (.divisionByZero, 0, [.init(0x34, 0), .init(0x06)]),
            (.shiftTooFar, 0, [.init(0x64, 32), .init(0x06)]),
            (.tooLong, 4096, Array(repeating: .init(0x06), count: 4097)),
        ]
        for (kind, position, instructions) in bad {
            let fault = #expect(throws: FilterFault.self) { try FilterProgram(instructions) }
            #expect(fault?.kind == kind)
            #expect(fault?.position == position)
        }
    }

    @Test("a program travels as bytes")
    func travels() throws {
        let program = try FilterProgram([
            .init(0x28, 12), .init(0x15, 0x806, jumpTrue: 0, jumpFalse: 1), .init(6, 9), .init(6),
        ])
        #expect(try FilterProgram(bytes: program.bytes) == program)
        #expect(throws: FilterFault.self) { try FilterProgram(bytes: Array(program.bytes.dropLast())) }
    }
}
