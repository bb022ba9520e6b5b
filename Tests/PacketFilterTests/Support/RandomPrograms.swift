// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import PacketFilter
import TestSupport

/// Programs and frames by chance: every instruction, every kind of operand, ends met and not met.
struct RandomPrograms {
    var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    private static let loads: [UInt16] = [0x20, 0x28, 0x30, 0x40, 0x48, 0x50]
    private static let arithmetic: [UInt16] = [0x04, 0x14, 0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0x94, 0xa4]
    private static let jumps: [UInt16] = [0x15, 0x25, 0x35, 0x45]

    /// A program that the verifier accepts.
    ///
    /// - Parameter readsFresh: words of memory may be read that nothing was stored in, which libpcap leaves undefined.
    mutating func program(count: ClosedRange<Int> = 1...24, readsFresh: Bool = false) -> FilterProgram {
        let count = random.number(count)
        var instructions: [FilterInstruction] = []
        // What every way to here has stored: jumps make that hard to know, so it is done at the beginning.
        var words: [UInt32] = []
        if !readsFresh, random.number(0...2) == 0 {
            for _ in 0...random.number(0...2) {
                let word = UInt32(random.number(0...15))
                instructions.append(random.number(0...1) == 0 ? .init(0x02, word) : .init(0x03, word))
                words.append(word)
            }
        }
        if readsFresh { words = Array(0...15) }
        let total = instructions.count + count
        while instructions.count < total - 1 {
            instructions.append(instruction(words, remaining: total - instructions.count - 1))
        }
        instructions.append(random.number(0...3) == 0 ? .init(0x16) : .init(0x06, value()))
        return try! FilterProgram(instructions)
    }

    private mutating func instruction(_ words: [UInt32], remaining: Int) -> FilterInstruction {
        switch random.number(0...19) {
        case 0...5: return .init(Self.loads.randomElement(using: &random)!, offset())
        case 6: return .init(0xb1, offset())
        case 7: return .init([0x00, 0x01, 0x80, 0x81].randomElement(using: &random)!, value())
        case 8:
            guard let word = words.randomElement(using: &random) else { return .init(0x07) }
            return .init([0x60, 0x61].randomElement(using: &random)!, word)
        case 9: return .init([0x02, 0x03].randomElement(using: &random)!, UInt32(random.number(0...15)))
        case 10: return .init([0x07, 0x87, 0x84].randomElement(using: &random)!)
        case 11...13:
            let code = Self.arithmetic.randomElement(using: &random)!
            if random.number(0...1) == 0 { return .init(code | 0x08, value()) }
            switch code {
            case 0x34, 0x94: return .init(code, max(1, value()))
            case 0x64, 0x74: return .init(code, UInt32(random.number(0...31)))
            default: return .init(code, value())
            }
        case 14 where remaining > 1: return .init(0x05, UInt32(random.number(0...(remaining - 1))))
        case 15: return random.number(0...3) == 0 ? .init(0x06, value()) : .init(0x80)
        default:
            let code = Self.jumps.randomElement(using: &random)! | (random.number(0...4) == 0 ? 0x08 : 0)
            let reach = min(255, remaining - 1)
            return .init(
                code,
                value(),
                jumpTrue: UInt8(random.number(0...reach)),
                jumpFalse: UInt8(random.number(0...reach))
            )
        }
    }

    private mutating func offset() -> UInt32 {
        switch random.number(0...19) {
        case 0: [.max, .max - 1, .max - 3, 0x7fff_ffff, 0x8000_0000].randomElement(using: &random)!
        case 1: UInt32(random.number(0...2000))
        default: UInt32(random.number(0...63))
        }
    }

    private mutating func value() -> UInt32 {
        switch random.number(0...5) {
        case 0: [0x0800, 0x0806, 0x86dd, 6, 17, 0].randomElement(using: &random)!
        case 1: UInt32(truncatingIfNeeded: random.next())
        case 2: [0, 1, .max, 1 << 31].randomElement(using: &random)!
        default: UInt32(random.number(0...64))
        }
    }

    /// From an empty one to one of 90 bytes, with small numbers and known types, so that comparisons hold now and then.
    mutating func frame() -> [UInt8] {
        var frame = (0..<max(1, random.number(0...90))).map { _ in
            UInt8(random.number(0...3) == 0 ? random.number(0...255) : random.number(0...8))
        }
        if frame.count > 14 {
            frame.replaceSubrange(
                12..<14,
                with: [[8, 0], [8, 6], [0x86, 0xdd], [0x81, 0]].randomElement(using: &random)!
            )
            if random.number(0...1) == 0 { frame[14] = 0x45 }
        }
        return frame
    }
}
