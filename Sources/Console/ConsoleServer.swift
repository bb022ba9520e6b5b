// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Runtime

/// Listens for consoles: the socket of `-M`.
public final class ConsoleServer {
    /// Why the socket could not be had, with its path, in one line.
    public struct SetupError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Sessions at a time, each of which may hold an answer in memory. One more takes the place of a session whose client takes
    /// nothing; when there is none it is turned away with a reason.
    public static var maximumSessionCount: Int { 64 }

    /// Absolute, without symbolic links.
    public var path: String { file.path }
    private let console: Console
    private let file: SocketPath
    private var acceptor: Acceptor?
    private var sessions: [ConsoleSession] = []
    private let limits: ConsoleSession.Limits

    /// Listens on `path` with these permission bits and, when given, this group. Takes the place of a socket that nobody
    /// serves any more.
    public convenience init(
        _ console: Console,
        path: String,
        mode: UInt32 = 0o600,
        groupID: UInt32? = nil
    ) throws(SetupError) {
        try self.init(console, path: path, mode: mode, groupID: groupID, limits: ConsoleSession.Limits())
    }

    init(
        _ console: Console,
        path: String,
        mode: UInt32,
        groupID: UInt32?,
        limits: ConsoleSession.Limits
    ) throws(SetupError) {
        self.console = console
        self.limits = limits
        do throws(SocketPath.BindError) {
            file = try SocketPath(path)
            acceptor = try Acceptor(at: file, mode: mode, group: groupID, loop: console.target.loop) {
                [unowned self] connection throws(Errno) in
                try admit(connection)
            }
        } catch {
            throw SetupError(error)
        }
        console.sockets.append((self.path, mode))
    }

    var sessionCount: Int { sessions.count }

    private func admit(_ connection: consuming OwnedDescriptor) throws(Errno) {
        guard
            sessions.count < Self.maximumSessionCount
                || Self.makeRoom(in: &sessions, afterMilliseconds: limits.courtesyMilliseconds)
        else { return Self.turnAway(connection) }
        weak var session: ConsoleSession?
        let made = try ConsoleSession(console, connection: connection, limits: limits) { [weak self] in
            self?.sessions.removeAll { $0 === session }
        }
        session = made
        sessions.append(made)
    }

    /// Ends all sessions, stops listening and removes the socket, if it is still ours.
    public func close() {
        guard acceptor != nil else { return }
        acceptor = nil
        for session in sessions { session.close() }
        console.sockets.removeAll { $0.path == path }
        file.remove()
    }
}

extension ConsoleServer.SetupError {
    init(_ error: SocketPath.BindError) {
        switch error {
        case .unusable(let path):
            description = "\(path): not a path for a socket: at most \(UnixSocketAddress.maximumPathByteCount) bytes"
        case .inUse(let path):
            description = "\(path): another console is there; stop it or choose another path with -M"
        case .occupied: description = "\(error); choose another path with -M"
        case .failed(let path, let cause):
            description = "\(path): cannot make the console's socket: \(cause); choose another path with -M"
        }
    }
}
