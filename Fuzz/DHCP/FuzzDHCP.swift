// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// libFuzzer's entry point: DHCP messages.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe WireProbe.dhcp(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
