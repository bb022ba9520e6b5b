// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// Integers of the wire, in both byte orders.
//
// Network headers are big-endian, virtio headers are little-endian since virtio 1.0. The helpers assemble bytes with
// shifts: the optimiser turns each into one bounds check, one load and one byte swap, so that no unsafe load is needed.
// An offset outside of the span traps, as every span access does; parsers check lengths first, once.

extension Span where Element == UInt8 {
    /// The big-endian 16-bit integer at `offset`.
    @inlinable @inline(__always)
    public func readUInt16(at offset: Int) -> UInt16 {
        let high = self[offset]
        let low = self[offset &+ 1]
        return UInt16(truncatingIfNeeded: high) << 8 | UInt16(truncatingIfNeeded: low)
    }

    /// The big-endian 32-bit integer at `offset`.
    @inlinable @inline(__always)
    public func readUInt32(at offset: Int) -> UInt32 {
        let high = readUInt16(at: offset)
        let low = readUInt16(at: offset &+ 2)
        return UInt32(truncatingIfNeeded: high) << 16 | UInt32(truncatingIfNeeded: low)
    }

    /// The big-endian 64-bit integer at `offset`.
    @inlinable @inline(__always)
    public func readUInt64(at offset: Int) -> UInt64 {
        let high = readUInt32(at: offset)
        let low = readUInt32(at: offset &+ 4)
        return UInt64(truncatingIfNeeded: high) << 32 | UInt64(truncatingIfNeeded: low)
    }

    /// The little-endian 16-bit integer at `offset`.
    @inlinable @inline(__always)
    public func readLittleEndianUInt16(at offset: Int) -> UInt16 {
        readUInt16(at: offset).byteSwapped
    }

    /// The little-endian 32-bit integer at `offset`.
    @inlinable @inline(__always)
    public func readLittleEndianUInt32(at offset: Int) -> UInt32 {
        readUInt32(at: offset).byteSwapped
    }

    /// The little-endian 64-bit integer at `offset`.
    @inlinable @inline(__always)
    public func readLittleEndianUInt64(at offset: Int) -> UInt64 {
        readUInt64(at: offset).byteSwapped
    }
}

extension MutableSpan where Element == UInt8 {
    /// Stores `value` big-endian at `offset`.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    public mutating func storeUInt16(_ value: UInt16, at offset: Int) {
        self[offset] = UInt8(truncatingIfNeeded: value >> 8)
        self[offset &+ 1] = UInt8(truncatingIfNeeded: value)
    }

    /// Stores `value` big-endian at `offset`.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    public mutating func storeUInt32(_ value: UInt32, at offset: Int) {
        storeUInt16(UInt16(truncatingIfNeeded: value >> 16), at: offset)
        storeUInt16(UInt16(truncatingIfNeeded: value), at: offset &+ 2)
    }

    /// Stores `value` big-endian at `offset`.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    public mutating func storeUInt64(_ value: UInt64, at offset: Int) {
        storeUInt32(UInt32(truncatingIfNeeded: value >> 32), at: offset)
        storeUInt32(UInt32(truncatingIfNeeded: value), at: offset &+ 4)
    }

    /// Stores `value` little-endian at `offset`.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    public mutating func storeLittleEndianUInt16(_ value: UInt16, at offset: Int) {
        storeUInt16(value.byteSwapped, at: offset)
    }

    /// Stores `value` little-endian at `offset`.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    public mutating func storeLittleEndianUInt32(_ value: UInt32, at offset: Int) {
        storeUInt32(value.byteSwapped, at: offset)
    }

    /// Stores `value` little-endian at `offset`.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    public mutating func storeLittleEndianUInt64(_ value: UInt64, at offset: Int) {
        storeUInt64(value.byteSwapped, at: offset)
    }

    /// The big-endian 16-bit integer at `offset`.
    @inlinable @inline(__always)
    public func readUInt16(at offset: Int) -> UInt16 {
        span.readUInt16(at: offset)
    }

    /// The big-endian 32-bit integer at `offset`.
    @inlinable @inline(__always)
    public func readUInt32(at offset: Int) -> UInt32 {
        span.readUInt32(at: offset)
    }

    /// Copies `source[range]` to `offset`. Both ranges are checked once, then bytes move as wide as the machine allows.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    public mutating func store(_ source: Span<UInt8>, _ range: Range<Int>, at offset: Int) {
        let bytes = source.extracting(range)
        var target = _mutatingExtracting(offset..<(offset &+ range.count))
        for index in bytes.indices {
            target[index] = bytes[index]
        }
    }

    /// Stores all bytes of `source` at `offset`.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    public mutating func store(_ source: Span<UInt8>, at offset: Int) {
        store(source, 0..<source.count, at: offset)
    }
}

extension Span where Element == UInt8 {
    /// Whether `byteCount` bytes lie at `offset`. Never overflows, whatever the wire said.
    @inlinable @inline(__always)
    public func hasBytes(_ byteCount: Int, at offset: Int) -> Bool {
        offset >= 0 && byteCount >= 0 && offset <= count && byteCount <= count &- offset
    }
}

extension MutableSpan where Element == UInt8 {
    /// Whether `byteCount` bytes fit at `offset`. Never overflows, whatever the wire said.
    @inlinable @inline(__always)
    public func hasRoom(_ byteCount: Int, at offset: Int) -> Bool {
        offset >= 0 && byteCount >= 0 && offset <= count && byteCount <= count &- offset
    }
}
