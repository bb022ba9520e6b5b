// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// An array of records of one fixed size in the state memory. Records name each other by index.
///
/// All zero bytes are a valid record: the memory comes zero-filled and a table of thousands costs nothing before it is used.
///
/// Invariant: `base` covers `count` records for as long as the state memory lives, which outlives the gateway; every index
/// is checked before it becomes an address.
@safe
struct RecordTable<Record: BitwiseCopyable>: ~Copyable {
    let count: Int
    private let base: UnsafeMutablePointer<Record>

    init(in state: inout StateMemory, _ section: StateMemory.Section, count: Int) {
        self.count = count
        let memory = unsafe state.addSection(section, recordByteCount: MemoryLayout<Record>.stride, count: count)
        unsafe base = memory.bindMemory(to: Record.self, capacity: count)
    }

    static func byteCount(_ count: Int) -> Int {
        StateMemory.sectionByteCount(recordByteCount: MemoryLayout<Record>.stride, count: count)
    }

    subscript(index: Int) -> Record {
        @inline(__always)
        _read {
            precondition(index >= 0 && index < count)
            yield unsafe base[index]
        }
        @inline(__always)
        nonmutating _modify {
            precondition(index >= 0 && index < count)
            yield unsafe &base[index]
        }
    }
}

/// A record that can stand in one doubly linked list at a time, and has a sequence number against torn writes.
protocol LinkedRecord: BitwiseCopyable {
    /// Odd while the record is being written (see `StateMemory`).
    var writeSequence: UInt32 { get set }
    /// Neighbours in the list, each one more than its index; 0 is none.
    var listNext: UInt32 { get set }
    var listPrevious: UInt32 { get set }
    /// Which list the record stands in; 0 is none.
    var listNumber: UInt8 { get set }
}

extension RecordTable where Record: LinkedRecord {
    /// Marks the record as being written: a successor that finds it so does not believe it.
    @inline(__always)
    func beginWrite(_ index: Int) { self[index].writeSequence |= 1 }

    @inline(__always)
    func endWrite(_ index: Int) { self[index].writeSequence = (self[index].writeSequence | 1) &+ 1 }
}

/// A doubly linked list of records of one table, oldest first.
struct RecordList {
    let number: UInt8
    private(set) var head: UInt32 = 0
    private(set) var tail: UInt32 = 0
    private(set) var count = 0

    init(number: UInt8) {
        self.number = number
    }

    var isEmpty: Bool { head == 0 }

    /// The oldest record.
    var first: Int? { head == 0 ? nil : Int(head) &- 1 }

    /// Appends a record that stands in no list.
    mutating func append<Record: LinkedRecord>(_ index: Int, in table: borrowing RecordTable<Record>) {
        let link = UInt32(truncatingIfNeeded: index &+ 1)
        table[index].listNumber = number
        table[index].listPrevious = tail
        table[index].listNext = 0
        if tail == 0 { head = link } else { table[Int(tail) &- 1].listNext = link }
        tail = link
        count &+= 1
    }

    /// Takes a record of this list out.
    mutating func remove<Record: LinkedRecord>(_ index: Int, in table: borrowing RecordTable<Record>) {
        guard table[index].listNumber == number else { return }
        let next = table[index].listNext
        let previous = table[index].listPrevious
        if previous == 0 { head = next } else { table[Int(previous) &- 1].listNext = next }
        if next == 0 { tail = previous } else { table[Int(next) &- 1].listPrevious = previous }
        table[index].listNumber = 0
        table[index].listNext = 0
        table[index].listPrevious = 0
        count &-= 1
    }
}

/// Free places of a table: those given back, last one first, and behind them those never used.
struct FreePlaces {
    let capacity: Int
    private var head: UInt32 = 0
    private var neverUsed = 0
    private(set) var usedCount = 0

    init(capacity: Int) {
        self.capacity = capacity
    }

    mutating func take<Record: LinkedRecord>(from table: borrowing RecordTable<Record>) -> Int? {
        if head != 0 {
            let index = Int(head) &- 1
            head = table[index].listNext
            table[index].listNext = 0
            usedCount &+= 1
            return index
        }
        guard neverUsed < capacity else { return nil }
        neverUsed &+= 1
        usedCount &+= 1
        return neverUsed &- 1
    }

    mutating func give<Record: LinkedRecord>(_ index: Int, to table: borrowing RecordTable<Record>) {
        table[index].listNext = head
        head = UInt32(truncatingIfNeeded: index &+ 1)
        usedCount &-= 1
    }
}
