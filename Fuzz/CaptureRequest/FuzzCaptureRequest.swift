// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import PacketFilter

/// libFuzzer's entry point: what a stranger asks of a switch's `attach` socket about its frames. What is understood is sent
/// again and must mean the same; its filter is a program that the verifier takes, or none.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let request = try? CaptureRequest.parse(bytes) else { return 0 }
    precondition(CaptureRequest.isRequest(bytes))
    precondition(request.isInbound || request.isOutbound)
    precondition(request.ports.count <= CaptureRequest.maximumPortCount)
    precondition(request.ports.allSatisfy { (0...Int(UInt32.max)).contains($0) })
    precondition((0...Int(UInt32.max)).contains(request.snapLength))
    let again = request.encoded()
    precondition(CaptureRequest.isRequest(again))
    guard let parsed = try? CaptureRequest.parse(again) else { preconditionFailure("own request does not parse") }
    precondition(parsed == request)
    guard let program = try? FilterProgram(bytes: request.filter) else { return 0 }
    // Any program that is taken judges any frame, and comes to an end.
    _ = program.run(bytes.span)
    return 0
}
