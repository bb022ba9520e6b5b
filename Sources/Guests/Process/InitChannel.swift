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
        receive()
    }

    /// Takes what has come; also what a first process said before its end.
    func receive() {
        for _ in 0..<64 {
            guard token != nil else { return }
            do {
                guard var message = try GuestMessage.receive(from: socket) else { return close() }
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
            } catch {
                if error != .wouldBlock { close() }
                return
            }
        }
    }

    func close() {
        guard let token else { return }
        loop.cancel(token)
        self.token = nil
        received = { _ in }
        UnixSocket.shutDown(socket)
    }
}
