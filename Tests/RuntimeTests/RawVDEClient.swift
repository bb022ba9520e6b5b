// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Synchronization
import Testing

private let clientCount = Atomic<Int>(0)

/// A client of VDE, written down from the protocol and not with the code under test.
final class RawVDEClient: @unchecked Sendable {
    // Used by one thread at a time. By number: the compiler crashes on classes that hold optional descriptors.
    private(set) var control: Int32
    private(set) var data: Int32
    /// Where the switch receives: "…/003.17".
    let switchPath: String

    enum Refused: Error { case closed }

    /// The request of version 3: magic, version, port and command, address, description.
    static func request(port: Int = 0, ownAddress: [UInt8], description: String = "raw client") -> [UInt8] {
        func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        return word(0xfeed_face) + word(3) + word(UInt32(port) << 8) + ownAddress + Array(description.utf8)
    }

    /// An abstract address that nobody else has.
    static func freshAddress() -> [UInt8] {
        let name = "etherloom-raw-\(getpid())-\(clientCount.add(1, ordering: .relaxed).newValue)"
        return [1, 0, 0] + Array(name.utf8) + [UInt8](repeating: 0, count: 107 - name.utf8.count)
    }

    static func address(_ bytes: [UInt8]) throws -> UnixSocketAddress { try #require(UnixSocketAddress(bytes: bytes)) }

    static func connectControl(_ directory: String) throws -> OwnedDescriptor {
        let control = try UnixSocket.make(.stream)
        try UnixSocket.connect(control, to: try #require(UnixSocketAddress(path: directory + "/ctl")))
        return control
    }

    convenience init(_ directory: String, port: Int = 0, description: String = "raw client") throws {
        try self.init(path: directory + "/ctl", port: port, description: description)
    }

    /// - Parameter path: of the socket that takes requests.
    init(path: String, port: Int = 0, description: String = "raw client") throws {
        let control = try UnixSocket.make(.stream)
        try UnixSocket.connect(control, to: try #require(UnixSocketAddress(path: path)))
        let own = Self.freshAddress()
        let data = try UnixSocket.make(.datagram)
        try UnixSocket.bind(data, to: Self.address(own))
        try UnixSocket.send(Self.request(port: port, ownAddress: own, description: description), to: control)
        let peer = try Self.answer(control.rawValue)
        try UnixSocket.connect(data, to: peer)
        switchPath = peer.path ?? ""
        self.control = control.release()
        self.data = data.release()
    }

    deinit { close() }

    private static func answer(_ control: Int32) throws -> UnixSocketAddress {
        guard let bytes = try readAll(control, 110), bytes.count == 110 else { throw Refused.closed }
        return try address(bytes)
    }

    /// Up to `count` bytes, less when the other end closes; nil when it closed at once.
    static func readAll(_ socket: Int32, _ count: Int) throws -> [UInt8]? {
        let deadline = MonotonicClock.nanoseconds + 20_000_000_000
        var bytes: [UInt8] = []
        while bytes.count < count {
            try #require(try Poll.isReadable(socket, deadline: deadline), "no answer")
            var part = [UInt8](repeating: 0, count: count - bytes.count)
            let length = read(socket, &part, part.count)
            if length <= 0 { break }
            bytes += part.prefix(length)
        }
        return bytes.isEmpty ? nil : bytes
    }

    /// The number of the port, as the name of the switch's socket says it.
    var port: Int { Int(switchPath.split(separator: "/").last!.split(separator: ".")[0])! }

    /// Sends a frame, waiting for room.
    func send(_ frame: [UInt8]) throws {
        let deadline = MonotonicClock.nanoseconds + 20_000_000_000
        while Glibc.send(data, frame, frame.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)) < 0 {
            guard errno == EAGAIN else { throw Errno(rawValue: errno) }
            try #require(MonotonicClock.nanoseconds < deadline, "the switch reads no more")
            var entry = pollfd(fd: data, events: Int16(POLLOUT), revents: 0)
            _ = poll(&entry, 1, 1000)
        }
    }

    /// The next frame, nil when none comes in time.
    func next(seconds: Double = 20) throws -> [UInt8]? {
        let deadline = MonotonicClock.nanoseconds + UInt64(seconds * 1e9)
        while try Poll.isReadable(data, deadline: deadline) {
            var frame = [UInt8](repeating: 0, count: 70_000)
            let count = recv(data, &frame, frame.count, Int32(MSG_DONTWAIT))
            if count >= 0 { return Array(frame.prefix(count)) }
            guard errno == EAGAIN || errno == ECONNRESET else { throw Errno(rawValue: errno) }
        }
        return nil
    }

    /// Frames that wait now.
    func drain() throws -> [[UInt8]] {
        var frames: [[UInt8]] = []
        while let frame = try next(seconds: 0) { frames.append(frame) }
        return frames
    }

    /// The switch has ended this endpoint: its end of the connection is closed.
    func isClosedBySwitch(seconds: Double = 20) throws -> Bool {
        let deadline = MonotonicClock.nanoseconds + UInt64(seconds * 1e9)
        guard try Poll.isReadable(control, deadline: deadline) else { return false }
        var byte: UInt8 = 0
        return read(control, &byte, 1) <= 0
    }

    /// Says something on the control connection.
    func say(_ bytes: [UInt8]) throws {
        guard write(control, bytes, bytes.count) == bytes.count else { throw Errno(rawValue: errno) }
    }

    /// Leaves, as a client does that ends.
    func close() {
        closeControl()
        closeData()
    }

    func closeControl() {
        if control >= 0 { _ = Glibc.close(control) }
        control = -1
    }

    /// Only the data socket goes: what a broken client does.
    func closeData() {
        if data >= 0 { _ = Glibc.close(data) }
        data = -1
    }
}

/// Addresses and frames of tests: `source` and `destination` are the last byte of a locally administered address.
enum TestFrame {
    static let broadcast: UInt8 = 0xff

    static func address(_ number: UInt8) -> [UInt8] {
        number == broadcast ? [UInt8](repeating: 0xff, count: 6) : [0x02, 0, 0, 0, 0, number]
    }

    /// An experimental frame that carries a number.
    static func make(_ source: UInt8, to destination: UInt8, _ number: Int = 0, byteCount: Int = 60) -> [UInt8] {
        var frame = address(destination) + address(source) + [0x88, 0xb5]
        for shift in [24, 16, 8, 0] { frame.append(UInt8(truncatingIfNeeded: number >> shift)) }
        return frame + [UInt8](repeating: 0x55, count: max(0, byteCount - frame.count))
    }

    static func number(_ frame: [UInt8]) -> Int { frame[14..<18].reduce(0) { $0 << 8 | Int($1) } }
}
