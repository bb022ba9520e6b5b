// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The connection with a guest's first process, on a loop.
///
/// Whoever is root in the guest may get at its first process: what comes from there is believed about the guest itself and
/// nothing else.
final class InitChannel {
    /// A message without its descriptors.
    struct Message {
        let kind: GuestMessage.Kind
        let subject: UInt32
        let step: GuestMessage.Step?
        let value: Int32
        let descriptors: [SharedDescriptor]
    }

    private let loop: ControlLoop
    private let socket: OwnedDescriptor
    private var token: ControlLoop.Token?
    private struct Outgoing {
        let bytes: [UInt8]
        let descriptors: [SharedDescriptor]
        let failed: (Errno) -> Void
    }
    private var waiting: [Outgoing] = []
    private var waitingByteCount = 0
    var received: (Message) -> Void = { _ in }
    /// The other end has gone, or says what is no message.
    var ended: () -> Void = {}

    /// Bytes that may wait for a first process that takes nothing, as in a frozen control group; more is refused.
    static let waitingLimit = 4 << 20

    init(_ socket: consuming OwnedDescriptor, loop: ControlLoop) throws(Errno) {
        self.loop = loop
        self.socket = socket
        token = try loop.watch(self.socket.rawValue) { [weak self] in self?.handle($0) }
    }

    deinit { if let token { loop.cancel(token) } }

    /// Sends it, or keeps it until it can be sent. `failed` is called when it cannot be, perhaps at once; not when the other end has
    /// gone, which is told by itself.
    func send(
        _ bytes: [UInt8],
        descriptors: [SharedDescriptor] = [],
        failed: @escaping (Errno) -> Void = { _ in }
    ) {
        guard let token else { return }
        let message = Outgoing(bytes: bytes, descriptors: descriptors, failed: failed)
        if waiting.isEmpty, trySend(message) { return }
        guard waitingByteCount + bytes.count <= Self.waitingLimit else { return failed(.noBuffers) }
        waiting.append(message)
        waitingByteCount += bytes.count
        loop.change(token, to: [.readable, .writable])
    }

    /// Whether it needs no second attempt.
    private func trySend(_ message: Outgoing) -> Bool {
        do throws(Errno) {
            try UnixSocket.send(message.bytes, descriptors: message.descriptors.map(\.rawValue), to: socket)
        } catch {
            if error == .wouldBlock { return false }
            if error != .brokenPipe && error != .connectionReset { message.failed(error) }
        }
        return true
    }

    private func handle(_ events: Epoll.Events) {
        if events.contains(.writable) {
            while let next = waiting.first, trySend(next) {
                // Whoever is told of a failure may have closed this.
                guard !waiting.isEmpty else { break }
                waiting.removeFirst()
                waitingByteCount -= next.bytes.count
            }
            if waiting.isEmpty, let token { loop.change(token, to: .readable) }
        }
        for _ in 0..<64 {
            guard receive() else { return }
        }
    }

    /// Takes all that a first process said before its end.
    func receiveRest() {
        ended = {}
        while receive() {}
    }

    /// Takes a message, if one has come.
    private func receive() -> Bool {
        guard token != nil else { return false }
        do {
            guard var message = try GuestMessage.receive(from: socket) else {
                end()
                return false
            }
            var descriptors: [SharedDescriptor] = []
            while let descriptor = message.attachment.takeDescriptor() {
                descriptors.append(SharedDescriptor(descriptor))
            }
            received(
                Message(
                    kind: message.kind,
                    subject: message.subject,
                    step: message.step,
                    value: message.value,
                    descriptors: descriptors
                )
            )
            return true
        } catch {
            if error != .wouldBlock && error != .interrupted { end() }
            return false
        }
    }

    private func end() {
        let ended = self.ended
        close()
        ended()
    }

    func close() {
        guard let token else { return }
        loop.cancel(token)
        self.token = nil
        received = { _ in }
        ended = {}
        waiting = []
        waitingByteCount = 0
        UnixSocket.shutDown(socket)
    }
}
