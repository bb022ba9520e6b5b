// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// What is known of a program before each of its instructions, whichever way it came there.
///
/// One pass is enough, since jumps go forward only.
struct FilterFlow {
    /// Registers and memory words: 0 to 15 are the words.
    static var accumulator: Int { 16 }
    static var index: Int { 17 }

    /// What is known at one instruction.
    struct Knowledge: Equatable {
        /// The frame has at least so many bytes.
        var byteCount: UInt64
        /// Bits: what has certainly been written.
        var written: UInt32

        /// What is known when it may have come from either.
        func merged(with other: Knowledge) -> Knowledge {
            Knowledge(byteCount: min(byteCount, other.byteCount), written: written & other.written)
        }
    }

    /// By instruction; nil: no way leads there.
    let known: [Knowledge?]
    /// Bits: what may be read before it was written, so that it has to be 0.
    let readBeforeWritten: UInt32
    /// Bits: what may be written.
    let written: UInt32

    /// - Parameter byteCount: what every frame has at least.
    init(_ program: FilterProgram, byteCount: UInt64) {
        let instructions = program.instructions
        var known = [Knowledge?](repeating: nil, count: instructions.count)
        var early: UInt32 = 0
        var everWritten: UInt32 = 0
        known[0] = Knowledge(byteCount: byteCount, written: 0)
        for (position, instruction) in instructions.enumerated() {
            guard var knowledge = known[position] else { continue }
            early |= Self.reads(instruction) & ~knowledge.written
            knowledge.written |= Self.writes(instruction)
            everWritten |= Self.writes(instruction)
            if let end = Self.fixedEnd(instruction) { knowledge.byteCount = max(knowledge.byteCount, end) }
            for target in Self.successors(instruction, at: position) {
                known[target] = known[target]?.merged(with: knowledge) ?? knowledge
            }
        }
        self.known = known
        readBeforeWritten = early
        written = everWritten
    }

    /// How many bytes a frame must have for this load from a fixed place; nil for everything else.
    static func fixedEnd(_ instruction: FilterInstruction) -> UInt64? {
        switch instruction.code {
        case FilterCode.loadWord: UInt64(instruction.operand) + 4
        case FilterCode.loadHalf: UInt64(instruction.operand) + 2
        case FilterCode.loadByte, FilterCode.indexHeaderLength: UInt64(instruction.operand) + 1
        default: nil
        }
    }

    static func isConditional(_ code: UInt16) -> Bool {
        switch code & ~FilterCode.withIndex {
        case FilterCode.jumpEqual, FilterCode.jumpGreater, FilterCode.jumpGreaterOrEqual, FilterCode.jumpAnyBit: true
        default: false
        }
    }

    private static func successors(_ instruction: FilterInstruction, at position: Int) -> [Int] {
        switch instruction.code {
        case FilterCode.returnConstant, FilterCode.returnAccumulator: return []
        case FilterCode.jump: return [position + 1 + Int(instruction.operand)]
        default:
            guard isConditional(instruction.code) else { return [position + 1] }
            return [position + 1 + Int(instruction.jumpTrue), position + 1 + Int(instruction.jumpFalse)]
        }
    }

    private static func reads(_ instruction: FilterInstruction) -> UInt32 {
        let a = UInt32(1) << UInt32(accumulator)
        let x = UInt32(1) << UInt32(index)
        switch instruction.code {
        case FilterCode.loadWordIndexed, FilterCode.loadHalfIndexed, FilterCode.loadByteIndexed,
            FilterCode.storeIndex, FilterCode.indexToAccumulator:
            return x
        case FilterCode.loadMemory, FilterCode.indexMemory: return 1 << (instruction.operand & 15)
        case FilterCode.store, FilterCode.negate, FilterCode.returnAccumulator, FilterCode.accumulatorToIndex: return a
        default:
            // What is left of the classes "arithmetic" (4) and "jump" (5) takes the accumulator, some the index too.
            guard [4, 5].contains(instruction.code & 7), instruction.code != FilterCode.jump else { return 0 }
            return instruction.code & FilterCode.withIndex != 0 ? a | x : a
        }
    }

    private static func writes(_ instruction: FilterInstruction) -> UInt32 {
        switch instruction.code & 7 {
        case 0, 4: 1 << UInt32(accumulator)
        case 1: 1 << UInt32(index)
        case 2, 3: 1 << (instruction.operand & 15)
        case 7: 1 << UInt32(instruction.code == FilterCode.accumulatorToIndex ? index : accumulator)
        default: 0
        }
    }
}
