// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Wire

/// Runs packet filters: an accumulator, an index register, sixteen words of memory, all zero at first.
///
/// Nothing that a program or a frame contains traps: a load beyond the frame, or a division by zero, ends the program with 0
/// ("drop"), as in the kernel; a shift by 32 or more gives 0, as in libpcap.
public enum FilterMachine {
    /// - Parameters:
    ///   - program: the steps of a `FilterProgram`.
    ///   - frame: the bytes that there are.
    ///   - length: the frame's length, which programs may ask for.
    /// - Returns: how many bytes of the frame the program wants, 0 for none of it.
    public static func run(_ program: Span<FilterStep>, _ frame: Span<UInt8>, length: UInt32) -> UInt32 {
        var accumulator: UInt32 = 0
        var index: UInt32 = 0
        var memory: [16 of UInt32] = InlineArray(repeating: 0)
        var position = 0
        while position < program.count {
            let step = program[position]
            let operand = step.operand
            position &+= 1
            switch step.operation {
            case .loadHalf:
                let place = Int(operand)
                guard place &+ 2 <= frame.count else { return 0 }
                accumulator = UInt32(frame.readUInt16(at: place))
            case .loadByte:
                let place = Int(operand)
                guard place < frame.count else { return 0 }
                accumulator = UInt32(frame[place])
            case .loadWord:
                let place = Int(operand)
                guard place &+ 4 <= frame.count else { return 0 }
                accumulator = frame.readUInt32(at: place)
            case .loadHalfIndexed:
                let place = Int(index) &+ Int(operand)
                guard place &+ 2 <= frame.count else { return 0 }
                accumulator = UInt32(frame.readUInt16(at: place))
            case .loadByteIndexed:
                let place = Int(index) &+ Int(operand)
                guard place < frame.count else { return 0 }
                accumulator = UInt32(frame[place])
            case .loadWordIndexed:
                let place = Int(index) &+ Int(operand)
                guard place &+ 4 <= frame.count else { return 0 }
                accumulator = frame.readUInt32(at: place)
            case .jumpEqual: position &+= distance(step, accumulator == operand)
            case .jumpGreater: position &+= distance(step, accumulator > operand)
            case .jumpGreaterOrEqual: position &+= distance(step, accumulator >= operand)
            case .jumpAnyBit: position &+= distance(step, accumulator & operand != 0)
            case .jumpEqualIndex: position &+= distance(step, accumulator == index)
            case .jumpGreaterIndex: position &+= distance(step, accumulator > index)
            case .jumpGreaterOrEqualIndex: position &+= distance(step, accumulator >= index)
            case .jumpAnyBitIndex: position &+= distance(step, accumulator & index != 0)
            case .jump: position &+= Int(operand)
            case .returnConstant: return operand
            case .returnAccumulator: return accumulator
            case .loadImmediate: accumulator = operand
            case .loadLength: accumulator = length
            case .loadMemory: accumulator = memory[Int(operand & 15)]
            case .indexImmediate: index = operand
            case .indexLength: index = length
            case .indexMemory: index = memory[Int(operand & 15)]
            case .indexHeaderLength:
                let place = Int(operand)
                guard place < frame.count else { return 0 }
                index = UInt32(frame[place] & 15) << 2
            case .store: memory[Int(operand & 15)] = accumulator
            case .storeIndex: memory[Int(operand & 15)] = index
            case .accumulatorToIndex: index = accumulator
            case .indexToAccumulator: accumulator = index
            case .negate: accumulator = 0 &- accumulator
            case .add: accumulator = accumulator &+ operand
            case .subtract: accumulator = accumulator &- operand
            case .multiply: accumulator = accumulator &* operand
            case .or: accumulator |= operand
            case .and: accumulator &= operand
            case .exclusiveOr: accumulator ^= operand
            case .shiftLeft: accumulator = operand < 32 ? accumulator << operand : 0
            case .shiftRight: accumulator = operand < 32 ? accumulator >> operand : 0
            case .divide:
                guard operand != 0 else { return 0 }
                accumulator /= operand
            case .remainder:
                guard operand != 0 else { return 0 }
                accumulator %= operand
            case .addIndex: accumulator = accumulator &+ index
            case .subtractIndex: accumulator = accumulator &- index
            case .multiplyIndex: accumulator = accumulator &* index
            case .orIndex: accumulator |= index
            case .andIndex: accumulator &= index
            case .exclusiveOrIndex: accumulator ^= index
            case .shiftLeftIndex: accumulator = index < 32 ? accumulator << index : 0
            case .shiftRightIndex: accumulator = index < 32 ? accumulator >> index : 0
            case .divideIndex:
                guard index != 0 else { return 0 }
                accumulator /= index
            case .remainderIndex:
                guard index != 0 else { return 0 }
                accumulator %= index
            case .nothing: return 0
            }
        }
        return 0
    }

    @inline(__always)
    private static func distance(_ step: FilterStep, _ holds: Bool) -> Int {
        Int(holds ? step.jumpTrue : step.jumpFalse)
    }
}
