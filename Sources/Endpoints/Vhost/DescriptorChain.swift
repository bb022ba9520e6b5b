// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import LinuxSystem

/// The pieces of guest memory that one frame lies in, found by following descriptors: virtio 1.2, 2.7.5.
///
/// A list of fixed capacity. A range is what was found in the guest's memory at the time; it is held against its region again
/// when it is used.
struct DescriptorChain: ~Copyable {
    private var ranges: RigidTable<GuestMemory.Range>
    private(set) var count = 0
    /// Bytes in all ranges.
    private(set) var byteCount = 0
    /// Descriptors looked at for the frame in work. Those that hold nothing cost time too: a guest could spread one frame
    /// over a thousand chains of a thousand such.
    private var visitedCount = 0
    private static var visitLimit: Int { 4 * SplitRing.maximumChainLength }

    init() {
        // Each descriptor may cross into neighbouring regions.
        ranges = RigidTable(count: SplitRing.maximumChainLength + GuestMemory.maximumRegionCount) { _ in
            GuestMemory.Range(region: 0, offset: 0, byteCount: 0)
        }
    }

    mutating func removeAll() {
        count = 0
        byteCount = 0
        visitedCount = 0
    }

    subscript(index: Int) -> GuestMemory.Range { ranges[index] }

    /// Follows a chain and adds its pieces.
    ///
    /// - Parameter writable: all of it must be for the device to write, or else to read.
    mutating func append(
        _ ring: borrowing SplitRing,
        head: UInt16,
        writable: Bool,
        _ memory: borrowing GuestMemory
    ) throws(SplitRing.Fault) {
        var table = ring.descriptorTable
        var entryCount = ring.size
        var index = Int(head)
        var visited = 0
        var isIndirect = false
        while true {
            let descriptor = memory.descriptor(table, at: index * 16)
            visited += 1
            visitedCount += 1
            guard visited <= SplitRing.maximumChainLength, visitedCount <= Self.visitLimit else { throw .endlessChain }
            if descriptor.isIndirect {
                // A table within a table, an empty one, or one with a broken entry at its end: 2.7.5.3.1.
                let size = Int(descriptor.byteCount)
                guard !isIndirect, !descriptor.hasNext, size > 0, size % 16 == 0,
                    size / 16 <= SplitRing.maximumChainLength,
                    let place = memory.locate(guest: descriptor.address, byteCount: size),
                    Int(place.byteCount) == size
                else { throw .badIndirect }
                table = place
                entryCount = size / 16
                index = 0
                isIndirect = true
                continue
            }
            guard descriptor.isWritable == writable else { throw .wrongDirection }
            try append(descriptor, memory)
            guard descriptor.hasNext else { return }
            index = Int(descriptor.next)
            guard index < entryCount else { throw .badLink }
        }
    }

    /// Adds what one descriptor describes, in as many pieces as regions.
    @inline(__always)
    private mutating func append(
        _ descriptor: GuestMemory.Descriptor,
        _ memory: borrowing GuestMemory
    ) throws(SplitRing.Fault) {
        var address = descriptor.address
        var rest = Int(descriptor.byteCount)
        while rest > 0 {
            guard let range = memory.locate(guest: address, byteCount: rest) else { throw .badAddress }
            guard count < ranges.count else { throw .endlessChain }
            ranges[count] = range
            count += 1
            byteCount += Int(range.byteCount)
            rest -= Int(range.byteCount)
            address &+= UInt64(range.byteCount)
        }
    }

    /// Copies from the beginning into `target`, as much as is there.
    func copyOut(to target: inout MutableSpan<UInt8>, _ memory: borrowing GuestMemory) {
        var position = 0
        for index in 0..<count {
            var range = ranges[index]
            let room = target.count - position
            if room <= 0 { return }
            if Int(range.byteCount) > room { range.byteCount = Int32(room) }
            memory.copyOut(range, to: &target, at: position)
            position += Int(range.byteCount)
        }
    }

    /// Writes a header and what follows it, as much as there is room for.
    func copyIn(header: Span<UInt8>, headerByteCount: Int, _ bytes: Span<UInt8>, _ memory: borrowing GuestMemory) {
        var position = 0
        let end = headerByteCount + bytes.count
        for index in 0..<count where position < end {
            var range = ranges[index]
            if position < headerByteCount {
                var part = range
                part.byteCount = min(part.byteCount, Int32(headerByteCount - position))
                memory.copyIn(part, from: header, at: position)
                position += Int(part.byteCount)
                range.offset += Int(part.byteCount)
                range.byteCount -= part.byteCount
                if range.byteCount == 0 { continue }
            }
            range.byteCount = Int32(min(Int(range.byteCount), end - position))
            memory.copyIn(range, from: bytes, at: position - headerByteCount)
            position += Int(range.byteCount)
        }
    }
}
