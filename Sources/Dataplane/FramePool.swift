// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Wire

/// The memory that all frames of a process live in.
///
/// # Theory of operation
///
/// One slab with two sizes of slot. A frame is received into a large slot, whatever its size, since nobody knows the size
/// before; only its own bytes are touched. It stays there while it is classified and sent. A frame that must wait for a
/// slow output moves to a small slot when it fits one, so that queues of small frames do not use up the large slots.
///
///     index:  0 … smallCount-1            small slots, 2 KiB each
///             smallCount … smallCount+largeCount-1    large slots
///
/// Every slot has a count of holders: flooding queues the same bytes at many outputs. Free slots form two stacks, so that
/// the slot used last, whose bytes are still in the cache, is used next. Nothing is allocated after `init`.
///
/// Thread rule: one thread uses a pool. Invariant: `base` covers all slots for the pool's life, indices are checked
/// against the slot counts before they become addresses, and a frame's range is checked against its slot.
@safe
public struct FramePool: ~Copyable {
    public let smallCount: Int
    public let largeCount: Int
    private let base: UnsafeMutableRawPointer
    private let holders: UnsafeMutablePointer<UInt32>
    private let freeSmall: UnsafeMutablePointer<UInt32>
    private let freeLarge: UnsafeMutablePointer<UInt32>
    public private(set) var freeSmallCount: Int
    public private(set) var freeLargeCount: Int

    /// Bytes of memory that a pool of these sizes lives in.
    public static func byteCount(smallCount: Int, largeCount: Int) -> Int {
        smallCount * Tunables.smallSlotByteCount + largeCount * Tunables.largeSlotByteCount
    }

    /// A pool with all slots free.
    public init(smallCount: Int, largeCount: Int) {
        let size = Self.byteCount(smallCount: smallCount, largeCount: largeCount)
        // Not filled: a slab of this size is mapped, and a page takes memory only when it is touched.
        unsafe base = .allocate(byteCount: size, alignment: 64)
        self.smallCount = smallCount
        self.largeCount = largeCount
        unsafe holders = .allocate(capacity: smallCount + largeCount)
        unsafe holders.initialize(repeating: 0, count: smallCount + largeCount)
        unsafe freeSmall = .allocate(capacity: max(smallCount, 1))
        unsafe freeLarge = .allocate(capacity: max(largeCount, 1))
        // The lowest slot is on top: a quiet process touches few pages.
        for index in 0..<smallCount { unsafe freeSmall[index] = UInt32(smallCount - 1 - index) }
        for index in 0..<largeCount { unsafe freeLarge[index] = UInt32(smallCount + largeCount - 1 - index) }
        freeSmallCount = smallCount
        freeLargeCount = largeCount
    }

    deinit {
        unsafe base.deallocate()
        unsafe holders.deallocate()
        unsafe freeSmall.deallocate()
        unsafe freeLarge.deallocate()
    }

    // MARK: Slots

    /// Bytes of a frame that fit a slot of either size behind head room and header.
    public static var smallCapacity: Int {
        Tunables.smallSlotByteCount - Tunables.headroomByteCount - VirtioNetHeader.byteCount
    }
    public static var largeCapacity: Int { Tunables.maximumFrameByteCount }

    /// A frame in a free large slot, sized `byteCount`, with one holder and a zero header; nil when fewer than `reserve`
    /// slots would remain.
    public mutating func allocateLarge(byteCount: Int = FramePool.largeCapacity, reserve: Int = 0) -> FrameReference? {
        guard freeLargeCount > reserve, byteCount <= Self.largeCapacity else { return nil }
        freeLargeCount -= 1
        return unsafe prepared(slot: freeLarge[freeLargeCount], byteCount: byteCount)
    }

    /// The same in a small slot.
    public mutating func allocateSmall(byteCount: Int = FramePool.smallCapacity, reserve: Int = 0) -> FrameReference? {
        guard freeSmallCount > reserve, byteCount <= Self.smallCapacity else { return nil }
        freeSmallCount -= 1
        return unsafe prepared(slot: freeSmall[freeSmallCount], byteCount: byteCount)
    }

    /// A frame of `byteCount` bytes in the smaller slot that holds it.
    public mutating func allocate(byteCount: Int) -> FrameReference? {
        if byteCount <= Self.smallCapacity, let frame = allocateSmall(byteCount: byteCount) { return frame }
        return allocateLarge(byteCount: byteCount)
    }

    private mutating func prepared(slot: UInt32, byteCount: Int) -> FrameReference {
        unsafe holders[Int(slot)] = 1
        let start = Tunables.headroomByteCount + VirtioNetHeader.byteCount
        let frame = FrameReference(slot: slot, start: UInt32(start), byteCount: UInt32(byteCount))
        clearHeader(of: frame)
        return frame
    }

    /// One more holder of the frame's slot.
    public mutating func retain(_ frame: FrameReference) {
        precondition(frame.slot < UInt32(smallCount + largeCount))
        unsafe holders[Int(frame.slot)] &+= 1
    }

    /// One holder less; the last one frees the slot.
    public mutating func release(_ frame: FrameReference) {
        let slot = Int(frame.slot)
        precondition(slot < smallCount + largeCount)
        let count = unsafe holders[slot]
        precondition(count > 0)
        unsafe holders[slot] = count &- 1
        guard count == 1 else { return }
        if slot < smallCount {
            unsafe freeSmall[freeSmallCount] = frame.slot
            freeSmallCount += 1
        } else {
            unsafe freeLarge[freeLargeCount] = frame.slot
            freeLargeCount += 1
        }
    }

    public func isLarge(_ frame: FrameReference) -> Bool { Int(frame.slot) >= smallCount }

    /// Nobody else holds the slot.
    public func isUniquelyHeld(_ frame: FrameReference) -> Bool {
        precondition(frame.slot < UInt32(smallCount + largeCount))
        return unsafe holders[Int(frame.slot)] == 1
    }

    // MARK: Bytes

    /// Address of the frame's virtio-net header, the frame's bytes following it.
    @inline(__always)
    func headerAddress(_ frame: FrameReference) -> UnsafeMutableRawPointer {
        let slot = Int(frame.slot)
        let end = Int(frame.start) + Int(frame.byteCount)
        precondition(frame.start >= 12)
        if slot < smallCount {
            precondition(end <= Tunables.smallSlotByteCount)
            return unsafe base + slot * Tunables.smallSlotByteCount + Int(frame.start) - 12
        }
        precondition(slot < smallCount + largeCount && end <= Tunables.largeSlotByteCount)
        return unsafe base + smallCount * Tunables.smallSlotByteCount
            + (slot - smallCount) * Tunables.largeSlotByteCount + Int(frame.start) - 12
    }

    /// The frame's bytes, Ethernet header first.
    @_lifetime(borrow self)
    public func bytes(_ frame: FrameReference) -> Span<UInt8> {
        let start = unsafe UnsafeRawPointer(headerAddress(frame) + 12).assumingMemoryBound(to: UInt8.self)
        let span = unsafe Span(_unsafeStart: start, count: Int(frame.byteCount))
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// The frame's bytes for writing.
    @_lifetime(&self)
    public mutating func mutableBytes(_ frame: FrameReference) -> MutableSpan<UInt8> {
        let start = unsafe (headerAddress(frame) + 12).assumingMemoryBound(to: UInt8.self)
        let span = unsafe MutableSpan(_unsafeStart: start, count: Int(frame.byteCount))
        return unsafe _overrideLifetime(span, mutating: &self)
    }

    /// The virtio-net header before the frame.
    public func header(_ frame: FrameReference) -> VirtioNetHeader {
        let start = unsafe UnsafeRawPointer(headerAddress(frame)).assumingMemoryBound(to: UInt8.self)
        let span = unsafe Span(_unsafeStart: start, count: 12)
        return VirtioNetHeader.parse(span, at: 0) ?? .plain
    }

    public mutating func setHeader(_ header: VirtioNetHeader, of frame: FrameReference) {
        let start = unsafe headerAddress(frame).assumingMemoryBound(to: UInt8.self)
        var span = unsafe MutableSpan(_unsafeStart: start, count: 12)
        header.emit(into: &span, at: 0)
    }

    /// Makes the frame an ordinary one: nothing left to segment or to sum.
    public mutating func clearHeader(of frame: FrameReference) {
        let address = unsafe headerAddress(frame)
        unsafe address.storeBytes(of: 0, as: UInt64.self)
        unsafe address.storeBytes(of: 0, toByteOffset: 8, as: UInt32.self)
    }

    /// The header asks for segmentation or for a checksum: its first two bytes, flags and type, are not both zero.
    public func needsWork(_ frame: FrameReference) -> Bool {
        unsafe headerAddress(frame).loadUnaligned(as: UInt16.self) != 0
    }

    /// A copy of the frame in the smallest slot that fits, its header included; nil when no slot is free.
    public mutating func copy(_ frame: FrameReference) -> FrameReference? {
        guard let copy = allocate(byteCount: Int(frame.byteCount)) else { return nil }
        unsafe headerAddress(copy).copyMemory(from: headerAddress(frame), byteCount: 12 + Int(frame.byteCount))
        return copy
    }

    /// The virtio-net header and the frame behind it, as taps and channels carry them.
    @_lifetime(borrow self)
    public func bytesWithHeader(_ frame: FrameReference) -> Span<UInt8> {
        let start = unsafe UnsafeRawPointer(headerAddress(frame)).assumingMemoryBound(to: UInt8.self)
        let span = unsafe Span(_unsafeStart: start, count: 12 + Int(frame.byteCount))
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// The same for writing.
    @_lifetime(&self)
    public mutating func mutableBytesWithHeader(_ frame: FrameReference) -> MutableSpan<UInt8> {
        let start = unsafe headerAddress(frame).assumingMemoryBound(to: UInt8.self)
        let span = unsafe MutableSpan(_unsafeStart: start, count: 12 + Int(frame.byteCount))
        return unsafe _overrideLifetime(span, mutating: &self)
    }

    /// Copies a frame's bytes into its slot: as many as the frame has.
    public mutating func fill(_ frame: FrameReference, with bytes: Span<UInt8>) {
        precondition(bytes.count == Int(frame.byteCount))
        unsafe bytes.withUnsafeBytes { source in
            if let first = source.baseAddress {
                unsafe (headerAddress(frame) + 12).copyMemory(from: first, byteCount: source.count)
            }
        }
    }

    /// The same with the virtio-net header in front.
    public mutating func fillWithHeader(_ frame: FrameReference, with bytes: Span<UInt8>) {
        precondition(bytes.count == 12 + Int(frame.byteCount))
        unsafe bytes.withUnsafeBytes { source in
            if let first = source.baseAddress {
                unsafe headerAddress(frame).copyMemory(from: first, byteCount: source.count)
            }
        }
    }

    /// All slots as one span: for calls that send many frames at once, each by its `offset`.
    public var slab: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get {
            let span = unsafe Span(
                _unsafeStart: UnsafeRawPointer(base).assumingMemoryBound(to: UInt8.self),
                count: slabByteCount
            )
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The same for writing.
    @_lifetime(&self)
    public mutating func mutableSlab() -> MutableSpan<UInt8> {
        let span = unsafe MutableSpan(
            _unsafeStart: base.assumingMemoryBound(to: UInt8.self),
            count: slabByteCount
        )
        return unsafe _overrideLifetime(span, mutating: &self)
    }

    private var slabByteCount: Int { Self.byteCount(smallCount: smallCount, largeCount: largeCount) }

    /// Where the frame's first byte lies in the slab.
    public func offset(_ frame: FrameReference) -> Int {
        unsafe headerAddress(frame) + 12 - base
    }
}
