// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// One end of a SOCK_SEQPACKET socket on which messages of words pass, on a loop: what waits to be sent is kept here.
public final class WordConnection {
    private let loop: ControlLoop
    private let socket: OwnedDescriptor
    private var token: ControlLoop.Token?
    private var waiting: [(message: WordMessage, descriptors: [SharedDescriptor])] = []
    private var waitingByteCount = 0
    /// A message has come.
    public var received: ([String], [SharedDescriptor]) -> Void = { _, _ in }
    /// The other end has gone, or sent what is no message. Called once; the connection is closed then.
    public var ended: () -> Void = {}

    /// Bytes that may wait for a reader that does not read: it is given up beyond.
    public static var waitingLimit: Int { 8 << 20 }
    /// Messages read at a time, so that one who floods keeps nobody from his turn.
    private static let burst = 32

    public init(_ socket: consuming OwnedDescriptor, loop: ControlLoop) throws(Errno) {
        self.loop = loop
        self.socket = socket
        // Best effort: long messages go at once.
        UnixSocket.setSendBuffer(self.socket, byteCount: 4 * WordMessage.maximumByteCount)
        token = try loop.watch(self.socket.rawValue) { [weak self] events in self?.handle(events) }
    }

    deinit {
        if let token { loop.cancel(token) }
    }

    public var isOpen: Bool { token != nil }
    /// The message that is being received came without descriptors that were sent along: this process has no room for them.
    public private(set) var hasLostDescriptors = false
    public var rawDescriptor: Int32 { socket.rawValue }

    /// Who made the other end.
    public func credentials() throws(Errno) -> UnixSocket.Credentials { try UnixSocket.credentials(socket) }

    /// Sends a message, or keeps it until the socket takes it.
    public func send(_ words: [String], descriptors: [SharedDescriptor] = []) {
        guard isOpen else { return }
        let message = WordMessage(words)
        if waiting.isEmpty, trySend(message, descriptors) { return }
        guard isOpen else { return }
        waiting.append((message, descriptors))
        waitingByteCount += words.reduce(0) { $0 + $1.utf8.count + 1 }
        if let token { loop.change(token, to: [.readable, .writable]) }
        if waitingByteCount > Self.waitingLimit { close() }
    }

    /// Whether it needs no second attempt: it went, or the connection has ended.
    private func trySend(_ message: WordMessage, _ descriptors: [SharedDescriptor]) -> Bool {
        do {
            try message.send(to: socket, descriptors: descriptors.map(\.rawValue))
            return true
        } catch {
            switch error {
            case .wouldBlock: return false
            // Its end is told from the loop, never from within a call of its user.
            case .brokenPipe, .connectionReset: return true
            default:
                // A message that cannot be sent is nobody's end. Who waits for an answer would wait for ever, so that he is told; an
                // event is waited for by nobody.
                guard message.words.first != "event" else { return true }
                let isLong = error == .invalid || error == .messageTooLarge
                let reason = isLong ? "the answer is too long" : "the answer cannot be sent: \(error)"
                try? WordMessage(["error", "1", reason]).send(to: socket)
                return true
            }
        }
    }

    private func handle(_ events: Epoll.Events) {
        if events.contains(.writable) { flush() }
        for _ in 0..<Self.burst {
            guard isOpen else { return }
            do {
                var message = try UnixSocket.receive(from: socket, limit: WordMessage.maximumByteCount)
                var descriptors: [SharedDescriptor] = []
                while let descriptor = message.takeDescriptor() { descriptors.append(SharedDescriptor(descriptor)) }
                guard !message.isTruncated, let words = WordMessage(bytes: message.bytes)?.words else { return close() }
                hasLostDescriptors = message.hasLostDescriptors
                received(words, descriptors)
            } catch {
                if error != .wouldBlock { close() }
                return
            }
        }
    }

    private func flush() {
        var sent = 0
        // All at once: there may be very many.
        defer { waiting.removeFirst(min(sent, waiting.count)) }
        for next in waiting {
            guard trySend(next.message, next.descriptors) else { return }
            waitingByteCount -= next.message.words.reduce(0) { $0 + $1.utf8.count + 1 }
            sent += 1
        }
        if let token { loop.change(token, to: .readable) }
    }

    /// Ends it; `ended` is called.
    public func close() {
        guard let token else { return }
        loop.cancel(token)
        self.token = nil
        waiting = []
        let ended = self.ended
        self.ended = {}
        received = { _, _ in }
        UnixSocket.shutDown(socket)
        ended()
    }
}
