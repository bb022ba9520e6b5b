// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Connections of a listening socket, each from its acceptance to its end, by descriptor number.
///
/// A client that says nothing is dropped after a while.
final class ConnectionTable {
    /// How long a client may take to say what it wants.
    static var handshakeMilliseconds: UInt64 { 10_000 }

    private let loop: ControlLoop
    private var slots: [Int32: Slot] = [:]
    private var acceptors: [Acceptor] = []

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

    deinit { stop() }

    /// Accepts from `listener` until it stops; `onReadable` is called with the connection's descriptor number.
    func serve(_ listener: borrowing OwnedDescriptor, onReadable: @escaping (Int32) -> Void) throws(Errno) {
        let listening = try listener.duplicate()
        acceptors.append(
            try Acceptor(listening, loop: loop) { [unowned self] connection throws(Errno) in
                try adopt(connection, onReadable: onReadable)
            }
        )
    }

    /// Ends the listeners and all connections.
    func stop() {
        for acceptor in acceptors { acceptor.close() }
        acceptors = []
        for number in Array(slots.keys) { close(number) }
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
