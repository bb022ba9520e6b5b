// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ElementCommands

/// libFuzzer's entry point: configurations of uml_switch2. Each is understood or refused in a line that names file and line.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    do {
        let config = try UMLSwitchConfig(text: text, file: "file")
        precondition((config.port == nil) == (config.remote == nil))
    } catch {
        precondition(error.line >= 1)
        // Bytes: what follows may begin with a mark that combines with the blank.
        precondition("\(error)".utf8.starts(with: "file:\(error.line): ".utf8))
    }
    return 0
}
