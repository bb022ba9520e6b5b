// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A virtual machine's memory, as its monitor shares it with a device of another process: a few files, each mapped, each
/// at an address of the guest's physical memory and at one of the monitor's own.
///
/// # Theory of operation
///
/// Nothing in there can be trusted, and nothing stays as it was a moment ago. Every address goes through `locate`, every
/// access is held against the region again, and every value is fetched once. The file can be cut short while we read
/// it: the region then becomes empty private memory (see `clinux_guest.h`), and `isBroken` says so, so that a guest or its
/// monitor can only hurt itself.
///
/// Invariant: region `index` maps `regions[index].byteCount` readable and writable bytes at `bases[index]` until the value
/// ends; every offset is checked against that size before it becomes an address.
@safe
public struct GuestMemory: ~Copyable, @unchecked Sendable {
    /// Most regions of a table; vhost-user messages carry no more descriptors.
    public static var maximumRegionCount: Int { 8 }

    /// A stretch of a guest's memory, as the monitor describes it.
    @frozen
    public struct Region: Sendable, Equatable {
        /// Where the guest sees it.
        public var guestAddress: UInt64
        public var byteCount: UInt64
        /// Where the monitor sees it, which names rings by its own addresses.
        public var userAddress: UInt64
        /// Where it begins in its file.
        public var fileOffset: UInt64

        public init(guestAddress: UInt64, byteCount: UInt64, userAddress: UInt64, fileOffset: UInt64) {
            self.guestAddress = guestAddress
            self.byteCount = byteCount
            self.userAddress = userAddress
            self.fileOffset = fileOffset
        }
    }

    /// A range within one region that was found to exist.
    @frozen
    public struct Range: Sendable, Equatable {
        public var region: Int32
        public var byteCount: Int32
        public var offset: Int

        @inlinable
        public init(region: Int32, offset: Int, byteCount: Int32) {
            self.region = region
            self.offset = offset
            self.byteCount = byteCount
        }
    }

    /// Why a region was not taken.
    public struct MapError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    public private(set) var regionCount = 0
    @usableFromInline
    var regions: [8 of Region] = InlineArray(
        repeating: Region(guestAddress: 0, byteCount: 0, userAddress: 0, fileOffset: 0)
    )
    @usableFromInline
    var bases: [8 of UnsafeMutableRawPointer?] = unsafe InlineArray(repeating: nil)
    /// Starts of the mappings: the files' beginnings.
    private var starts: [8 of UnsafeMutableRawPointer?] = unsafe InlineArray(repeating: nil)
    private var mappedByteCounts: [8 of Int] = InlineArray(repeating: 0)
    private var guards: [8 of Int32] = InlineArray(repeating: -1)

    /// Memory without any region.
    public init() {}

    deinit {
        for index in 0..<regionCount {
            cel_guard_remove(guards[index])
            _ = unsafe cel_unmap(starts[index], mappedByteCounts[index])
        }
    }

    /// File systems whose pages come from memory or from a local disk. A page of any other may never come (FUSE, NFS), and
    /// the loop would wait for it: statfs(2)'s numbers of tmpfs (and memfd), ramfs, hugetlbfs, ext4, XFS, Btrfs, F2FS.
    private static var localFileSystems: [Int64] {
        [0x0102_1994, 0x8584_58f6, 0x9584_58f6, 0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010]
    }

    /// Maps a region of `file` and guards it.
    public mutating func add(_ region: Region, _ file: borrowing OwnedDescriptor) throws(MapError) {
        try add(region, rawFile: file.rawValue)
    }

    /// The same with a descriptor that somebody keeps open during the call.
    public mutating func add(_ region: Region, rawFile fd: Int32) throws(MapError) {
        guard regionCount < Self.maximumRegionCount else {
            throw MapError(description: "more than \(Self.maximumRegionCount) memory regions")
        }
        var size: Int64 = 0
        var fileSystem: Int64 = 0
        do throws(Errno) {
            try systemCall { unsafe cel_memory_file(fd, &size, &fileSystem) }
        } catch {
            throw MapError(description: error == .invalid ? "guest memory is no file" : "guest memory: \(error)")
        }
        guard Self.localFileSystems.contains(fileSystem & 0xffff_ffff) else {
            throw MapError(
                description: "guest memory is on a file system that could keep us waiting (type "
                    + "0x\(String(fileSystem & 0xffff_ffff, radix: 16))); use a memfd, /dev/shm or huge pages"
            )
        }
        let (end, overflow) = region.fileOffset.addingReportingOverflow(region.byteCount)
        guard region.byteCount > 0, !overflow, end <= UInt64(max(size, 0)), end < 1 << 46 else {
            throw MapError(
                description: "a memory region of \(region.byteCount) bytes at \(region.fileOffset) "
                    + "of a file of \(size) bytes"
            )
        }
        guard !region.guestAddress.addingReportingOverflow(region.byteCount).overflow,
            !region.userAddress.addingReportingOverflow(region.byteCount).overflow
        else { throw MapError(description: "a memory region beyond the end of all addresses") }
        // From the file's beginning: huge pages could not be mapped from the middle of one.
        guard let start = unsafe cel_map_guest(fd, Int(end)) else {
            throw MapError(description: "guest memory cannot be mapped: is its file open for writing?")
        }
        let guardNumber = unsafe cel_guard_add(start, Int(end))
        guard guardNumber >= 0 else {
            _ = unsafe cel_unmap(start, Int(end))
            throw MapError(description: "guest memory: \(Errno(rawValue: -guardNumber))")
        }
        unsafe starts[regionCount] = unsafe start
        mappedByteCounts[regionCount] = Int(end)
        guards[regionCount] = guardNumber
        unsafe bases[regionCount] = unsafe start + Int(region.fileOffset)
        regions[regionCount] = region
        regionCount += 1
    }

    /// A region's memory is gone: its file was cut short.
    public var isBroken: Bool {
        for index in 0..<regionCount {
            if cel_guard_is_broken(guards[index]) != 0 { return true }
        }
        return false
    }

    public func region(_ index: Int) -> Region {
        precondition(index >= 0 && index < regionCount)
        return regions[index]
    }

    // MARK: Places

    /// Where an address of the guest lies, with as many of `byteCount` bytes as are in the same region; nil when the
    /// address belongs to no region or nothing is asked for.
    @inlinable
    @inline(__always)
    public func locate(guest address: UInt64, byteCount: Int) -> Range? {
        guard byteCount > 0 else { return nil }
        for index in 0..<regionCount {
            let offset = address &- regions[index].guestAddress
            guard address >= regions[index].guestAddress, offset < regions[index].byteCount else { continue }
            let room = Int(truncatingIfNeeded: regions[index].byteCount &- offset)
            return Range(
                region: Int32(truncatingIfNeeded: index),
                offset: Int(truncatingIfNeeded: offset),
                byteCount: Int32(truncatingIfNeeded: min(byteCount, room, Int(Int32.max)))
            )
        }
        return nil
    }

    /// Where `byteCount` bytes at an address of the monitor lie, all in one region and aligned; nil otherwise.
    public func locate(user address: UInt64, byteCount: Int, alignment: Int) -> Range? {
        guard byteCount > 0, byteCount <= Int(Int32.max) else { return nil }
        for index in 0..<regionCount {
            let offset = address &- regions[index].userAddress
            guard address >= regions[index].userAddress, offset < regions[index].byteCount,
                UInt64(byteCount) <= regions[index].byteCount &- offset, let base = unsafe bases[index],
                (UInt(bitPattern: base) &+ UInt(truncatingIfNeeded: offset)) % UInt(alignment) == 0
            else { continue }
            return Range(
                region: Int32(truncatingIfNeeded: index),
                offset: Int(truncatingIfNeeded: offset),
                byteCount: Int32(truncatingIfNeeded: byteCount)
            )
        }
        return nil
    }

    // MARK: Access

    /// The address of `byteCount` bytes at `offset` of a range.
    @unsafe
    @inlinable
    @inline(__always)
    func address(_ range: Range, _ offset: Int, _ byteCount: Int) -> UnsafeMutableRawPointer {
        let region = Int(range.region)
        precondition(region >= 0 && region < regionCount)
        precondition(offset >= 0 && byteCount >= 0 && byteCount <= Int(range.byteCount) &- offset)
        let start = range.offset &+ offset
        precondition(range.offset >= 0 && UInt64(start &+ byteCount) <= regions[region].byteCount)
        return unsafe bases[region].unsafelyUnwrapped + start
    }
}
