// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests

/// libFuzzer's entry point: what a monitor may say. It is refused with a place in it, or read, and then what we would write of
/// it is read as the same.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    do {
        let value = try JSONValue(parsing: bytes)
        precondition((try? JSONValue(parsing: value.text)) == value)
    } catch {
        precondition(error.offset >= 0 && error.offset <= bytes.count)
    }
    return 0
}
