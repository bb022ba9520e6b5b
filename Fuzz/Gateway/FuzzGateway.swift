// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// libFuzzer's entry point: a guest, a host and a clock that play the bytes against a gateway.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    _ = unsafe GatewayProbe.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
