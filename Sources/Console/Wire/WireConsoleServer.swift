// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem
import Runtime

/// Listens for users of a wire's console: the socket of `-M`.
public final class WireConsoleServer {
    private static var maximumSessionCount: Int { 64 }

    private let console: WireConsole
    private let listener: OwnedDescriptor
    private let path: String
    private let identity: FileStatus
    private var token: ControlLoop.Token?
    private var sessions: [WireConsoleSession] = []

    /// Listens on `path` with these permission bits. Takes the place of a socket that nobody serves any more. Throws
    /// `ConsoleServer.SetupError`.
    public init(_ console: WireConsole, path: String, mode: UInt32) throws {
        self.console = console
        self.path = path
        guard let address = UnixSocketAddress(path: path) else {
            throw ConsoleServer.SetupError(
                description: "\(path): too long for a socket's path; choose another path with -M"
            )
        }
        do {
            let socket = try UnixSocket.make(.stream)
            try ConsoleServer.bind(socket, to: address, path)
            try FileSystem.setMode(path, mode)
            identity = try FileStatus(path: path, followLinks: false)
            try UnixSocket.listen(socket)
            listener = socket
        } catch let error as ConsoleServer.SetupError {
            throw error
        } catch {
            throw ConsoleServer.SetupError(
                description: "\(path): cannot make the console's socket: \(error); choose another path with -M"
            )
        }
        token = try console.loop.watch(listener.rawValue) { [unowned self] _ in accept() }
    }

    private func accept() {
        while sessions.count < Self.maximumSessionCount,
            let connection = (try? UnixSocket.accept(listener)) ?? nil
        {
            weak var session: WireConsoleSession?
            guard let stream = try? ConsoleStream(connection: connection),
                let made = try? WireConsoleSession(
                    console,
                    stream: stream,
                    onEnd: { [weak self] in self?.sessions.removeAll { $0 === session } }
                )
            else { return }
            session = made
            sessions.append(made)
        }
    }

    /// Stops listening and removes the socket, if it is still ours.
    public func close() {
        guard let token = token.take() else { return }
        console.loop.cancel(token)
        for session in sessions { session.close() }
        if let status = try? FileStatus(path: path, followLinks: false), status.inode == identity.inode,
            status.device == identity.device
        {
            try? FileSystem.remove(path)
        }
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
