// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

extension FilterAssembler {
    /// What a program that is put into another one finds there.
    struct Surroundings {
        /// What every frame has at least.
        var byteCount: UInt64
        /// Registers and memory words that may not be 0 any more (`FilterFlow`).
        var written: UInt32 = 0

        init(byteCount: UInt64) { self.byteCount = byteCount }
    }

    /// Puts a program in here: whatever it returns becomes a jump.
    ///
    /// A load beyond the frame ends a program with 0 when it runs by itself. Put in here it must not end everything: it is
    /// looked at before, and becomes a jump too. Where that jump would deny as the machine itself does, `abort` is nil and
    /// nothing is looked at.
    ///
    /// - Parameters:
    ///   - target: where a constant that the program returns leads to.
    ///   - accumulator: where to go when the program returns its accumulator and that is 0, and when it is not.
    ///   - abort: where a load beyond the frame or a division by 0 leads to.
    mutating func splice(
        _ program: FilterProgram,
        _ surroundings: inout Surroundings,
        accumulator: (zero: Label, other: Label),
        abort: Label?,
        target: (UInt32) -> Label
    ) {
        let flow = FilterFlow(program, byteCount: surroundings.byteCount)
        clear(flow.readBeforeWritten & surroundings.written)
        surroundings.written |= flow.written
        // The looks before loads leave something in the accumulator.
        if abort != nil { surroundings.written |= 1 << UInt32(FilterFlow.accumulator) }
        let spare = (0..<16).first { (flow.written | flow.readBeforeWritten) >> UInt32($0) & 1 == 0 }
        var labels = [Label?](repeating: nil, count: program.instructions.count)
        for (position, instruction) in program.instructions.enumerated() {
            // Where no way leads nothing is needed.
            guard let knowledge = flow.known[position] else { continue }
            if let label = labels[position] { place(label) }
            if let abort {
                check(instruction, knownByteCount: knowledge.byteCount, spare: spare, abort: abort)
                if instruction.code == FilterCode.divide | FilterCode.withIndex
                    || instruction.code == FilterCode.remainder | FilterCode.withIndex, let spare
                {
                    surroundings.written |= 1 << UInt32(spare)
                }
            }
            func label(_ distance: Int) -> Label {
                let place = position + 1 + distance
                if let label = labels[place] { return label }
                let label = makeLabel()
                labels[place] = label
                return label
            }
            switch instruction.code {
            case FilterCode.returnConstant: jump(to: target(instruction.operand))
            case FilterCode.returnAccumulator:
                branch(FilterCode.jumpEqual, 0, then: accumulator.zero, else: accumulator.other)
            case FilterCode.jump: jump(to: label(Int(instruction.operand)))
            default:
                if FilterFlow.isConditional(instruction.code) {
                    let then = label(Int(instruction.jumpTrue))
                    branch(instruction.code, instruction.operand, then: then, else: label(Int(instruction.jumpFalse)))
                } else {
                    emit(instruction)
                }
            }
        }
    }

    /// Whether a program can be put into another one: one that divides by the index register needs a memory word to spare.
    static func canSplice(_ program: FilterProgram) -> Bool {
        let divides = program.instructions.contains {
            $0.code == FilterCode.divide | FilterCode.withIndex
                || $0.code == FilterCode.remainder | FilterCode.withIndex
        }
        guard divides else { return true }
        let flow = FilterFlow(program, byteCount: 0)
        return (flow.written | flow.readBeforeWritten) & 0xffff != 0xffff
    }

    /// Makes registers and words 0, as a program finds them when it runs by itself.
    private mutating func clear(_ places: UInt32) {
        let words = (0..<16).filter { places >> UInt32($0) & 1 != 0 }
        if !words.isEmpty || places >> UInt32(FilterFlow.accumulator) & 1 != 0 { emit(FilterCode.loadImmediate, 0) }
        for word in words { emit(FilterCode.store, UInt32(word)) }
        if places >> UInt32(FilterFlow.index) & 1 != 0 { emit(FilterCode.indexImmediate, 0) }
    }

    /// Before an instruction that may end the program: the look whether it will.
    private mutating func check(
        _ instruction: FilterInstruction,
        knownByteCount: UInt64,
        spare: Int?,
        abort: Label
    ) {
        if let end = FilterFlow.fixedEnd(instruction) {
            if end <= knownByteCount { return }
            guard end <= UInt64(UInt32.max) else {
                jump(to: abort)
                return
            }
            if instruction.code == FilterCode.indexHeaderLength {
                // The accumulator stays what it was: it waits in the register that is about to be loaded.
                emit(FilterCode.accumulatorToIndex)
                emit(FilterCode.loadLength)
                branch(FilterCode.jumpGreaterOrEqual, UInt32(end), else: abort)
                emit(FilterCode.indexToAccumulator)
            } else {
                emit(FilterCode.loadLength)
                branch(FilterCode.jumpGreaterOrEqual, UInt32(end), else: abort)
            }
            return
        }
        let size: UInt64
        switch instruction.code {
        case FilterCode.loadWordIndexed: size = 4
        case FilterCode.loadHalfIndexed: size = 2
        case FilterCode.loadByteIndexed: size = 1
        case FilterCode.divide | FilterCode.withIndex, FilterCode.remainder | FilterCode.withIndex:
            // Whoever splices has made sure that there is a spare word (`FilterLayer`).
            guard let spare else { return }
            emit(FilterCode.store, UInt32(spare))
            emit(FilterCode.indexToAccumulator)
            branch(FilterCode.jumpEqual, 0, then: abort)
            emit(FilterCode.loadMemory, UInt32(spare))
            return
        default: return
        }
        let end = UInt64(instruction.operand) + size
        guard end <= UInt64(UInt32.max) else {
            jump(to: abort)
            return
        }
        emit(FilterCode.loadLength)
        branch(FilterCode.jumpGreaterOrEqual, UInt32(end), else: abort)
        emit(FilterCode.subtract, UInt32(end))
        branch(FilterCode.jumpGreaterOrEqual | FilterCode.withIndex, else: abort)
    }
}
