// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem

/// A pretended virtual machine that is all driver: memory, two rings, and the vhost-user messages that share them. Its
/// descriptors never change: entry N of a ring is always buffer N, since the switch gives buffers back in their order.
///
///     0x0_0000, 0x1_0000   ring 0, ring 1: descriptors, at 0x2000 available, at 0x4000 used
///     0x2_0000 …           buffers of 2048 bytes, those of ring 0 before those of ring 1
@safe
final class VhostMachine: @unchecked Sendable {
    // Unchecked: a ring is used by one thread. Invariant: `base` is `byteCount` mapped bytes while `memory` lives.
    static let ringSize = 256
    private static let bufferByteCount = 2048
    private static let byteCount = 0x2_0000 + 2 * ringSize * bufferByteCount
    private static let guestAddress: UInt64 = 0x10_0000

    private let socket: OwnedDescriptor
    private let file: OwnedDescriptor
    private let memory: MemoryRegion
    private let base: UnsafeMutableRawPointer
    private let kick: [Int32]
    private let call: [Int32]
    private var availableIndex: [UInt16] = [0, 0]
    private(set) var usedSeen: [UInt16] = [0, 0]

    init(_ path: String) throws {
        guard let address = UnixSocketAddress(path: path) else { throw Failure("\(path): the path is too long") }
        socket = try UnixSocket.make(.stream)
        try UnixSocket.connect(socket, to: address)
        file = try MemoryFile.create(name: "swbench-machine", byteCount: Self.byteCount)
        memory = try MemoryRegion.shared(file, byteCount: Self.byteCount)
        unsafe base = memory.bytes.baseAddress!
        kick = [cel_eventfd(), cel_eventfd()]
        call = [cel_eventfd(), cel_eventfd()]
        for index in 0..<Self.ringSize {
            describe(0, index, byteCount: Self.bufferByteCount, flags: 2)
            describe(1, index, byteCount: 0, flags: 0)
        }
        try negotiate()
        offer(0, count: Self.ringSize)
    }

    private func describe(_ ring: Int, _ index: Int, byteCount: Int, flags: UInt16) {
        let entry = unsafe base + ring * 0x1_0000 + index * 16
        let address = Self.guestAddress + UInt64(offset(ring, index))
        unsafe entry.storeBytes(of: address, as: UInt64.self)
        unsafe entry.storeBytes(of: UInt32(byteCount), toByteOffset: 8, as: UInt32.self)
        unsafe entry.storeBytes(of: flags, toByteOffset: 12, as: UInt16.self)
        unsafe (base + ring * 0x1_0000 + 0x2000 + 4 + 2 * index).storeBytes(of: UInt16(index), as: UInt16.self)
    }

    private func offset(_ ring: Int, _ index: Int) -> Int {
        0x2_0000 + (ring * Self.ringSize + index) * Self.bufferByteCount
    }

    // MARK: Messages

    private static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> (Number($0) * 8)) }
    }

    private func send(_ request: UInt32, _ payload: [UInt8] = [], _ descriptors: [Int32] = []) throws {
        let header = Self.bytes(request) + Self.bytes(UInt32(1)) + Self.bytes(UInt32(payload.count))
        try UnixSocket.send(header + payload, descriptors: descriptors, to: socket)
    }

    /// Waits for the answer to a request: everything before it has been done.
    private func ask(_ request: UInt32) throws {
        try send(request)
        guard try Readiness.wait(socket, milliseconds: 5000), try socket.read(atMost: 20).count == 20 else {
            throw Failure("the switch does not answer request \(request)")
        }
    }

    private func negotiate() throws {
        try ask(1)
        try ask(15)
        try send(16, Self.bytes(UInt64(0)))
        try send(3)
        // Version 1, mergeable buffers, event indices, protocol features.
        try send(2, Self.bytes(UInt64(1 << 32 | 1 << 15 | 1 << 29 | 1 << 30)))
        let region =
            Self.bytes(Self.guestAddress) + Self.bytes(UInt64(Self.byteCount)) + Self.bytes(UInt64(0x100_0000))
            + Self.bytes(UInt64(0))
        try send(5, Self.bytes(UInt64(1)) + region, [file.rawValue])
        for ring in 0..<2 {
            let number = Self.bytes(UInt32(ring))
            let start = UInt64(0x100_0000 + ring * 0x1_0000)
            try send(8, number + Self.bytes(UInt32(Self.ringSize)))
            try send(10, number + Self.bytes(UInt32(0)))
            try send(
                9,
                number + Self.bytes(UInt32(0)) + Self.bytes(start) + Self.bytes(start + 0x4000)
                    + Self.bytes(start + 0x2000) + Self.bytes(UInt64(0))
            )
            try send(13, Self.bytes(UInt64(ring)), [call[ring]])
            try send(12, Self.bytes(UInt64(ring)), [kick[ring]])
            try send(18, number + Self.bytes(UInt32(1)))
        }
        try ask(17)
    }

    // MARK: Rings

    /// Where the frame of a buffer begins, behind its virtio-net header.
    @unsafe
    func frame(_ ring: Int, _ index: UInt16) -> UnsafeMutableRawPointer {
        unsafe base + offset(ring, Int(index) % Self.ringSize) + 12
    }

    /// Puts the same frame into all transmit buffers.
    func fill(_ frame: Buffer, byteCount: Int) {
        for index in 0..<Self.ringSize {
            describe(1, index, byteCount: 12 + byteCount, flags: 0)
            unsafe (base + offset(1, index)).initializeMemory(as: UInt8.self, repeating: 0, count: 12)
            unsafe self.frame(1, UInt16(index)).copyMemory(from: frame.bytes, byteCount: byteCount)
        }
    }

    var nextTransmit: UInt16 { availableIndex[1] }

    /// Entries that the switch has not given back.
    func pending(_ ring: Int) -> Int { Int(availableIndex[ring] &- usedSeen[ring]) }

    /// Makes the next `count` buffers available, and kicks if the switch asked for that.
    func offer(_ ring: Int, count: Int) {
        let before = availableIndex[ring]
        let after = before &+ UInt16(count)
        let start = unsafe base + ring * 0x1_0000
        unsafe cel_guest_store16_release(start + 0x2002, after)
        cel_guest_fence()
        availableIndex[ring] = after
        let event = unsafe cel_guest_load16(start + 0x4000 + 4 + 8 * Self.ringSize)
        if after &- event &- 1 < after &- before { SharedSignal.send(kick[ring]) }
    }

    /// `takeUsed` would find something.
    func hasUsed(_ ring: Int) -> Bool {
        unsafe cel_guest_load16_acquire(base + ring * 0x1_0000 + 0x4002) != usedSeen[ring]
    }

    /// Buffers given back since the last call.
    func takeUsed(_ ring: Int) -> Int {
        let index = unsafe cel_guest_load16_acquire(base + ring * 0x1_0000 + 0x4002)
        let count = Int(index &- usedSeen[ring])
        usedSeen[ring] = index
        return count
    }

    /// Waits until `count` more than those seen have been given back, or a moment has passed.
    func waitForUsed(_ ring: Int, count: Int, milliseconds: Int32) {
        let start = unsafe base + ring * 0x1_0000
        unsafe cel_guest_store16(start + 0x2000 + 4 + 2 * Self.ringSize, usedSeen[ring] &+ UInt16(count - 1))
        cel_guest_fence()
        guard unsafe Int(cel_guest_load16_acquire(start + 0x4002) &- usedSeen[ring]) < count else { return }
        var wish = pollfd(fd: call[ring], events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&wish, 1, milliseconds)
        SharedSignal.drain(call[ring])
    }
}
