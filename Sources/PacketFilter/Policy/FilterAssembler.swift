// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Writes filter programs with labels instead of distances.
///
/// # Theory of operation
///
/// A program is noted from its beginning to its end, and put together from its end to its beginning: jumps only go forward,
/// so that when an instruction's turn comes, the distance to whatever it jumps to is known. A conditional jump reaches 255
/// instructions at most; where that is too little, a plain jump, which reaches any number, is put behind it.
///
///     noted:    jeq 5 → A, else B       put together:  jeq 5, 0, 1
///               …300 instructions                      ja A
///               B: …                                   …
struct FilterAssembler {
    /// A place in the program: made, jumped to, and placed once, behind all jumps to it.
    struct Label: Equatable {
        fileprivate let number: Int
    }

    /// What was noted.
    private enum Step {
        case instruction(FilterInstruction)
        /// Nil: the next step.
        case branch(UInt16, UInt32, Label?, Label?)
        case jump(Label)
        case label(Label)
    }

    private var steps: [Step] = []
    private var labelCount = 0

    mutating func makeLabel() -> Label {
        labelCount += 1
        return Label(number: labelCount - 1)
    }

    mutating func place(_ label: Label) { steps.append(.label(label)) }

    /// Notes an instruction that does not jump.
    mutating func emit(_ code: UInt16, _ operand: UInt32 = 0) { emit(FilterInstruction(code, operand)) }

    mutating func emit(_ instruction: FilterInstruction) { steps.append(.instruction(instruction)) }

    /// Notes a conditional jump; nil: what follows.
    mutating func branch(_ code: UInt16, _ operand: UInt32 = 0, then: Label? = nil, else otherwise: Label? = nil) {
        steps.append(.branch(code, operand, then, otherwise))
    }

    mutating func jump(to label: Label) { steps.append(.jump(label)) }

    mutating func `return`(_ value: UInt32) { emit(FilterCode.returnConstant, value) }

    /// Puts the program together. Throws what the verifier does: a program may have become too long.
    func assemble() throws(FilterFault) -> FilterProgram {
        // From the end. A place is the number of instructions behind it.
        var reversed: [FilterInstruction] = []
        var places = [Int?](repeating: nil, count: labelCount)
        func distance(to label: Label) -> Int {
            guard let place = places[label.number] else { preconditionFailure("a jump to no place, or backward") }
            return reversed.count - place
        }
        for step in steps.reversed() {
            switch step {
            case .instruction(let instruction): reversed.append(instruction)
            case .label(let label): places[label.number] = reversed.count
            case .jump(let label):
                let distance = distance(to: label)
                if distance > 0 { reversed.append(FilterInstruction(FilterCode.jump, UInt32(distance))) }
            case .branch(let code, let operand, let then, let otherwise):
                let next = reversed.count
                var (thenPlace, otherwisePlace) = (next, next)
                if let then { thenPlace = reversed.count - distance(to: then) }
                if let otherwise { otherwisePlace = reversed.count - distance(to: otherwise) }
                // One more for a plain jump of the other side.
                if reversed.count - otherwisePlace > 254 {
                    reversed.append(FilterInstruction(FilterCode.jump, UInt32(reversed.count - otherwisePlace)))
                    otherwisePlace = reversed.count
                }
                if reversed.count - thenPlace > 255 {
                    reversed.append(FilterInstruction(FilterCode.jump, UInt32(reversed.count - thenPlace)))
                    thenPlace = reversed.count
                }
                reversed.append(
                    FilterInstruction(
                        code,
                        operand,
                        jumpTrue: UInt8(reversed.count - thenPlace),
                        jumpFalse: UInt8(reversed.count - otherwisePlace)
                    )
                )
            }
        }
        return try FilterProgram(reversed.reversed())
    }
}
