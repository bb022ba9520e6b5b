// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests

/// libFuzzer's entry point: what a guest writes to its agent's channel, cut in two where the first byte says. What is
/// understood is sent again and must mean the same; nothing is lost count of.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let cut = bytes.first else { return 0 }
    let rest = bytes.dropFirst()
    var reader = AgentFrameReader()
    var frames: [AgentFrame] = []
    for part in [rest.prefix(Int(cut)), rest.dropFirst(Int(cut))] {
        reader.append(part)
        while let frame = reader.next() { frames.append(frame) }
    }
    precondition(reader.skippedByteCount <= UInt64(rest.count))
    var whole = AgentFrameReader()
    whole.append(rest)
    for frame in frames { precondition(whole.next() == frame, "the cut made a difference") }
    precondition(whole.next() == nil)
    for frame in frames {
        var again = AgentFrameReader()
        again.append(frame.bytes)
        precondition(again.next() == frame)
        precondition(again.skippedByteCount == 0)
        _ = AgentWelcome(frame.payload)
    }
    return 0
}
