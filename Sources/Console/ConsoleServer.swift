// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Runtime

/// Listens for consoles: the socket of `-M`.
public final class ConsoleServer {
    /// Why the socket could not be had, with its path, in one line.
    public struct SetupError: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Sessions at a time; more are turned away with a reason. Each may hold an answer in memory.
    public static var maximumSessionCount: Int { 64 }
    private static var pauseMilliseconds: UInt64 { 200 }

    /// Absolute, without symbolic links.
    public let path: String
    private let console: Console
    private let listener: OwnedDescriptor
    private let identity: FileStatus
    private var token: ControlLoop.Token?
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
        guard let address = UnixSocketAddress(path: path) else {
            throw SetupError(
                description: "\(path): not a path for a socket: at most \(UnixSocketAddress.maximumPathByteCount) bytes"
            )
        }
        do {
            listener = try UnixSocket.make(.stream)
            try Self.bind(listener, to: address, path)
            // Before anyone can connect.
            try FileSystem.setMode(path, mode & 0o777)
            if let groupID { try FileSystem.setOwner(path, user: .max, group: groupID) }
            try UnixSocket.listen(listener)
            self.path = try FileSystem.canonicalPath(path)
            identity = try FileStatus(path: path, followLinks: false)
            listen()
        } catch let error as SetupError {
            throw error
        } catch {
            throw SetupError(
                description: "\(path): cannot make the console's socket: \(error); choose another path with -M"
            )
        }
        console.sockets.append((self.path, mode))
    }

    /// Binds, if need be over a dead predecessor's socket.
    static func bind(
        _ socket: borrowing OwnedDescriptor,
        to address: UnixSocketAddress,
        _ path: String
    ) throws {
        do throws(Errno) {
            return try UnixSocket.bind(socket, to: address)
        } catch {
            guard error == .addressInUse else { throw error }
        }
        guard let status = try? FileStatus(path: path, followLinks: false), status.isSocket else {
            throw SetupError(description: "\(path): exists and is no socket; choose another path with -M")
        }
        let probe = try UnixSocket.make(.stream)
        do throws(Errno) {
            try UnixSocket.connect(probe, to: address)
            throw .addressInUse
        } catch .connectionRefused, .noEntry {
            // Nobody serves it.
        } catch {
            // Connected, or a full backlog, or no permission to ask: somebody's.
            throw SetupError(description: "\(path): another console is there; stop it or choose another path with -M")
        }
        try? FileSystem.remove(path)
        try UnixSocket.bind(socket, to: address)
    }

    var sessionCount: Int { sessions.count }

    private func listen() {
        token = try? console.target.loop.watch(listener.rawValue) { [unowned self] _ in accept() }
    }

    private func accept() {
        do {
            while let connection = try UnixSocket.accept(listener) {
                guard sessions.count < Self.maximumSessionCount else {
                    turnAway(connection)
                    continue
                }
                weak var session: ConsoleSession?
                let made = try ConsoleSession(console, connection: connection, limits: limits) { [weak self] in
                    self?.sessions.removeAll { $0 === session }
                }
                session = made
                sessions.append(made)
            }
        } catch {
            // Out of descriptors or memory: clients stay in the backlog until some are free again.
            if let token = token.take() { console.target.loop.cancel(token) }
            token = console.target.loop.after(milliseconds: Self.pauseMilliseconds) { [weak self] in self?.listen() }
        }
    }

    /// Tells the client why in the form of an answer: `1024 Too many open files`.
    private func turnAway(_ connection: consuming OwnedDescriptor) {
        _ = try? connection.write(ConsoleAnswer.failure(Errno(rawValue: EMFILE)).encoded())
    }

    /// Ends all sessions, stops listening and removes the socket, if it is still ours.
    public func close() {
        guard let token = token.take() else { return }
        console.target.loop.cancel(token)
        for session in sessions { session.close() }
        console.sockets.removeAll { $0.path == path }
        if let status = try? FileStatus(path: path, followLinks: false), status.inode == identity.inode,
            status.device == identity.device
        {
            try? FileSystem.remove(path)
        }
    }
}
