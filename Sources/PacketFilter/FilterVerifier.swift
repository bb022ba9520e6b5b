// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Finds out whether a program is one that `FilterMachine` may run: what the kernel's checker demands.
enum FilterVerifier {
    static func check(_ program: Span<FilterInstruction>) throws(FilterFault) {
        guard program.count > 0 else { throw FilterFault(.empty, at: 0) }
        guard program.count <= FilterProgram.maximumCount else {
            throw FilterFault(.tooLong, at: FilterProgram.maximumCount)
        }
        for position in 0..<program.count {
            if let kind = fault(program[position], remaining: program.count - position - 1) {
                throw FilterFault(kind, at: position)
            }
        }
        let last = program[program.count - 1].code
        guard last == FilterCode.returnConstant || last == FilterCode.returnAccumulator else {
            throw FilterFault(.noReturn, at: program.count - 1)
        }
    }

    /// What is wrong with an instruction that so many follow.
    private static func fault(_ instruction: FilterInstruction, remaining: Int) -> FilterFault.Kind? {
        let operand = instruction.operand
        switch instruction.code {
        case FilterCode.loadMemory, FilterCode.indexMemory, FilterCode.store, FilterCode.storeIndex:
            return operand < 16 ? nil : .memoryOutside
        case FilterCode.divide, FilterCode.remainder: return operand != 0 ? nil : .divisionByZero
        case FilterCode.shiftLeft, FilterCode.shiftRight: return operand < 32 ? nil : .shiftTooFar
        case FilterCode.jump: return UInt64(operand) < UInt64(remaining) ? nil : .jumpOutside
        default:
            if isJump(instruction.code) {
                return max(Int(instruction.jumpTrue), Int(instruction.jumpFalse)) < remaining ? nil : .jumpOutside
            }
            return isKnown(instruction.code) ? nil : .unknownCode(instruction.code)
        }
    }

    private static func isJump(_ code: UInt16) -> Bool {
        switch code & ~FilterCode.withIndex {
        case FilterCode.jumpEqual, FilterCode.jumpGreater, FilterCode.jumpGreaterOrEqual, FilterCode.jumpAnyBit: true
        default: false
        }
    }

    /// Codes that no operand makes wrong.
    private static func isKnown(_ code: UInt16) -> Bool {
        switch code {
        case FilterCode.loadWord, FilterCode.loadHalf, FilterCode.loadByte, FilterCode.loadWordIndexed,
            FilterCode.loadHalfIndexed, FilterCode.loadByteIndexed, FilterCode.loadImmediate, FilterCode.loadLength,
            FilterCode.indexImmediate, FilterCode.indexLength, FilterCode.indexHeaderLength, FilterCode.negate,
            FilterCode.returnConstant, FilterCode.returnAccumulator, FilterCode.accumulatorToIndex,
            FilterCode.indexToAccumulator:
            return true
        default: break
        }
        switch code & ~FilterCode.withIndex {
        case FilterCode.add, FilterCode.subtract, FilterCode.multiply, FilterCode.or, FilterCode.and,
            FilterCode.exclusiveOr:
            return true
        case FilterCode.divide, FilterCode.remainder, FilterCode.shiftLeft, FilterCode.shiftRight:
            // With a constant they were looked at before.
            return code & FilterCode.withIndex != 0
        default: return false
        }
    }
}
