// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A byte stream on a loop that takes whole frames: what the other end does not take yet is kept.
final class AgentChannel {
    private let loop: ControlLoop
    private let descriptor: OwnedDescriptor
    private var token: ControlLoop.Token?
    private var reader = AgentFrameReader()
    /// Frames that have not gone out, the oldest first, and how much of that one has.
    private var waiting: [[UInt8]] = []
    private var writtenByteCount = 0
    private var waitingByteCount = 0
    /// What the guest may have before it says that it has read it; nil: its kernel makes us wait where it must.
    private let unreadLimit: Int?
    private var unreadByteCount = 0
    var received: (AgentFrame) -> Void = { _ in }
    var ended: () -> Void = {}

    /// What may wait for a guest that takes nothing (it is paused, or stuck): windows keep it well below.
    static let waitingLimit = 16 << 20
    private static let readLimit = 65536
    /// Reads of what is there, at most: a guest that writes without end is not to hold us up.
    private static let discardLimit = 64

    init(_ descriptor: consuming OwnedDescriptor, loop: ControlLoop, unreadLimit: Int? = nil) throws(Errno) {
        self.loop = loop
        self.unreadLimit = unreadLimit
        self.descriptor = descriptor
        try self.descriptor.setNonblocking()
        token = try loop.watch(self.descriptor.rawValue) { [weak self] events in self?.handle(events) }
    }

    deinit {
        if let token { loop.cancel(token) }
    }

    var isOpen: Bool { token != nil }

    func send(_ frame: AgentFrame) {
        guard isOpen else { return }
        let bytes = frame.bytes
        waiting.append(bytes)
        waitingByteCount += bytes.count
        flush()
        guard waitingByteCount > Self.waitingLimit else { return }
        close()
        // From the loop: whoever sends may be in the midst of what this ends.
        loop.after(milliseconds: 0) { [weak self] in self?.ended() }
    }

    /// Stops; `ended` is not called.
    func close() {
        if let token { loop.cancel(token) }
        token = nil
        waiting = []
        waitingByteCount = 0
    }

    /// Another guest is at the other end from now on: what is under way belongs to the one before. Of a frame that has begun to
    /// go out the rest follows all the same, or the new one would take what comes next for it.
    func beginAnew() {
        guard isOpen else { return }
        waiting = writtenByteCount > 0 ? Array(waiting.prefix(1)) : []
        waitingByteCount = waiting.first.map { $0.count - writtenByteCount } ?? 0
        unreadByteCount = 0
        reader = AgentFrameReader()
        for _ in 0..<Self.discardLimit {
            // Its end is told from the loop.
            guard let bytes = try? descriptor.read(atMost: Self.readLimit), !bytes.isEmpty else { break }
        }
        flush()
    }

    /// The guest has read so much; nil: whatever it was sent.
    func taken(_ count: Int?) {
        unreadByteCount = count.map { max(0, unreadByteCount - $0) } ?? 0
        flush()
    }

    /// Bytes that may go to the guest now.
    private var room: Int { unreadLimit.map { max(0, $0 - unreadByteCount) } ?? .max }

    private func flush() {
        while let frame = waiting.first, room > 0 {
            do {
                let part = frame[writtenByteCount...].prefix(min(Self.readLimit, room))
                let count = try descriptor.write(part)
                if count == 0 { break }
                writtenByteCount += count
                waitingByteCount -= count
                unreadByteCount += count
                if writtenByteCount == frame.count {
                    waiting.removeFirst()
                    writtenByteCount = 0
                }
            } catch {
                // A broken one is told from the loop, when it is read.
                if error != .wouldBlock {
                    waiting = []
                    waitingByteCount = 0
                    writtenByteCount = 0
                }
                break
            }
        }
        if let token { loop.change(token, to: waiting.isEmpty || room == 0 ? .readable : [.readable, .writable]) }
    }

    private func handle(_ events: Epoll.Events) {
        if events.contains(.writable) { flush() }
        do {
            let bytes = try descriptor.read(atMost: Self.readLimit)
            if bytes.isEmpty { return end() }
            reader.append(bytes)
        } catch {
            if error == .wouldBlock { return }
            return end()
        }
        while isOpen, let frame = reader.next() { received(frame) }
    }

    private func end() {
        guard isOpen else { return }
        close()
        ended()
    }
}
