// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import CLinux

/// Reading and writing what a guest shares. Numbers are little endian, as is every machine that Swift runs Linux on.
extension GuestMemory {
    /// A descriptor of a split virtqueue: virtio 1.2, 2.7.5.
    @frozen
    public struct Descriptor: Sendable {
        public var address: UInt64
        public var byteCount: UInt32
        public var flags: UInt16
        public var next: UInt16

        @inlinable
        public init(address: UInt64, byteCount: UInt32, flags: UInt16, next: UInt16) {
            self.address = address
            self.byteCount = byteCount
            self.flags = flags
            self.next = next
        }

        /// The chain goes on at `next`.
        @inlinable public var hasNext: Bool { flags & 1 != 0 }
        /// For the device to write; otherwise to read.
        @inlinable public var isWritable: Bool { flags & 2 != 0 }
        /// What lies there is a table of descriptors.
        @inlinable public var isIndirect: Bool { flags & 4 != 0 }
    }

    /// Fetches one descriptor, once.
    @inlinable
    @inline(__always)
    public func descriptor(_ range: Range, at offset: Int) -> Descriptor {
        var raw = cel_ring_descriptor()
        unsafe cel_guest_load_descriptor(address(range, offset, 16), &raw)
        return Descriptor(address: raw.address, byteCount: raw.size, flags: raw.flags, next: raw.next)
    }

    @inlinable
    @inline(__always)
    public func load16(_ range: Range, at offset: Int) -> UInt16 { unsafe cel_guest_load16(address(range, offset, 2)) }

    /// What the other side wrote before it stored this value is seen after this call.
    @inlinable
    @inline(__always)
    public func loadAcquiring16(_ range: Range, at offset: Int) -> UInt16 {
        unsafe cel_guest_load16_acquire(address(range, offset, 2))
    }

    @inlinable
    @inline(__always)
    public func store16(_ range: Range, at offset: Int, _ value: UInt16) {
        unsafe cel_guest_store16(address(range, offset, 2), value)
    }

    /// Whoever sees this value sees what was written before.
    @inlinable
    @inline(__always)
    public func storeReleasing16(_ range: Range, at offset: Int, _ value: UInt16) {
        unsafe cel_guest_store16_release(address(range, offset, 2), value)
    }

    @inlinable
    @inline(__always)
    public func store32(_ range: Range, at offset: Int, _ value: UInt32) {
        unsafe cel_guest_store32(address(range, offset, 4), value)
    }

    /// Orders stores before it before loads behind it.
    @inlinable
    @inline(__always)
    public static func fence() { cel_guest_fence() }

    /// Copies a whole range to `target` from `position` on; the caller has checked that there is room.
    @inlinable
    @inline(__always)
    public func copyOut(_ range: Range, to target: inout MutableSpan<UInt8>, at position: Int) {
        let count = Int(range.byteCount)
        precondition(position >= 0 && count <= target.count - position)
        unsafe target.withUnsafeMutableBufferPointer { bytes in
            unsafe cel_guest_copy(bytes.baseAddress! + position, address(range, 0, count), count)
        }
    }

    /// Fills a range from `source` at `position` on; the caller has checked that there is enough.
    @inlinable
    @inline(__always)
    public func copyIn(_ range: Range, from source: Span<UInt8>, at position: Int) {
        let count = Int(range.byteCount)
        precondition(position >= 0 && count <= source.count - position)
        unsafe source.withUnsafeBufferPointer { bytes in
            unsafe cel_guest_copy(address(range, 0, count), bytes.baseAddress! + position, count)
        }
    }
}
