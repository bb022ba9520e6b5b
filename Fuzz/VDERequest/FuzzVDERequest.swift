// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints

/// libFuzzer's entry point: requests on the `ctl` socket of a switch. What is understood is sent again and must mean the
/// same.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let request = try? VDERequest.parse(bytes) else { return 0 }
    precondition(request.port >= 0 && request.port < 1 << 24)
    precondition(request.description.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
    let again = request.encoded()
    precondition(again.count <= VDERequest.maximumByteCount)
    guard let parsed = try? VDERequest.parse(again) else { preconditionFailure("own request does not parse") }
    precondition(parsed.port == request.port && parsed.isManagement == request.isManagement)
    precondition(parsed.address == request.address)
    precondition(request.description.hasPrefix(parsed.description))
    return 0
}
