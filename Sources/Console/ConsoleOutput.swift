// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Bytes that wait for a client to take them.
struct ConsoleOutput {
    private var bytes: [UInt8] = []
    private var start = 0

    var isEmpty: Bool { start == bytes.count }
    var byteCount: Int { bytes.count - start }

    mutating func append(_ more: [UInt8]) { bytes += more }

    /// At most `limit` bytes from the front.
    func front(_ limit: Int) -> ArraySlice<UInt8> { bytes[start...].prefix(limit) }

    /// Takes `count` bytes from the front, and gives memory back once most of it is taken.
    mutating func drop(_ count: Int) {
        start += count
        if start == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= 65_536)
            start = 0
        } else if start >= 1 << 20 {
            bytes.removeFirst(start)
            start = 0
        }
    }
}
