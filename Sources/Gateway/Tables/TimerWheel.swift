// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// Deadlines of many things, at most one each, known by number.
///
/// # Theory of operation
///
/// A ring of slots of 2^24 ns (about 17 ms); a timer waits in the slot of its deadline. Setting a later deadline, which is
/// what every acknowledgement does, only stores it: when the slot comes up, the timer moves to where it belongs by then.
/// So a timer fires at most one slot late, and a busy connection moves its timer a few times a second instead of for
/// every frame. A deadline beyond the ring waits in the ring's last slot and moves on from there.
struct TimerWheel: ~Copyable {
    struct Entry: BitwiseCopyable {
        /// Nanoseconds; 0 is none.
        var deadline: UInt64
        /// Neighbours in the slot, one more than their numbers.
        var next: UInt32
        var previous: UInt32
        /// Absolute number of the slot that the timer waits in, and one.
        var slot: UInt64
    }

    private static let slotShift: UInt64 = 24
    private static var slotCount: Int { 512 }

    private let entries: RecordTable<Entry>
    private var heads: [512 of UInt32] = .init(repeating: 0)
    private var occupied: [8 of UInt64] = .init(repeating: 0)
    /// The slot that was looked at last; all waiting timers are in later ones.
    private var current: UInt64 = 0
    private(set) var armedCount = 0

    static func byteCount(_ timerCount: Int) -> Int { RecordTable<Entry>.byteCount(timerCount) }

    init(in state: inout StateMemory, timerCount: Int) {
        entries = RecordTable(in: &state, .gatewayTimers, count: timerCount)
    }

    /// The timer's deadline, nil when it does not run.
    func deadline(_ number: Int) -> UInt64? {
        let deadline = entries[number].deadline
        return deadline == 0 ? nil : deadline
    }

    /// Starts the timer, or changes its deadline.
    @inline(__always)
    mutating func set(_ number: Int, deadline: UInt64, now: UInt64) {
        entries[number].deadline = max(deadline, 1)
        let waiting = entries[number].slot
        // In a slot that comes no later: that slot will move it.
        if waiting != 0, waiting &- 1 <= deadline >> Self.slotShift { return }
        place(number, now: now)
    }

    /// Stops the timer. It leaves its slot when that comes up.
    @inline(__always)
    mutating func clear(_ number: Int) { entries[number].deadline = 0 }

    private mutating func place(_ number: Int, now: UInt64) {
        if entries[number].slot != 0 { unlink(number) }
        if armedCount == 0 { current = max(current, (now >> Self.slotShift) &- 1) }
        // The slot after the deadline's, so that it is over when the slot comes up.
        let wanted = entries[number].deadline >> Self.slotShift
        let last = current &+ UInt64(Self.slotCount) &- 1
        let slot = min(max(wanted, current &+ 1), last)
        let index = Int(truncatingIfNeeded: slot & UInt64(Self.slotCount &- 1))
        let head = heads[index]
        entries[number].slot = slot &+ 1
        entries[number].next = head
        entries[number].previous = 0
        let link = UInt32(truncatingIfNeeded: number &+ 1)
        if head != 0 { entries[Int(head) &- 1].previous = link }
        heads[index] = link
        occupied[index >> 6] |= 1 << UInt64(index & 63)
        armedCount &+= 1
    }

    private mutating func unlink(_ number: Int) {
        let entry = entries[number]
        let index = Int(truncatingIfNeeded: (entry.slot &- 1) & UInt64(Self.slotCount &- 1))
        if entry.previous == 0 {
            heads[index] = entry.next
            if entry.next == 0 { occupied[index >> 6] &= ~(1 << UInt64(index & 63)) }
        } else {
            entries[Int(entry.previous) &- 1].next = entry.next
        }
        if entry.next != 0 { entries[Int(entry.next) &- 1].previous = entry.previous }
        entries[number].next = 0
        entries[number].previous = 0
        entries[number].slot = 0
        armedCount &-= 1
    }

    /// When to call `popDue` next; nil when no timer waits. It may be early, never more than a slot late.
    var nextDeadline: UInt64? {
        guard armedCount > 0, let slot = nextOccupiedSlot else { return nil }
        return (slot &+ 1) << Self.slotShift
    }

    private var nextOccupiedSlot: UInt64? {
        var slot = current &+ 1
        let end = current &+ UInt64(Self.slotCount)
        while slot < end {
            let index = Int(truncatingIfNeeded: slot & UInt64(Self.slotCount &- 1))
            let word = occupied[index >> 6] >> UInt64(index & 63)
            if word != 0 { return slot &+ UInt64(word.trailingZeroBitCount) }
            slot = (slot | 63) &+ 1
        }
        return nil
    }

    /// Stops and returns one timer whose deadline is over; nil when there is none (any more).
    mutating func popDue(now: UInt64) -> Int? {
        let nowSlot = now >> Self.slotShift
        while armedCount > 0, let slot = nextOccupiedSlot, slot < nowSlot {
            // Every slot before this one is empty: moving on makes room at the ring's end.
            current = slot &- 1
            let index = Int(truncatingIfNeeded: slot & UInt64(Self.slotCount &- 1))
            let number = Int(heads[index]) &- 1
            unlink(number)
            let deadline = entries[number].deadline
            if deadline == 0 { continue }
            if deadline <= now {
                entries[number].deadline = 0
                return number
            }
            place(number, now: now)
        }
        // Nothing waits in a slot before this one.
        if nowSlot > 0 { current = max(current, nowSlot &- 1) }
        return nil
    }
}
