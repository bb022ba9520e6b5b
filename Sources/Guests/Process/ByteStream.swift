// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A byte stream on the keeper's loop that never makes it wait: a socket, a pipe, a terminal.
final class ByteStream {
    private let loop: ControlLoop
    private let descriptor: SharedDescriptor
    private let isSocket: Bool
    private var token: ControlLoop.Token?
    private var waiting: [UInt8] = []
    private let reads: Bool
    private var isReading: Bool
    /// The other end has gone while nobody read; what it has left is read when reading goes on.
    private var isSuspended = false
    private var endsWhenWritten = false
    /// A file: always ready, and nothing that can be waited for.
    private var isFile = false
    private var buffer = ByteBuffer(capacity: 16384)
    var received: ([UInt8]) -> Void = { _ in }
    /// Nothing more can be read, or written. Called once.
    var ended: () -> Void = {}
    /// What waited has been written.
    var drained: () -> Void = {}

    init(_ descriptor: SharedDescriptor, loop: ControlLoop, reads: Bool) throws(Errno) {
        self.loop = loop
        self.descriptor = descriptor
        isSocket = (try? FileStatus(descriptor: descriptor.rawValue).isSocket) ?? false
        self.reads = reads
        isReading = reads
        do throws(Errno) {
            token = try loop.watch(descriptor.rawValue, reads ? .readable : []) { [weak self] in self?.handle($0) }
        } catch {
            guard error == .notPermitted, !reads else { throw error }
            isFile = true
        }
    }

    deinit { if let token { loop.cancel(token) } }

    var isOpen: Bool { token != nil || isFile || isSuspended }
    var waitingByteCount: Int { waiting.count }

    /// Stops or goes on reading: whoever passes bytes on stops while they are not taken.
    func setReading(_ isReading: Bool) {
        guard self.isReading != isReading else { return }
        self.isReading = isReading
        guard isSuspended else { return watchWhatIsWanted() }
        isSuspended = false
        do throws(Errno) {
            token = try loop.watch(descriptor.rawValue) { [weak self] in self?.handle($0) }
        } catch {
            isSuspended = true
            close()
        }
    }

    func write(_ bytes: some Collection<UInt8>) {
        guard isOpen, !isSuspended else { return }
        waiting += bytes
        flush()
    }

    /// Ends when all that waits is written.
    func finish() {
        endsWhenWritten = true
        if waiting.isEmpty { close() }
    }

    /// Ends here; the socket stays as it is for whoever else has it.
    func stop() { close(shutsDown: false) }

    func close() { close(shutsDown: true) }

    private func close(shutsDown: Bool) {
        guard isOpen else { return }
        if let token { loop.cancel(token) }
        token = nil
        isFile = false
        isSuspended = false
        waiting = []
        let ended = self.ended
        (self.ended, received, drained) = ({}, { _ in }, {})
        if isSocket, shutsDown { descriptor.withDescriptor { UnixSocket.shutDown($0) } }
        ended()
    }

    private func watchWhatIsWanted() {
        guard let token else { return }
        var events: Epoll.Events = []
        if isReading { events.insert(.readable) }
        if !waiting.isEmpty { events.insert(.writable) }
        loop.change(token, to: events)
    }

    private func handle(_ events: Epoll.Events) {
        if events.contains(.writable) || events.contains(.error) { flush() }
        if isReading { read() }
        // Nobody reads, and the other end has gone: it would be told again and again.
        guard isOpen, !isReading, events.contains(.hangUp) || events.contains(.error) else { return }
        guard reads else { return close() }
        if let token { loop.cancel(token) }
        token = nil
        waiting = []
        isSuspended = true
    }

    private func flush() {
        let had = !waiting.isEmpty
        while !waiting.isEmpty {
            let count = StreamIO.send(descriptor.rawValue, isSocket: isSocket, waiting.span.extracting(first: 65536))
            if count > 0 {
                waiting.removeFirst(count)
            } else if count == -Int(EAGAIN) || count == -Int(EINTR) {
                break
            } else {
                return close()
            }
        }
        watchWhatIsWanted()
        guard had, waiting.isEmpty else { return }
        if endsWhenWritten { return close() }
        drained()
    }

    private func read() {
        for _ in 0..<4 {
            guard isOpen, isReading else { return }
            var room = buffer.mutableBytes(0, buffer.capacity)
            let count = StreamIO.receive(descriptor.rawValue, isSocket: isSocket, into: &room)
            if count == -Int(EAGAIN) || count == -Int(EINTR) { return }
            // A terminal whose last user has gone answers EIO.
            guard count > 0 else { return close() }
            received((0..<count).map { buffer[$0] })
            if count < buffer.capacity { return }
        }
    }
}
