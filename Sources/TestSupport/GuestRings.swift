// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem

/// The memory of a pretended virtual machine with two split virtqueues in it, driven from the driver's side (virtio 1.2,
/// 2.7), well or badly, as a test likes.
///
///     0            ring 0: descriptors, available, used
///     0x1_0000     ring 1
///     0x2_0000     room for buffers and tables
public final class GuestRings: @unchecked Sendable {
    // Unchecked: the driver's side is one test's, the other side is the device's under test.

    /// Where the guest sees its memory, and where its monitor does.
    public static let guestAddress: UInt64 = 0x1_0000_0000
    public static let userAddress: UInt64 = 0x7e00_0000_0000
    public static let byteCount = 8 << 20
    /// Where buffers begin.
    public static let roomOffset = 0x20_0000

    public let file: OwnedDescriptor
    public let size: Int
    public let base: UnsafeMutableRawPointer
    public var availableIndex: [UInt16] = [0, 0]
    public var usedSeen: [UInt16] = [0, 0]

    public init(size: Int = 256) throws {
        let fd = memfd_create("guest", UInt32(MFD_CLOEXEC))
        guard fd >= 0, ftruncate(fd, off_t(Self.byteCount)) == 0,
            let memory = mmap(nil, Self.byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), memory != MAP_FAILED
        else { throw Errno(rawValue: errno) }
        file = OwnedDescriptor(adopting: fd)
        base = memory
        self.size = size
    }

    deinit { munmap(base, Self.byteCount) }

    public static var region: GuestMemory.Region {
        GuestMemory.Region(
            guestAddress: guestAddress,
            byteCount: UInt64(byteCount),
            userAddress: userAddress,
            fileOffset: 0
        )
    }

    // MARK: Places

    public func descriptorsOffset(_ ring: Int) -> Int { ring * 0x10_0000 }
    public func availableOffset(_ ring: Int) -> Int { descriptorsOffset(ring) + 16 * size }
    public func usedOffset(_ ring: Int) -> Int { (availableOffset(ring) + 6 + 2 * size + 3) & ~3 }
    public func user(_ offset: Int) -> UInt64 { Self.userAddress + UInt64(offset) }
    public func guest(_ offset: Int) -> UInt64 { Self.guestAddress + UInt64(offset) }

    public func store<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        base.storeBytes(of: value, toByteOffset: offset, as: Value.self)
    }
    public func load<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type = Value.self) -> Value {
        base.loadUnaligned(fromByteOffset: offset, as: type)
    }
    public func write(_ bytes: [UInt8], at offset: Int) {
        bytes.withUnsafeBytes { (base + offset).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    }
    public func read(_ count: Int, at offset: Int) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: base + offset, count: count))
    }

    // MARK: The driver

    /// Writes one descriptor into a table.
    public func describe(
        table: Int,
        _ index: Int,
        address: UInt64,
        byteCount: Int,
        flags: UInt16 = 0,
        next: UInt16 = 0
    ) {
        let offset = table + 16 * index
        store(address, at: offset)
        store(UInt32(byteCount), at: offset + 8)
        store(flags, at: offset + 12)
        store(next, at: offset + 14)
    }

    public static let hasNext: UInt16 = 1
    public static let writable: UInt16 = 2
    public static let indirect: UInt16 = 4

    /// Makes a head available.
    public func offer(_ ring: Int, head: UInt16) {
        store(head, at: availableOffset(ring) + 4 + 2 * (Int(availableIndex[ring]) % size))
        availableIndex[ring] &+= 1
        GuestMemory.fence()
        store(availableIndex[ring], at: availableOffset(ring) + 2)
    }

    /// The driver's wish to be woken behind this index, with event indices.
    public func setUsedEvent(_ ring: Int, _ index: UInt16) { store(index, at: availableOffset(ring) + 4 + 2 * size) }
    /// The driver's wish not to be woken, without.
    public func setNoInterrupt(_ ring: Int, _ isSet: Bool) { store(UInt16(isSet ? 1 : 0), at: availableOffset(ring)) }
    /// The index behind which the device wants to be kicked.
    public func availableEvent(_ ring: Int) -> UInt16 { load(usedOffset(ring) + 4 + 8 * size) }
    public func usedIndex(_ ring: Int) -> UInt16 { load(usedOffset(ring) + 2) }

    /// What the device gave back since the last call.
    public func takeUsed(_ ring: Int) -> [(head: UInt32, byteCount: Int)] {
        var taken: [(head: UInt32, byteCount: Int)] = []
        let index = usedIndex(ring)
        GuestMemory.fence()
        while usedSeen[ring] != index {
            let offset = usedOffset(ring) + 4 + 8 * (Int(usedSeen[ring]) % size)
            taken.append((load(offset, as: UInt32.self), Int(load(offset + 4, as: UInt32.self))))
            usedSeen[ring] &+= 1
        }
        return taken
    }

    /// A room of 64 KiB and a bit for each of the first heads, so that tests need not think.
    public func room(_ head: Int) -> Int { Self.roomOffset + head % 80 * 0x1_1000 }

    /// Sends a frame in one piece: bytes with their virtio-net header before them.
    public func send(_ message: [UInt8], head: Int) {
        write(message, at: room(head))
        describe(table: descriptorsOffset(1), head, address: guest(room(head)), byteCount: message.count)
        offer(1, head: UInt16(head))
    }

    /// Gives a receive buffer.
    public func giveBuffer(_ byteCount: Int, head: Int) {
        describe(
            table: descriptorsOffset(0),
            head,
            address: guest(room(head)),
            byteCount: byteCount,
            flags: Self.writable
        )
        offer(0, head: UInt16(head))
    }
}
