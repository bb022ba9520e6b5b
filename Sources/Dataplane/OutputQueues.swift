// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Frames that wait for slow outputs: one bounded ring for each endpoint.
///
/// A queue holds its frames' slots; whoever takes a frame out takes over that hold. When a queue is full the newest frame
/// is refused (tail drop) and the caller counts it: a slow reader costs itself frames and nobody else.
///
/// Invariant: ring `i` owns elements `i * capacity ..< (i + 1) * capacity` of `storage`, a power of two each; `heads` and
/// `counts` stay within the capacity.
@safe
public struct OutputQueues: ~Copyable {
    public let endpointCount: Int
    private let capacity: Int
    /// Slots from this number on are large ones.
    private let firstLargeSlot: Int
    /// Bytes that one queue may hold.
    public let byteLimit: Int
    private let storage: UnsafeMutablePointer<FrameReference>
    private let state: UnsafeMutablePointer<State>

    private struct State {
        var head = 0
        var count = 0
        var byteCount = 0
        var largeCount = 0
    }

    /// - Parameters:
    ///   - capacity: frames of one queue, a power of two.
    ///   - firstLargeSlot: where the pool's large slots begin.
    public init(
        endpointCount: Int,
        capacity: Int = Tunables.queueFrameCount,
        byteLimit: Int = Tunables.queueByteCount,
        firstLargeSlot: Int = .max
    ) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0)
        self.endpointCount = endpointCount
        self.capacity = capacity
        self.byteLimit = byteLimit
        self.firstLargeSlot = firstLargeSlot
        // Not initialised: untouched rings take no memory.
        unsafe storage = .allocate(capacity: endpointCount * capacity)
        unsafe state = .allocate(capacity: endpointCount)
        unsafe state.initialize(repeating: State(), count: endpointCount)
    }

    deinit {
        unsafe storage.deallocate()
        unsafe state.deallocate()
    }

    public func isEmpty(_ endpoint: Int) -> Bool { count(endpoint) == 0 }

    public func count(_ endpoint: Int) -> Int {
        precondition(endpoint >= 0 && endpoint < endpointCount)
        return unsafe state[endpoint].count
    }

    public func byteCount(_ endpoint: Int) -> Int {
        precondition(endpoint >= 0 && endpoint < endpointCount)
        return unsafe state[endpoint].byteCount
    }

    /// Large slots that the queue holds.
    public func largeCount(_ endpoint: Int) -> Int {
        precondition(endpoint >= 0 && endpoint < endpointCount)
        return unsafe state[endpoint].largeCount
    }

    /// There is room for one more frame of this size. One frame always fits an empty queue.
    public func hasRoom(_ endpoint: Int, byteCount: Int) -> Bool {
        let count = count(endpoint)
        return unsafe count == 0 || (count < capacity && state[endpoint].byteCount + byteCount <= byteLimit)
    }

    /// Appends a frame, taking over one hold of it. The caller has asked `hasRoom`.
    public mutating func append(_ endpoint: Int, _ frame: FrameReference) {
        let count = count(endpoint)
        precondition(count < capacity)
        let index = unsafe (state[endpoint].head + count) & (capacity - 1)
        unsafe storage[endpoint * capacity + index] = frame
        unsafe state[endpoint].count = count + 1
        unsafe state[endpoint].byteCount += Int(frame.byteCount)
        if Int(frame.slot) >= firstLargeSlot { unsafe state[endpoint].largeCount += 1 }
    }

    /// The frame at a place counted from the oldest one.
    public func peek(_ endpoint: Int, at offset: Int) -> FrameReference {
        precondition(offset >= 0 && offset < count(endpoint))
        return unsafe storage[endpoint * capacity + (state[endpoint].head + offset) & (capacity - 1)]
    }

    /// Takes the oldest frame out; its hold passes to the caller.
    public mutating func removeFirst(_ endpoint: Int) -> FrameReference? {
        guard count(endpoint) > 0 else { return nil }
        let frame = peek(endpoint, at: 0)
        unsafe state[endpoint].head = (state[endpoint].head + 1) & (capacity - 1)
        forget(endpoint, frame)
        return frame
    }

    /// Takes the newest frame out; its hold passes to the caller.
    public mutating func removeLast(_ endpoint: Int) -> FrameReference? {
        let count = count(endpoint)
        guard count > 0 else { return nil }
        let frame = peek(endpoint, at: count - 1)
        forget(endpoint, frame)
        return frame
    }

    private mutating func forget(_ endpoint: Int, _ frame: FrameReference) {
        unsafe state[endpoint].count -= 1
        unsafe state[endpoint].byteCount -= Int(frame.byteCount)
        if Int(frame.slot) >= firstLargeSlot { unsafe state[endpoint].largeCount -= 1 }
    }
}
