// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Finds keys of a filter: values of which a frame must have one, or the filter does not want it.
///
/// # Theory of operation
///
/// Every way through a program to an instruction that accepts is walked, with what the frame must be for it to go that way:
/// a comparison of bytes at a fixed place with a constant that has to hold. Each way gives one key, the most telling of its
/// facts. A frame that has none of the keys is on none of these ways, so the filter refuses it, unasked.
///
///     "ip dst host 10.0.0.1 or arp"        ldh [12]                              facts on the way        key
///                                          jeq 0x800 ─▶ ld [30] ─▶ jeq 10.0.0.1 ─▶ accept    type, address    address
///                                          jeq 0x806 ─▶ accept                               type             type
///
/// The reverse need not be so: who has a key is a candidate, about which the filter itself decides. Programs that accept
/// without such a comparison, or have too many ways, have no keys; they are asked about every frame.
public struct FilterKeys: Sendable {
    /// Most keys of a filter, and most instructions that are walked over.
    public static var keyLimit: Int { 16 }
    private static var stepLimit: Int { 4096 }

    private var keys: Set<FrameKey> = []
    private var steps = 0
    private var isHopeless = false

    /// Bytes of the frame that are known to be in the accumulator.
    private struct Load: Equatable {
        let offset: UInt32
        let byteCount: UInt32
        /// No load: the group bit of the destination, which is set or not, whatever else is in its byte.
        static let groupBit = Load(offset: 0, byteCount: 0)
    }

    private struct Fact {
        let load: Load
        let value: UInt32
    }

    /// The keys of a program, none for one that accepts nothing; nil when it has no keys.
    public static func find(_ program: FilterProgram) -> [FrameKey]? {
        var finder = FilterKeys()
        finder.walk(program.instructions, from: 0, accumulator: nil, facts: [])
        guard !finder.isHopeless else { return nil }
        return finder.keys.sorted { ($0.field.rawValue, $0.value) < ($1.field.rawValue, $1.value) }
    }

    private mutating func walk(
        _ program: [FilterInstruction],
        from start: Int,
        accumulator: Load?,
        facts: [Fact]
    ) {
        var position = start
        var accumulator = accumulator
        while !isHopeless {
            steps += 1
            guard position < program.count, steps <= Self.stepLimit else {
                isHopeless = position < program.count
                return
            }
            let instruction = program[position]
            position += 1
            switch instruction.code {
            case FilterCode.loadWord: accumulator = Load(offset: instruction.operand, byteCount: 4)
            case FilterCode.loadHalf: accumulator = Load(offset: instruction.operand, byteCount: 2)
            case FilterCode.loadByte: accumulator = Load(offset: instruction.operand, byteCount: 1)
            case FilterCode.jump: position += Int(instruction.operand)
            case FilterCode.returnConstant:
                if instruction.operand != 0 { accept(facts) }
                return
            case FilterCode.returnAccumulator:
                accept(facts)
                return
            default:
                guard Self.isConditionalJump(instruction.code) else {
                    if !Self.keepsAccumulator(instruction.code) { accumulator = nil }
                    continue
                }
                branch(program, instruction, at: position, accumulator, facts)
                return
            }
        }
    }

    private mutating func branch(
        _ program: [FilterInstruction],
        _ instruction: FilterInstruction,
        at position: Int,
        _ accumulator: Load?,
        _ facts: [Fact]
    ) {
        let whenTrue = position + Int(instruction.jumpTrue)
        let whenFalse = position + Int(instruction.jumpFalse)
        guard whenTrue != whenFalse else {
            walk(program, from: whenTrue, accumulator: accumulator, facts: facts)
            return
        }
        var factsWhenTrue = facts
        let value = instruction.operand
        if let load = accumulator {
            if instruction.code == FilterCode.jumpEqual {
                if let known = facts.first(where: { $0.load == load }) {
                    // One of the two ways is closed.
                    walk(
                        program,
                        from: known.value == value ? whenTrue : whenFalse,
                        accumulator: accumulator,
                        facts: facts
                    )
                    return
                }
                factsWhenTrue.append(Fact(load: load, value: value))
            } else if instruction.code == FilterCode.jumpAnyBit, value == 1, load == Load(offset: 0, byteCount: 1) {
                factsWhenTrue.append(Fact(load: .groupBit, value: 1))
            }
        }
        walk(program, from: whenTrue, accumulator: accumulator, facts: factsWhenTrue)
        walk(program, from: whenFalse, accumulator: accumulator, facts: facts)
    }

    /// A way that accepts, and what is so when it is gone.
    private mutating func accept(_ facts: [Fact]) {
        let type = facts.first { $0.load == Load(offset: 12, byteCount: 2) }?.value
        for field in FrameField.allCases {
            let (offset, byteCount) = field.place
            let load: Load =
                field == .group ? .groupBit : Load(offset: UInt32(offset), byteCount: UInt32(byteCount))
            guard field.etherType == nil || field.etherType == type,
                let fact = facts.first(where: { $0.load == load })
            else { continue }
            keys.insert(FrameKey(field, fact.value))
            isHopeless = keys.count > Self.keyLimit
            return
        }
        isHopeless = true
    }

    private static func isConditionalJump(_ code: UInt16) -> Bool {
        switch code & ~FilterCode.withIndex {
        case FilterCode.jumpEqual, FilterCode.jumpGreater, FilterCode.jumpGreaterOrEqual, FilterCode.jumpAnyBit: true
        default: false
        }
    }

    private static func keepsAccumulator(_ code: UInt16) -> Bool {
        switch code {
        case FilterCode.indexImmediate, FilterCode.indexMemory, FilterCode.indexLength, FilterCode.indexHeaderLength,
            FilterCode.store, FilterCode.storeIndex, FilterCode.accumulatorToIndex:
            true
        default: false
        }
    }
}
