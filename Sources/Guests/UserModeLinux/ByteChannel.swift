// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A byte stream on a loop in both directions: what a machine's console is.
final class ByteChannel {
    private let loop: ControlLoop
    private let descriptor: OwnedDescriptor
    private var token: ControlLoop.Token?
    private var waiting: [UInt8] = []
    private let received: ([UInt8]) -> Void

    /// What may wait for a guest that does not read its console; more is lost, as with a terminal.
    private static let waitingLimit = 1 << 20
    private static let readLimit = 65536

    init(
        _ descriptor: consuming OwnedDescriptor,
        loop: ControlLoop,
        received: @escaping ([UInt8]) -> Void
    ) throws(Errno) {
        self.loop = loop
        self.descriptor = descriptor
        self.received = received
        try self.descriptor.setNonblocking()
        token = try loop.watch(self.descriptor.rawValue) { [weak self] events in self?.handle(events) }
    }

    deinit { close() }

    func send(_ bytes: [UInt8]) {
        guard token != nil, waiting.count + bytes.count <= Self.waitingLimit else { return }
        waiting += bytes
        flush()
    }

    func close() {
        if let token { loop.cancel(token) }
        token = nil
    }

    /// Reads what is there.
    func drain() {
        while token != nil, read() {}
    }

    private func handle(_ events: Epoll.Events) {
        if events.contains(.writable) { flush() }
        _ = read()
    }

    /// Whether there may be more.
    private func read() -> Bool {
        do {
            let bytes = try descriptor.read(atMost: Self.readLimit)
            guard !bytes.isEmpty else {
                close()
                return false
            }
            received(bytes)
            return true
        } catch {
            if error != .wouldBlock { close() }
            return false
        }
    }

    private func flush() {
        while !waiting.isEmpty {
            guard let count = try? descriptor.write(waiting.prefix(Self.readLimit)), count > 0 else { break }
            waiting.removeFirst(count)
        }
        if let token { loop.change(token, to: waiting.isEmpty ? .readable : [.readable, .writable]) }
    }
}

extension DescriptorPair {
    consuming func takeFirst() -> OwnedDescriptor { first }
}
