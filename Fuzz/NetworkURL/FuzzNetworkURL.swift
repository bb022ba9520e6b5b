// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// libFuzzer's entry point: what users write as a network, with alternatives, nested URLs and commands.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    if let words = CommandWords.split(text) {
        precondition(CommandWords.split(CommandWords.join(words)) == words)
    }
    guard let list = try? NetworkURL.alternatives(text) else { return 0 }
    precondition(!list.isEmpty)
    for url in list {
        precondition(text.contains(url.description))
        precondition((try? NetworkURL(url.description)) == url)
        _ = try? url.placeInBrackets()
        _ = try? url.number("vni", 0...16_777_215, default: 1)
        _ = try? url.refuseOptions(except: ["vni"])
        if let nested = url.nested { _ = try? NetworkURL(nested) }
    }
    return 0
}
