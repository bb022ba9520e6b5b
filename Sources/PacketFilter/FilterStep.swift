// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// An instruction as the machine runs it: the code, which is spread over sixteen bits, replaced by a number that the compiler
/// makes a jump table of.
@frozen
public struct FilterStep: Sendable, Equatable, BitwiseCopyable {
    let operation: FilterOperation
    let jumpTrue: UInt8
    let jumpFalse: UInt8
    let operand: UInt32

    init(_ instruction: FilterInstruction) {
        operation = FilterOperation(instruction.code)
        jumpTrue = instruction.jumpTrue
        jumpFalse = instruction.jumpFalse
        operand = instruction.operand
    }
}

/// What a step does.
@frozen
@usableFromInline
enum FilterOperation: UInt8, Sendable, BitwiseCopyable {
    case loadHalf, loadByte, loadWord, loadHalfIndexed, loadByteIndexed, loadWordIndexed
    case jumpEqual, jumpGreater, jumpGreaterOrEqual, jumpAnyBit
    case jumpEqualIndex, jumpGreaterIndex, jumpGreaterOrEqualIndex, jumpAnyBitIndex
    case jump, returnConstant, returnAccumulator
    case loadImmediate, loadLength, loadMemory, indexImmediate, indexLength, indexMemory, indexHeaderLength
    case store, storeIndex, accumulatorToIndex, indexToAccumulator, negate
    case add, subtract, multiply, divide, remainder, or, and, exclusiveOr, shiftLeft, shiftRight
    case addIndex, subtractIndex, multiplyIndex, divideIndex, remainderIndex, orIndex, andIndex, exclusiveOrIndex
    case shiftLeftIndex, shiftRightIndex
    /// No instruction: the verifier lets none pass.
    case nothing

    init(_ code: UInt16) {
        self =
            switch code {
            case FilterCode.loadHalf: .loadHalf
            case FilterCode.loadByte: .loadByte
            case FilterCode.loadWord: .loadWord
            case FilterCode.loadHalfIndexed: .loadHalfIndexed
            case FilterCode.loadByteIndexed: .loadByteIndexed
            case FilterCode.loadWordIndexed: .loadWordIndexed
            case FilterCode.jumpEqual: .jumpEqual
            case FilterCode.jumpGreater: .jumpGreater
            case FilterCode.jumpGreaterOrEqual: .jumpGreaterOrEqual
            case FilterCode.jumpAnyBit: .jumpAnyBit
            case FilterCode.jumpEqual | FilterCode.withIndex: .jumpEqualIndex
            case FilterCode.jumpGreater | FilterCode.withIndex: .jumpGreaterIndex
            case FilterCode.jumpGreaterOrEqual | FilterCode.withIndex: .jumpGreaterOrEqualIndex
            case FilterCode.jumpAnyBit | FilterCode.withIndex: .jumpAnyBitIndex
            case FilterCode.jump: .jump
            case FilterCode.returnConstant: .returnConstant
            case FilterCode.returnAccumulator: .returnAccumulator
            case FilterCode.loadImmediate: .loadImmediate
            case FilterCode.loadLength: .loadLength
            case FilterCode.loadMemory: .loadMemory
            case FilterCode.indexImmediate: .indexImmediate
            case FilterCode.indexLength: .indexLength
            case FilterCode.indexMemory: .indexMemory
            case FilterCode.indexHeaderLength: .indexHeaderLength
            case FilterCode.store: .store
            case FilterCode.storeIndex: .storeIndex
            case FilterCode.accumulatorToIndex: .accumulatorToIndex
            case FilterCode.indexToAccumulator: .indexToAccumulator
            case FilterCode.negate: .negate
            default: Self.arithmetic(code)
            }
    }

    private static func arithmetic(_ code: UInt16) -> FilterOperation {
        let usesIndex = code & FilterCode.withIndex != 0
        return switch code & ~FilterCode.withIndex {
        case FilterCode.add: usesIndex ? .addIndex : .add
        case FilterCode.subtract: usesIndex ? .subtractIndex : .subtract
        case FilterCode.multiply: usesIndex ? .multiplyIndex : .multiply
        case FilterCode.divide: usesIndex ? .divideIndex : .divide
        case FilterCode.remainder: usesIndex ? .remainderIndex : .remainder
        case FilterCode.or: usesIndex ? .orIndex : .or
        case FilterCode.and: usesIndex ? .andIndex : .and
        case FilterCode.exclusiveOr: usesIndex ? .exclusiveOrIndex : .exclusiveOr
        case FilterCode.shiftLeft: usesIndex ? .shiftLeftIndex : .shiftLeft
        case FilterCode.shiftRight: usesIndex ? .shiftRightIndex : .shiftRight
        default: .nothing
        }
    }
}
