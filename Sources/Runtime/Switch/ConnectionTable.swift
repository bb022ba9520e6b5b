// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Connections of a listening socket, each from its acceptance to its end, by descriptor number.
///
/// Keeps the two rules of every server of ours: a client that says nothing is dropped after a while, and a lack of
/// descriptors pauses the listener instead of spinning.
final class ConnectionTable {
    /// How long a client may take to say what it wants.
    static var handshakeMilliseconds: UInt64 { 10_000 }
    private static var pauseMilliseconds: UInt64 { 200 }

    private let loop: ControlLoop
    private var slots: [Int32: Slot] = [:]
    private var listeners: Set<ControlLoop.Token> = []
    private var isStopped = false

    /// One connection.
    private final class Slot {
        let descriptor: OwnedDescriptor
        let token: ControlLoop.Token
        /// Runs until the client has said what it wants.
        var timer: ControlLoop.Token?

        init(_ descriptor: consuming OwnedDescriptor, token: ControlLoop.Token, timer: ControlLoop.Token) {
            self.descriptor = descriptor
            self.token = token
            self.timer = timer
        }
    }

    init(loop: ControlLoop) { self.loop = loop }

    /// Accepts from `listener` until it is cancelled; `onReadable` is called with the connection's descriptor number.
    func serve(_ listener: borrowing OwnedDescriptor, onReadable: @escaping (Int32) -> Void) throws(Errno) {
        let listening = try listener.duplicate()
        let box = ListenerBox(listening)
        try listen(box, onReadable: onReadable)
    }

    private final class ListenerBox {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    /// Ends the listeners and all connections.
    func stop() {
        isStopped = true
        for token in listeners { loop.cancel(token) }
        listeners = []
        for number in Array(slots.keys) { close(number) }
    }

    private func listen(_ box: ListenerBox, onReadable: @escaping (Int32) -> Void) throws(Errno) {
        guard !isStopped else { return }
        var token: ControlLoop.Token?
        token = try loop.watch(box.descriptor.rawValue) { [unowned self] _ in
            do {
                while let connection = try UnixSocket.accept(box.descriptor) {
                    try adopt(connection, onReadable: onReadable)
                }
            } catch {
                // Out of descriptors or memory: the client stays in the backlog until some are free again.
                if let token {
                    loop.cancel(token)
                    listeners.remove(token)
                }
                loop.after(milliseconds: Self.pauseMilliseconds) { [weak self] in
                    try? self?.listen(box, onReadable: onReadable)
                }
            }
        }
        if let token { listeners.insert(token) }
    }

    private func adopt(
        _ connection: consuming OwnedDescriptor,
        onReadable: @escaping (Int32) -> Void
    ) throws(Errno) {
        let number = connection.rawValue
        let token = try loop.watch(number, [.readable, .readHangUp]) { _ in onReadable(number) }
        let timer = loop.after(milliseconds: Self.handshakeMilliseconds) { [unowned self] in close(number) }
        slots[number] = Slot(connection, token: token, timer: timer)
    }

    /// The client has said what it wants: it may stay silent from now on.
    func keep(_ number: Int32) {
        guard let slot = slots[number], let timer = slot.timer else { return }
        loop.cancel(timer)
        slot.timer = nil
    }

    /// Calls `body` with the connection, if it is still there.
    func with<Result>(_ number: Int32, _ body: (borrowing OwnedDescriptor) -> Result) -> Result? {
        guard let slot = slots[number] else { return nil }
        return body(slot.descriptor)
    }

    /// Ends a connection.
    func close(_ number: Int32) {
        guard let slot = slots.removeValue(forKey: number) else { return }
        loop.cancel(slot.token)
        if let timer = slot.timer { loop.cancel(timer) }
    }
}
