// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Dataplane

/// `#require` for what a non-copyable value returns, which the macro cannot take apart.
func need<Value>(_ value: Value?, sourceLocation: SourceLocation = #_sourceLocation) throws -> Value {
    try #require(value, sourceLocation: sourceLocation)
}

/// `#expect` for what a mutating call returns, which the macro cannot take apart.
func expect(_ isSo: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(isSo, sourceLocation: sourceLocation)
}

/// Pool access by plain arrays: slow, but obvious.
extension FramePool {
    mutating func fill(_ frame: FrameReference, with bytes: [UInt8]) {
        var target = mutableBytes(frame)
        precondition(target.count == bytes.count)
        for index in bytes.indices { target[index] = bytes[index] }
    }

    func array(_ frame: FrameReference) -> [UInt8] {
        let bytes = bytes(frame)
        return (0..<bytes.count).map { bytes[$0] }
    }

    /// A frame with these bytes in a large slot, as if it had been received.
    mutating func received(_ bytes: [UInt8]) -> FrameReference? {
        guard let frame = allocateLarge(byteCount: bytes.count) else { return nil }
        fill(frame, with: bytes)
        return frame
    }
}
