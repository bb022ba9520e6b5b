// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Runs packet filters: an accumulator, an index register, sixteen words of memory, all zero at first.
///
/// Nothing that a program or a frame contains traps: a load beyond the frame, or a division by zero, ends the program with 0
/// ("drop"), as in the kernel; a shift by 32 or more gives 0, as in libpcap.
public enum FilterMachine {
    /// - Parameters:
    ///   - program: of a `FilterProgram`. Anything else is run as far as it makes sense, then "drop".
    ///   - frame: the bytes that there are.
    ///   - length: the frame's length, which programs may ask for.
    /// - Returns: how many bytes of the frame the program wants, 0 for none of it.
    public static func run(_ program: Span<FilterInstruction>, _ frame: Span<UInt8>, length: UInt32) -> UInt32 {
        var accumulator: UInt32 = 0
        var index: UInt32 = 0
        var memory: [16 of UInt32] = InlineArray(repeating: 0)
        var position = 0
        while position < program.count {
            let instruction = program[position]
            let operand = instruction.operand
            position += 1
            switch instruction.code {
            case FilterCode.loadHalf:
                guard let value = load(frame, UInt64(operand), 2) else { return 0 }
                accumulator = value
            case FilterCode.loadByte:
                guard let value = load(frame, UInt64(operand), 1) else { return 0 }
                accumulator = value
            case FilterCode.loadWord:
                guard let value = load(frame, UInt64(operand), 4) else { return 0 }
                accumulator = value
            case FilterCode.loadHalfIndexed:
                guard let value = load(frame, UInt64(index) + UInt64(operand), 2) else { return 0 }
                accumulator = value
            case FilterCode.loadByteIndexed:
                guard let value = load(frame, UInt64(index) + UInt64(operand), 1) else { return 0 }
                accumulator = value
            case FilterCode.loadWordIndexed:
                guard let value = load(frame, UInt64(index) + UInt64(operand), 4) else { return 0 }
                accumulator = value
            case FilterCode.jump: position += Int(operand)
            case FilterCode.loadImmediate: accumulator = operand
            case FilterCode.loadLength: accumulator = length
            case FilterCode.loadMemory: accumulator = memory[Int(operand & 15)]
            case FilterCode.indexImmediate: index = operand
            case FilterCode.indexLength: index = length
            case FilterCode.indexMemory: index = memory[Int(operand & 15)]
            case FilterCode.indexHeaderLength:
                guard let value = load(frame, UInt64(operand), 1) else { return 0 }
                index = (value & 15) << 2
            case FilterCode.store: memory[Int(operand & 15)] = accumulator
            case FilterCode.storeIndex: memory[Int(operand & 15)] = index
            case FilterCode.accumulatorToIndex: index = accumulator
            case FilterCode.indexToAccumulator: accumulator = index
            case FilterCode.negate: accumulator = 0 &- accumulator
            case FilterCode.returnConstant: return operand
            case FilterCode.returnAccumulator: return accumulator
            default:
                let other = instruction.code & FilterCode.withIndex != 0 ? index : operand
                if let holds = condition(instruction.code, accumulator, other) {
                    position += Int(holds ? instruction.jumpTrue : instruction.jumpFalse)
                } else {
                    guard let value = arithmetic(instruction.code, accumulator, other) else { return 0 }
                    accumulator = value
                }
            }
        }
        return 0
    }

    @inline(__always)
    private static func load(_ frame: Span<UInt8>, _ offset: UInt64, _ count: UInt64) -> UInt32? {
        guard offset + count <= UInt64(frame.count) else { return nil }
        var value: UInt32 = 0
        let start = Int(offset)
        for place in start..<start + Int(count) { value = value << 8 | UInt32(frame[place]) }
        return value
    }

    /// Nil: no conditional jump.
    @inline(__always)
    private static func condition(_ code: UInt16, _ accumulator: UInt32, _ other: UInt32) -> Bool? {
        switch code & ~FilterCode.withIndex {
        case FilterCode.jumpEqual: accumulator == other
        case FilterCode.jumpGreater: accumulator > other
        case FilterCode.jumpGreaterOrEqual: accumulator >= other
        case FilterCode.jumpAnyBit: accumulator & other != 0
        default: nil
        }
    }

    /// Nil: no result, or no such operation.
    @inline(__always)
    private static func arithmetic(_ code: UInt16, _ accumulator: UInt32, _ other: UInt32) -> UInt32? {
        switch code & ~FilterCode.withIndex {
        case FilterCode.add: accumulator &+ other
        case FilterCode.subtract: accumulator &- other
        case FilterCode.multiply: accumulator &* other
        case FilterCode.divide: other == 0 ? nil : accumulator / other
        case FilterCode.remainder: other == 0 ? nil : accumulator % other
        case FilterCode.or: accumulator | other
        case FilterCode.and: accumulator & other
        case FilterCode.exclusiveOr: accumulator ^ other
        case FilterCode.shiftLeft: other < 32 ? accumulator << other : 0
        case FilterCode.shiftRight: other < 32 ? accumulator >> other : 0
        default: nil
        }
    }
}
