// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// The memory of everything that must outlive the process that writes it: forwarding table, ports and
/// their states, VLANs, flows, spill.
///
/// # Theory of operation
///
/// One block (a memory file, when a process runs it; plain memory in tests) begins with a header that names its sections;
/// each section is an array of records of one fixed size. Records refer to each other by index, never by address, so that
/// another process, which maps the block elsewhere, reads the same structure. The header carries a format version: a
/// successor that does not know it starts afresh.
///
/// A process can be killed between any two stores. Each record therefore has a sequence number of its own, odd while the
/// record is being written: a reader, or a successor, skips a record whose number is odd or changes under it
/// (`SequenceNumber`). Counters need none: each is one atomic word with one writer.
///
///     0    magic "ETHRLOOM"   8  version   12  section count
///     16   sections, 32 bytes each: kind, record size, record count, offset
///     4096 first section, each following one aligned to 64 bytes
///
/// Invariant: `base` covers `byteCount` zero-filled or formatted bytes that the maker keeps alive and mapped for as long
/// as any table made from this value lives; sections never overlap.
@safe
public struct StateMemory: ~Copyable {
    public static var magic: UInt64 { 0x4d4f_4f4c_5248_5445 }
    /// Raised whenever a record's layout changes.
    public static var version: UInt32 { 1 }
    private static var firstSectionOffset: Int { 4096 }
    private static var maximumSectionCount: Int { 64 }

    /// What a section holds.
    public enum Section: UInt32, Sendable, CaseIterable {
        case ports = 1
        case endpoints = 2
        case forwarding = 3
        case leases = 4
        case flows = 5
        case flowIndex = 6
        case spill = 7
        case neighbours = 8
        case udpFlows = 9
        case udpFlowIndex = 10
        case gatewayCounters = 11
        case gatewayTimers = 12
        case resolverQueries = 13
        case vlans = 14
        case portStates = 15
    }

    public let byteCount: Int
    private let base: UnsafeMutableRawPointer
    private var nextOffset: Int
    private var sectionCount = 0
    private let ownsMemory: Bool

    /// Formats zero-filled memory that the caller keeps alive, aligned to 64 bytes at least.
    @unsafe
    public init(formatting memory: UnsafeMutableRawBufferPointer) {
        unsafe self.init(base: memory.baseAddress!, byteCount: memory.count, ownsMemory: false)
    }

    /// Zero-filled memory of its own, released with this value: for tests, which keep the value as long as its tables.
    public init(byteCount: Int) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        unsafe self.init(base: memory, byteCount: byteCount, ownsMemory: true)
    }

    private init(base: UnsafeMutableRawPointer, byteCount: Int, ownsMemory: Bool) {
        precondition(byteCount >= Self.firstSectionOffset)
        unsafe self.base = unsafe base
        self.byteCount = byteCount
        self.ownsMemory = ownsMemory
        nextOffset = Self.firstSectionOffset
        unsafe base.storeBytes(of: Self.magic, as: UInt64.self)
        unsafe base.storeBytes(of: Self.version, toByteOffset: 8, as: UInt32.self)
    }

    deinit { if ownsMemory { unsafe base.deallocate() } }

    /// Bytes that a section of `count` records takes, alignment included.
    public static func sectionByteCount(recordByteCount: Int, count: Int) -> Int {
        (recordByteCount * count + 63) & ~63
    }

    /// Bytes needed for the header and sections of the given sizes.
    public static func byteCount(sections: Int...) -> Int { sections.reduce(firstSectionOffset, +) }

    /// Adds a section of `count` records and returns its zero-filled memory.
    @unsafe
    public mutating func addSection(
        _ section: Section,
        recordByteCount: Int,
        count: Int
    ) -> UnsafeMutableRawPointer {
        let size = Self.sectionByteCount(recordByteCount: recordByteCount, count: count)
        precondition(nextOffset + size <= byteCount, "state memory is too small for section \(section)")
        precondition(sectionCount < Self.maximumSectionCount)
        let entry = unsafe base + 16 + sectionCount * 32
        unsafe entry.storeBytes(of: section.rawValue, as: UInt32.self)
        unsafe entry.storeBytes(of: UInt32(recordByteCount), toByteOffset: 4, as: UInt32.self)
        unsafe entry.storeBytes(of: UInt64(count), toByteOffset: 8, as: UInt64.self)
        unsafe entry.storeBytes(of: UInt64(nextOffset), toByteOffset: 16, as: UInt64.self)
        sectionCount += 1
        unsafe base.storeBytes(of: UInt32(sectionCount), toByteOffset: 12, as: UInt32.self)
        let address = unsafe base + nextOffset
        nextOffset += size
        return unsafe address
    }
}

/// A record's sequence number: even when the record is whole, odd while it is being written.
///
/// The one writer brackets its stores with `beginWrite` and `endWrite`; a reader compares `beginRead` and `isUnchanged`.
@frozen
public struct SequenceNumber: ~Copyable {
    @usableFromInline let value: Atomic<UInt32>

    public init() { value = Atomic(0) }

    @inlinable @inline(__always)
    public borrowing func beginWrite() {
        value.store(value.load(ordering: .relaxed) | 1, ordering: .relaxed)
        atomicMemoryFence(ordering: .releasing)
    }

    @inlinable @inline(__always)
    public borrowing func endWrite() {
        value.store(value.load(ordering: .relaxed) &+ 1, ordering: .releasing)
    }

    /// The number to compare later, nil while a write is going on (or was cut short by its writer's death).
    @inlinable @inline(__always)
    public borrowing func beginRead() -> UInt32? {
        let now = value.load(ordering: .acquiring)
        return now & 1 == 0 ? now : nil
    }

    @inlinable @inline(__always)
    public borrowing func isUnchanged(since number: UInt32) -> Bool {
        atomicMemoryFence(ordering: .acquiring)
        return value.load(ordering: .relaxed) == number
    }
}
