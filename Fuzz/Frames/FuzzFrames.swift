// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// libFuzzer's entry point: Ethernet, ARP, IP, transport, virtio-net header, segmentation.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe WireProbe.frame(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
