// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// libFuzzer's entry point: messages to a fabric. Each is a request, or is refused in one line with a status of its own.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let message = WordMessage(bytes: bytes) else { return 0 }
    do throws(Errno) {
        let encoded = try message.encoded()
        precondition(encoded == bytes)
    } catch {
        precondition(bytes.count > WordMessage.maximumByteCount)
    }
    do throws(FabricError) {
        _ = try FabricRequest(words: message.words)
    } catch {
        precondition(error.status == 2 && !error.message.isEmpty)
    }
    return 0
}
