// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// A packet filter: a program of the classic BPF machine that has been verified, so that it ends, and does no harm, whatever
/// frame it is given.
///
/// # Theory of operation
///
///     "tcp port 80" ──FilterCompiler (libpcap)──▶ instructions ──FilterProgram.init, verified──▶ FilterMachine.run(frame)
///     bytes of an attach request ────────────────▶
///
/// Jumps go forward only: no instruction runs twice, and the cost of a frame is bounded by the program's length. A program
/// is read where it stands, as a span: whoever runs one on a frame path keeps the instructions in a table of his own.
public struct FilterProgram: Sendable, Equatable {
    public let instructions: [FilterInstruction]
    /// The same as the machine runs them.
    public let steps: [FilterStep]

    /// Most instructions: the kernel's limit.
    public static var maximumCount: Int { 4096 }

    /// Verifies a program. Throws what is wrong with it, and where.
    public init(_ instructions: [FilterInstruction]) throws(FilterFault) {
        try FilterVerifier.check(instructions.span)
        self.instructions = instructions
        steps = instructions.map(FilterStep.init)
    }

    /// A program as it travels: eight bytes an instruction, little endian (code, two jumps, operand).
    public init(bytes: [UInt8]) throws(FilterFault) {
        guard bytes.count % 8 == 0 else { throw FilterFault(.truncated, at: bytes.count / 8) }
        // Before any memory is taken for it.
        guard bytes.count / 8 <= Self.maximumCount else { throw FilterFault(.tooLong, at: Self.maximumCount) }
        var instructions: [FilterInstruction] = []
        instructions.reserveCapacity(bytes.count / 8)
        for start in stride(from: 0, to: bytes.count, by: 8) {
            let code = UInt16(bytes[start]) | UInt16(bytes[start + 1]) << 8
            let operand = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + 4 + $1]) << UInt32(8 * $1) }
            instructions.append(
                FilterInstruction(code, operand, jumpTrue: bytes[start + 2], jumpFalse: bytes[start + 3])
            )
        }
        try self.init(instructions)
    }

    /// The program as it travels.
    public var bytes: [UInt8] {
        instructions.flatMap { instruction -> [UInt8] in
            let code = [UInt8(truncatingIfNeeded: instruction.code), UInt8(truncatingIfNeeded: instruction.code >> 8)]
            let operand = (0..<4).map { UInt8(truncatingIfNeeded: instruction.operand >> UInt32(8 * $0)) }
            return code + [instruction.jumpTrue, instruction.jumpFalse] + operand
        }
    }

    /// How many bytes of the frame the program wants, 0 for none of it. For those who are not in a hurry.
    public func run(_ frame: Span<UInt8>) -> UInt32 {
        FilterMachine.run(steps.span, frame, length: UInt32(truncatingIfNeeded: frame.count))
    }

    /// The program wants the frame.
    public func accepts(_ frame: Span<UInt8>) -> Bool { run(frame) != 0 }
}

/// Why a program is none.
public struct FilterFault: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        case empty
        case tooLong
        /// A length that is no whole number of instructions.
        case truncated
        case unknownCode(UInt16)
        case jumpOutside
        /// Of the sixteen memory words.
        case memoryOutside
        case divisionByZero
        case shiftTooFar
        /// The last instruction does not return.
        case noReturn
    }

    public let kind: Kind
    /// The instruction, from 0.
    public let position: Int

    init(_ kind: Kind, at position: Int) {
        self.kind = kind
        self.position = position
    }

    public var description: String {
        let text =
            switch kind {
            case .empty: "no instruction"
            case .tooLong: "more than \(FilterProgram.maximumCount) instructions"
            case .truncated: "half an instruction"
            case .unknownCode(let code): "unknown code \(code)"
            case .jumpOutside: "a jump beyond the end"
            case .memoryOutside: "a memory word above 15"
            case .divisionByZero: "a division by zero"
            case .shiftTooFar: "a shift by more than 31"
            case .noReturn: "the last instruction does not return"
            }
        return "filter instruction \(position): \(text)"
    }
}
