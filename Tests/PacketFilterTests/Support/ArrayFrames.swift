// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import PacketFilter

// Spans cannot stand in #expect: the same with arrays.

extension FilterProgram {
    func run(frame: [UInt8]) -> UInt32 { run(frame.span) }
    func accepts(frame: [UInt8]) -> Bool { accepts(frame.span) }
}

extension CompiledPolicy {
    func rule(for frame: [UInt8]) -> FilterRule { rule(for: frame.span) }
    func accepts(_ frame: [UInt8]) -> Bool { rule(for: frame).accepts }
}
