// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import PacketFilter

/// libFuzzer's entry point: a program as an attach request brings it, and a frame for it to judge.
///
/// The first byte says how many instructions there are. A program that is refused is refused again in the form in which it would
/// travel on; one that is accepted ends, whatever the frame.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let instructionCount = bytes.first else { return 0 }
    let program = Array(bytes.dropFirst().prefix(8 * Int(instructionCount)))
    let frame = Array(bytes.dropFirst(1 + program.count))
    guard let filter = try? FilterProgram(bytes: program) else { return 0 }
    precondition(filter.bytes == program)
    let verdict = filter.run(frame.span)
    precondition(filter.accepts(frame.span) == (verdict != 0))
    return 0
}
