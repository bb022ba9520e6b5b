// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem

/// A pretended monitor of a virtual machine: the other end of vhost-user, written apart from the device's side.
public final class VhostFrontEnd {
    public let socket: OwnedDescriptor
    public let rings: GuestRings
    public let kicks: [EventFDBox]
    public let calls: [EventFDBox]

    /// An eventfd that arrays can hold.
    public final class EventFDBox: Sendable {
        public let event: EventFD
        public init() throws { event = try EventFD() }
        public var isSignalled: Bool {
            var poll = pollfd(fd: event.rawDescriptor, events: Int16(POLLIN), revents: 0)
            return Glibc.poll(&poll, 1, 0) == 1
        }
    }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    public init(path: String, rings: GuestRings) throws {
        socket = try UnixSocket.make(.stream)
        guard let address = UnixSocketAddress(path: path) else { throw Errno.nameTooLong }
        // The queue of a listener may be full for a moment.
        while true {
            do throws(Errno) {
                try UnixSocket.connect(socket, to: address)
                break
            } catch .wouldBlock {
                sched_yield()
            }
        }
        self.rings = rings
        kicks = [try EventFDBox(), try EventFDBox()]
        calls = [try EventFDBox(), try EventFDBox()]
    }

    /// As the one that accepted a connection of the device.
    public init(socket: consuming OwnedDescriptor, rings: GuestRings) throws {
        self.socket = socket
        self.rings = rings
        kicks = [try EventFDBox(), try EventFDBox()]
        calls = [try EventFDBox(), try EventFDBox()]
    }

    // MARK: Messages

    public static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    public func send(
        _ request: UInt32,
        _ payload: [UInt8] = [],
        descriptors: [Int32] = [],
        flags: UInt32 = 1
    ) throws {
        let message = Self.bytes(request) + Self.bytes(flags) + Self.bytes(UInt32(payload.count)) + payload
        try UnixSocket.send(message, descriptors: descriptors, to: socket)
    }

    /// The next answer: its payload, and a descriptor if one came along.
    public func reply(to request: UInt32) throws -> [UInt8] {
        let header = try readExactly(12)
        let payload = try readExactly(Int(header[8]) | Int(header[9]) << 8)
        guard header[0] == UInt8(request), header[4] == 5 else {
            throw Failure(description: "an answer to \(header[0]) instead of \(request)")
        }
        return payload
    }

    public private(set) var receivedDescriptor: Int32 = -1

    private func readExactly(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            guard try Readiness.wait(socket, milliseconds: 10_000) else { throw Failure(description: "no answer") }
            var message = try UnixSocket.receive(from: socket, limit: count - bytes.count)
            if let descriptor = message.takeDescriptor() { receivedDescriptor = descriptor.release() }
            if message.bytes.isEmpty { throw Failure(description: "the device hung up") }
            bytes += message.bytes
        }
        return bytes
    }

    public func ask(_ request: UInt32, _ payload: [UInt8] = []) throws -> [UInt8] {
        try send(request, payload)
        return try reply(to: request)
    }

    public func askWord(_ request: UInt32) throws -> UInt64 {
        try ask(request).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Sends a request and says whether it succeeded, by "reply acknowledged".
    public func isTaken(_ request: UInt32, _ payload: [UInt8], descriptors: [Int32] = []) throws -> Bool {
        try send(request, payload, descriptors: descriptors, flags: 9)
        return try reply(to: request).allSatisfy { $0 == 0 }
    }

    // MARK: Setting up

    public func memoryTable() -> [UInt8] {
        let region = GuestRings.region
        return Self.bytes(UInt32(1)) + Self.bytes(UInt32(0)) + Self.bytes(region.guestAddress)
            + Self.bytes(region.byteCount) + Self.bytes(region.userAddress) + Self.bytes(region.fileOffset)
    }

    /// Agrees on features, of those that the device offers.
    public func negotiate(features wanted: UInt64, protocolFeatures: UInt64 = 1 << 3 | 1 << 5 | 1 << 9) throws {
        let offered = try askWord(1)
        guard offered & wanted == wanted else {
            throw Failure(description: "features \(String(offered & wanted ^ wanted, radix: 16)) are not offered")
        }
        if wanted & 1 << 30 != 0 {
            _ = try askWord(15)
            try send(16, Self.bytes(protocolFeatures))
        }
        try send(3)
        try send(2, Self.bytes(wanted))
    }

    /// Shares the memory and starts both rings.
    public func start(base: [UInt16] = [0, 0], isEnabled: Bool = true) throws {
        try send(5, memoryTable(), descriptors: [rings.file.rawValue])
        for ring in 0..<2 { try start(ring, base: base[ring], isEnabled: isEnabled) }
        // A ring that is not enabled yet swallows frames.
        try settle()
    }

    public func start(_ ring: Int, base: UInt16, isEnabled: Bool = true) throws {
        let number = Self.bytes(UInt32(ring))
        try send(8, number + Self.bytes(UInt32(rings.size)))
        try send(10, number + Self.bytes(UInt32(base)))
        try send(9, number + Self.bytes(UInt32(0)) + address(ring))
        try send(13, Self.bytes(UInt64(ring)), descriptors: [calls[ring].event.rawDescriptor])
        try send(12, Self.bytes(UInt64(ring)), descriptors: [kicks[ring].event.rawDescriptor])
        if isEnabled { try send(18, number + Self.bytes(UInt32(1))) }
    }

    private func address(_ ring: Int) -> [UInt8] {
        Self.bytes(rings.user(rings.descriptorsOffset(ring))) + Self.bytes(rings.user(rings.usedOffset(ring)))
            + Self.bytes(rings.user(rings.availableOffset(ring))) + Self.bytes(UInt64(0))
    }

    /// The device has done everything that was sent before.
    public func settle() throws { _ = try askWord(17) }

    public func kick(_ ring: Int) { kicks[ring].event.signal() }

    /// What comes back on a ring, waiting for at least so many.
    public func waitForUsed(_ ring: Int, count: Int = 1, milliseconds: Int = 10_000) throws
        -> [(head: UInt32, byteCount: Int)]
    {
        var taken = rings.takeUsed(ring)
        let deadline = MonotonicClock.nanoseconds + UInt64(milliseconds) * 1_000_000
        while taken.count < count {
            guard MonotonicClock.nanoseconds < deadline else {
                throw Failure(description: "\(taken.count) of \(count) buffers came back on ring \(ring)")
            }
            var poll = pollfd(fd: calls[ring].event.rawDescriptor, events: Int16(POLLIN), revents: 0)
            _ = Glibc.poll(&poll, 1, 20)
            calls[ring].event.drain()
            taken += rings.takeUsed(ring)
        }
        return taken
    }
}
