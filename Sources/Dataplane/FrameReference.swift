// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Where a frame is: a slot of the pool, the frame's first byte in it, and its size. A trivial value.
///
/// Each frame has a 12-byte virtio-net header directly before its first byte (virtio 1.2, 5.1.6), all zero for an
/// ordinary frame.
///
///     slot: | head room | virtio-net header (12) | Ethernet header | payload … |
///                                                ^ start           byteCount →
@frozen
public struct FrameReference: Sendable, BitwiseCopyable {
    /// Index of the slot; see `FramePool`.
    public var slot: UInt32
    /// Offset of the Ethernet header in the slot.
    public var start: UInt32
    /// Bytes from the Ethernet header to the end of the payload; no frame check sequence.
    public var byteCount: UInt32

    @inlinable
    public init(slot: UInt32, start: UInt32, byteCount: UInt32) {
        self.slot = slot
        self.start = start
        self.byteCount = byteCount
    }
}

/// A short list of frames of fixed capacity, filled and emptied without allocation.
///
/// Invariant: `storage` owns `capacity` elements of a trivial type; those below `count` are initialised.
@safe
public struct FrameBurst: ~Copyable {
    public let capacity: Int
    public private(set) var count = 0
    /// Sum of the frames' sizes.
    public private(set) var byteCount = 0
    private let storage: UnsafeMutablePointer<FrameReference>

    public init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        unsafe storage = .allocate(capacity: capacity)
    }

    deinit { unsafe storage.deallocate() }

    public var isEmpty: Bool { count == 0 }
    public var isFull: Bool { count == capacity }
    public var freeCount: Int { capacity - count }

    public subscript(index: Int) -> FrameReference {
        get {
            precondition(index >= 0 && index < count)
            return unsafe storage[index]
        }
        set {
            precondition(index >= 0 && index < count)
            byteCount += unsafe Int(newValue.byteCount) - Int(storage[index].byteCount)
            unsafe storage[index] = newValue
        }
    }

    /// Appends a frame; the caller has checked that there is room.
    public mutating func append(_ frame: FrameReference) {
        precondition(count < capacity)
        unsafe storage[count] = frame
        count += 1
        byteCount += Int(frame.byteCount)
    }

    public mutating func removeAll() {
        count = 0
        byteCount = 0
    }

    /// Forgets all but the first ones.
    public mutating func truncate(to newCount: Int) {
        while count > max(newCount, 0) {
            count -= 1
            byteCount -= unsafe Int(storage[count].byteCount)
        }
    }
}
