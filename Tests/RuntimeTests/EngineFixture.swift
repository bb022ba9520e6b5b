// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
import LinuxSystem
import Testing
import Wire

@testable import Runtime

/// An engine without its thread: the test is the loop, and time stands still between its calls.
struct EngineFixture: ~Copyable {
    let mailbox: EngineMailbox
    var engine: Engine
    /// The other ends of the endpoints, by place; -1 where there is none.
    private(set) var peers: [Int32] = []

    init(portCount: Int = 16, spinMicroseconds: Int = 0, smallSlotCount: Int = Tunables.smallSlotCount) throws {
        var configuration = EngineConfiguration(portCount: portCount)
        configuration.smallSlotCount = smallSlotCount
        configuration.spinMicroseconds = spinMicroseconds
        let mailbox = try EngineMailbox(state: try EngineState(configuration: configuration))
        var engine = try Engine(configuration: configuration, mailbox: mailbox)
        engine.now = 1_000_000_000_000
        self.mailbox = mailbox
        self.engine = engine
    }

    deinit { for peer in peers where peer >= 0 { close(peer) } }

    /// Plugs an endpoint in, at the next place, and keeps its other end.
    ///
    /// - Parameter sendBuffer: bytes of the kernel's half of its queue; the least is about 4 KiB.
    @discardableResult
    mutating func add(_ kind: UnixSocket.Kind = .datagram, port: Int, sendBuffer: Int? = nil) throws -> Int {
        let pair = try UnixSocket.pair(kind)
        let theirs = pair.second
        let ours = pair.first
        let number = ours.rawValue
        let index = peers.count
        peers.append(theirs.release())
        let endpoint: Endpoint =
            kind == .datagram ? .datagram(DatagramEndpoint(ours)) : .channel(ChannelEndpoint(ours))
        engine.perform(.add(Box(endpoint), index: index, generation: 1, port: port))
        if let sendBuffer {
            var size = Int32(sendBuffer)
            setsockopt(number, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        return index
    }

    mutating func remove(_ index: Int) {
        engine.perform(.remove(index: index, generation: 1))
    }

    /// Puts another endpoint at a place that was freed, as the control thread does.
    mutating func replace(_ index: Int, port: Int) throws {
        let pair = try UnixSocket.pair(.datagram)
        let theirs = pair.second
        close(peers[index])
        peers[index] = theirs.release()
        engine.perform(.add(Box(.datagram(DatagramEndpoint(pair.first))), index: index, generation: 2, port: port))
    }

    /// As if these frames had come in at `index`, in bursts of 32.
    mutating func receive(_ frames: [[UInt8]], at index: Int, header: VirtioNetHeader = .plain) throws {
        var rest = frames[...]
        while !rest.isEmpty {
            for bytes in rest.prefix(32) {
                let allocated = engine.pool.allocateLarge(byteCount: bytes.count)
                let frame = try #require(allocated)
                Self.fill(&engine.pool, frame, bytes)
                engine.pool.setHeader(header, of: frame)
                engine.burst.append(frame)
            }
            rest = rest.dropFirst(32)
            engine.forwardBurst(from: index)
        }
    }

    private static func fill(_ pool: inout FramePool, _ frame: FrameReference, _ bytes: [UInt8]) {
        var target = pool.mutableBytes(frame)
        target.withUnsafeMutableBufferPointer { _ = $0.update(fromContentsOf: bytes) }
    }

    /// Broadcasts of one size, numbered from `first`.
    mutating func broadcast(_ count: Int, from index: Int, first: Int = 0, byteCount: Int = 60) throws {
        try receive(
            (first..<first + count).map {
                TestFrame.make(UInt8(index), to: TestFrame.broadcast, $0, byteCount: byteCount)
            },
            at: index
        )
    }

    /// What the other end of a place can read now, at most `limit` messages.
    func read(_ index: Int, limit: Int = .max) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        var buffer = [UInt8](repeating: 0, count: 70_000)
        while messages.count < limit {
            let count = recv(peers[index], &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count < 0 { break }
            messages.append(Array(buffer.prefix(count)))
        }
        return messages
    }

    func drops(_ index: Int, _ cause: DropCause) -> Int { Int(engine.table.drops(endpoint: index, cause)) }
    func queueCount(_ index: Int) -> Int { engine.queues.count(index) }

    /// No slot is held by anybody.
    var isPoolWhole: Bool {
        engine.pool.freeSmallCount == engine.pool.smallCount && engine.pool.freeLargeCount == engine.pool.largeCount
    }
}
