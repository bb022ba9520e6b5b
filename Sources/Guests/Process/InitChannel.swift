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
    private var waiting: [(bytes: [UInt8], descriptors: [SharedDescriptor])] = []
    var received: (Message) -> Void = { _ in }
    /// The other end has gone, or says what is no message.
    var ended: () -> Void = {}

    init(_ socket: consuming OwnedDescriptor, loop: ControlLoop) throws(Errno) {
        self.loop = loop
        self.socket = socket
        token = try loop.watch(self.socket.rawValue) { [weak self] in self?.handle($0) }
    }

    deinit { if let token { loop.cancel(token) } }

    func send(_ bytes: [UInt8], descriptors: [SharedDescriptor] = []) {
        guard token != nil else { return }
        if waiting.isEmpty, trySend(bytes, descriptors) { return }
        waiting.append((bytes, descriptors))
        if let token { loop.change(token, to: [.readable, .writable]) }
    }

    private func trySend(_ bytes: [UInt8], _ descriptors: [SharedDescriptor]) -> Bool {
        do {
            try UnixSocket.send(bytes, descriptors: descriptors.map(\.rawValue), to: socket)
            return true
        } catch {
            return error != .wouldBlock
        }
    }

    private func handle(_ events: Epoll.Events) {
        if events.contains(.writable) {
            while let next = waiting.first, trySend(next.bytes, next.descriptors) { waiting.removeFirst() }
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
        UnixSocket.shutDown(socket)
    }
}
