// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// One instruction of the packet filter machine, as in the kernel's `struct sock_filter` (Documentation/networking/filter).
@frozen
public struct FilterInstruction: Sendable, Equatable, BitwiseCopyable {
    public var code: UInt16
    /// Instructions passed over when the condition holds, and when it does not.
    public var jumpTrue: UInt8
    public var jumpFalse: UInt8
    /// The constant, address or distance.
    public var operand: UInt32

    public init(_ code: UInt16, _ operand: UInt32 = 0, jumpTrue: UInt8 = 0, jumpFalse: UInt8 = 0) {
        self.code = code
        self.jumpTrue = jumpTrue
        self.jumpFalse = jumpFalse
        self.operand = operand
    }
}

/// Every code that the machine knows: class, size or operation, and mode or source, as the kernel's filter.h has them.
enum FilterCode {
    // Loads into the accumulator.
    static var loadWord: UInt16 { 0x20 }
    static var loadHalf: UInt16 { 0x28 }
    static var loadByte: UInt16 { 0x30 }
    static var loadWordIndexed: UInt16 { 0x40 }
    static var loadHalfIndexed: UInt16 { 0x48 }
    static var loadByteIndexed: UInt16 { 0x50 }
    static var loadImmediate: UInt16 { 0x00 }
    static var loadMemory: UInt16 { 0x60 }
    static var loadLength: UInt16 { 0x80 }
    // Loads into the index register.
    static var indexImmediate: UInt16 { 0x01 }
    static var indexMemory: UInt16 { 0x61 }
    static var indexLength: UInt16 { 0x81 }
    /// Four times the low half of a byte: the length of an IPv4 header.
    static var indexHeaderLength: UInt16 { 0xb1 }
    static var store: UInt16 { 0x02 }
    static var storeIndex: UInt16 { 0x03 }
    // Arithmetic: the operation's code, and 0x08 more for the index register as the second operand.
    static var add: UInt16 { 0x04 }
    static var subtract: UInt16 { 0x14 }
    static var multiply: UInt16 { 0x24 }
    static var divide: UInt16 { 0x34 }
    static var or: UInt16 { 0x44 }
    static var and: UInt16 { 0x54 }
    static var shiftLeft: UInt16 { 0x64 }
    static var shiftRight: UInt16 { 0x74 }
    static var negate: UInt16 { 0x84 }
    static var remainder: UInt16 { 0x94 }
    static var exclusiveOr: UInt16 { 0xa4 }
    static var withIndex: UInt16 { 0x08 }
    // Jumps.
    static var jump: UInt16 { 0x05 }
    static var jumpEqual: UInt16 { 0x15 }
    static var jumpGreater: UInt16 { 0x25 }
    static var jumpGreaterOrEqual: UInt16 { 0x35 }
    static var jumpAnyBit: UInt16 { 0x45 }
    static var returnConstant: UInt16 { 0x06 }
    static var returnAccumulator: UInt16 { 0x16 }
    static var accumulatorToIndex: UInt16 { 0x07 }
    static var indexToAccumulator: UInt16 { 0x87 }
}
