// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem
import Runtime

/// Listens for users of a wire's console: the socket of `-M`.
public final class WireConsoleServer {
    static var maximumSessionCount: Int { ConsoleServer.maximumSessionCount }

    private let limits: WireConsoleSession.Limits
    private let console: WireConsole
    private let file: SocketPath
    private var acceptor: Acceptor?
    private var sessions: [WireConsoleSession] = []

    /// Listens on `path` with these permission bits. Takes the place of a socket that nobody serves any more.
    public convenience init(_ console: WireConsole, path: String, mode: UInt32) throws(ConsoleServer.SetupError) {
        try self.init(console, path: path, mode: mode, limits: WireConsoleSession.Limits())
    }

    init(
        _ console: WireConsole,
        path: String,
        mode: UInt32,
        limits: WireConsoleSession.Limits
    ) throws(ConsoleServer.SetupError) {
        self.console = console
        self.limits = limits
        do throws(SocketPath.BindError) {
            file = try SocketPath(path)
            acceptor = try Acceptor(at: file, mode: mode, loop: console.loop) {
                [unowned self] connection throws(Errno) in
                try admit(connection)
            }
        } catch {
            throw ConsoleServer.SetupError(error)
        }
    }

    private func admit(_ connection: consuming OwnedDescriptor) throws(Errno) {
        // One too many takes the place of who takes nothing, or is turned away: it would wait for ever.
        guard
            sessions.count < Self.maximumSessionCount
                || ConsoleServer.makeRoom(in: &sessions, afterMilliseconds: limits.courtesyMilliseconds)
        else { return ConsoleServer.turnAway(connection) }
        weak var session: WireConsoleSession?
        let made = try WireConsoleSession(
            console,
            stream: try ConsoleStream(connection: connection),
            limits: limits,
            onEnd: { [weak self] in self?.sessions.removeAll { $0 === session } }
        )
        session = made
        sessions.append(made)
    }

    /// Stops listening and removes the socket, if it is still ours.
    public func close() {
        acceptor = nil
        for session in sessions { session.close() }
        file.remove()
    }
}

/// A wire's console on the standard streams of a program in the foreground.
public final class WireTerminal {
    private let session: WireConsoleSession

    /// - Parameter onEnd: standard input has ended.
    public init(_ console: WireConsole, onEnd: @escaping () -> Void) throws(Errno) {
        session = try WireConsoleSession(console, stream: try ConsoleStream(duplicating: 0, 1), onEnd: onEnd)
    }
}
