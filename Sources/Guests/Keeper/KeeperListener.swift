// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// The keeper's socket: its user's, and root's.
final class KeeperListener {
    private let socket: OwnedDescriptor
    private let loop: ControlLoop
    private var token: ControlLoop.Token?
    private let path: String
    private let accept: (WordConnection) -> Void
    private var isClosed = false
    /// Given up for a moment when there is no other descriptor left, so that who comes then is told.
    private var spare: OwnedDescriptor?

    /// Milliseconds that it rests for while not even that is possible: the backlog would be told of again and again.
    private static let rest: UInt64 = 200

    init(path: String, loop: ControlLoop, accept: @escaping (WordConnection) -> Void) throws(GuestError) {
        self.path = path
        self.loop = loop
        self.accept = accept
        guard let address = UnixSocketAddress(path: path) else {
            throw GuestError("\(path): longer than a socket's path may be", status: 2)
        }
        do {
            socket = try UnixSocket.make(.sequencedPacket)
            try? FileSystem.remove(path)
            try UnixSocket.bind(socket, to: address)
            try FileSystem.setMode(path, 0o600)
            try UnixSocket.listen(socket)
            spare = Self.makeSpare()
            try watch()
        } catch {
            throw GuestError("\(path): \(error)")
        }
    }

    private func watch() throws(Errno) {
        token = try loop.watch(socket.rawValue) { [weak self] _ in self?.acceptAll() }
    }

    private func rest() {
        guard !isClosed else { return }
        if let token { loop.cancel(token) }
        token = loop.after(milliseconds: Self.rest) { [weak self] in
            guard let self else { return }
            token = nil
            do throws(Errno) { try watch() } catch { rest() }
        }
    }

    private func acceptAll() {
        for _ in 0..<16 {
            let accepted: OwnedDescriptor?
            do throws(Errno) {
                accepted = try UnixSocket.accept(socket)
            } catch {
                guard refuse(error) else { return rest() }
                continue
            }
            guard let connection = accepted else { return }
            guard let credentials = try? UnixSocket.credentials(connection),
                credentials.userID == CurrentProcess.userID || credentials.userID == 0,
                let words = try? WordConnection(connection, loop: loop)
            else { continue }
            accept(words)
        }
    }

    private static func makeSpare() -> OwnedDescriptor? { try? .open("/dev/null", flags: O_RDONLY) }

    /// Tells the next one who has connected that there is no descriptor for him; false when that cannot be.
    private func refuse(_ error: Errno) -> Bool {
        guard spare.take() != nil else {
            spare = Self.makeSpare()
            return false
        }
        defer { spare = Self.makeSpare() }
        guard let connection = try? UnixSocket.accept(socket) else { return false }
        let refusal = GuestError("the lab's keeper has no descriptor left: \(error); try again", status: 4)
        try? WordMessage(refusal.words).send(to: connection)
        // What he asks, or has asked already, goes unread; left there it would make his connection fail before he has read this.
        UnixSocket.shutDownReading(connection)
        while let message = try? UnixSocket.receive(from: connection, limit: 1), !message.bytes.isEmpty {}
        return true
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        if let token { loop.cancel(token) }
        token = nil
        try? FileSystem.remove(path)
    }
}
