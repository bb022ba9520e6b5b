// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// Things that wait for their time, taken out in the order of their times: a binary heap of fixed capacity.
///
/// What has the same time comes out in the order in which it went in. Adding and taking are logarithmic; nothing is
/// allocated after `init`, and memory that was never needed is never touched.
///
/// Invariant: `storage` owns `capacity` elements of a trivial type; those below `count` are initialised and form a heap.
@safe
public struct TimedQueue<Element: BitwiseCopyable>: ~Copyable {
    private struct Entry: BitwiseCopyable {
        var deadline: UInt64
        var sequence: UInt64
        var element: Element

        func isBefore(_ other: Entry) -> Bool {
            deadline < other.deadline || deadline == other.deadline && sequence < other.sequence
        }
    }

    public let capacity: Int
    public private(set) var count = 0
    private var nextSequence: UInt64 = 0
    private let storage: UnsafeMutablePointer<Entry>

    public init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        unsafe storage = .allocate(capacity: capacity)
    }

    deinit { unsafe storage.deallocate() }

    public var isFull: Bool { count == capacity }
    public var isEmpty: Bool { count == 0 }

    /// The earliest time, `.max` when nothing waits.
    public var nextDeadline: UInt64 { count == 0 ? .max : unsafe storage[0].deadline }

    /// Adds an element; false when the queue is full.
    public mutating func add(_ element: Element, at deadline: UInt64) -> Bool {
        guard count < capacity else { return false }
        let entry = Entry(deadline: deadline, sequence: nextSequence, element: element)
        nextSequence &+= 1
        var hole = count
        count += 1
        while hole > 0 {
            let parent = (hole - 1) / 2
            guard unsafe entry.isBefore(storage[parent]) else { break }
            unsafe storage[hole] = storage[parent]
            hole = parent
        }
        unsafe (storage + hole).initialize(to: entry)
        return true
    }

    /// The earliest element, if its time has come.
    public func peek(now: UInt64) -> Element? {
        guard count > 0, unsafe storage[0].deadline <= now else { return nil }
        return unsafe storage[0].element
    }

    /// Takes the earliest element out, if its time has come.
    public mutating func take(now: UInt64) -> Element? {
        guard let element = peek(now: now) else { return nil }
        count -= 1
        guard count > 0 else { return element }
        sink(unsafe storage[count], from: 0)
        return element
    }

    /// Puts an entry where it belongs: at this place, which is free, or below.
    private mutating func sink(_ entry: Entry, from place: Int) {
        var hole = place
        while true {
            var child = 2 * hole + 1
            guard child < count else { break }
            if child + 1 < count, unsafe storage[child + 1].isBefore(storage[child]) { child += 1 }
            guard unsafe storage[child].isBefore(entry) else { break }
            unsafe storage[hole] = storage[child]
            hole = child
        }
        unsafe storage[hole] = entry
    }

    /// Takes all elements out that are meant, in no order, whatever their times: once through the queue.
    public mutating func takeAll(where isMeant: (Element) -> Bool) -> [Element] {
        var taken: [Element] = []
        var kept = 0
        for index in 0..<count {
            let entry = unsafe storage[index]
            if isMeant(entry.element) {
                taken.append(entry.element)
            } else {
                unsafe storage[kept] = entry
                kept += 1
            }
        }
        guard !taken.isEmpty else { return [] }
        count = kept
        for place in stride(from: count / 2 - 1, through: 0, by: -1) { sink(unsafe storage[place], from: place) }
        return taken
    }
}
