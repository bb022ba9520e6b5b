// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

extension FilterProgram {
    /// The program for the kernel's machine, about messages in which a frame stands behind a header of this size; nil when the
    /// kernel would decide otherwise about some frame.
    ///
    /// Two things are different there. What is returned is how much is kept of a message, so that all that accepts has to
    /// accept everything. And addresses near the end of the 32 bits have other meanings: frames' marks, interfaces and the
    /// like. So a program with computed returns, with its own length in its hands, or with an index that is not the length of
    /// an IPv4 header is not for the kernel.
    public func forSocket(headerByteCount: Int) -> [UInt8]? {
        var moved: [FilterInstruction] = []
        moved.reserveCapacity(instructions.count)
        for var instruction in instructions {
            switch instruction.code {
            case FilterCode.loadWord, FilterCode.loadHalf, FilterCode.loadByte, FilterCode.loadWordIndexed,
                FilterCode.loadHalfIndexed, FilterCode.loadByteIndexed, FilterCode.indexHeaderLength:
                // No frame is that long: there, both machines refuse.
                guard instruction.operand < Self.operandLimit else { return nil }
                instruction.operand += UInt32(headerByteCount)
            case FilterCode.returnConstant: if instruction.operand != 0 { instruction.operand = .max }
            case FilterCode.returnAccumulator, FilterCode.loadLength, FilterCode.indexLength, FilterCode.indexImmediate,
                FilterCode.indexMemory, FilterCode.accumulatorToIndex:
                return nil
            default: break
            }
            moved.append(instruction)
        }
        return (try? FilterProgram(moved))?.bytes
    }

    private static var operandLimit: UInt32 { 0x10_0000 }
}
