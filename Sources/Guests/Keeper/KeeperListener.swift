// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The keeper's socket: its user's, and root's.
final class KeeperListener {
    private let socket: OwnedDescriptor
    private let loop: ControlLoop
    private var token: ControlLoop.Token?
    private let path: String
    private let accept: (WordConnection) -> Void
    private var isClosed = false

    /// Milliseconds that it rests for while descriptors are short: the backlog would be told of again and again.
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
                return rest()
            }
            guard let connection = accepted else { return }
            guard let credentials = try? UnixSocket.credentials(connection),
                credentials.userID == CurrentProcess.userID || credentials.userID == 0,
                let words = try? WordConnection(connection, loop: loop)
            else { continue }
            accept(words)
        }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        if let token { loop.cancel(token) }
        token = nil
        try? FileSystem.remove(path)
    }
}
