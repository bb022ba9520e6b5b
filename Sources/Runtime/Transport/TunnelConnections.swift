// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// The TCP connections of a tunnel's end: made to the peer when wanted, made again when they end, or accepted.
final class TunnelConnections {
    private let loop: ControlLoop
    private let onConnection: (consuming OwnedDescriptor) -> Void
    private var acceptor: Acceptor?
    private var attempt: Attempt?
    private var remote: SocketAddress?
    private var pause = TunnelConnections.firstPause
    /// One of ours is there, or the next attempt has its time: there is never more than one.
    private var isConnected = false
    private var isScheduled = false
    private var isClosed = false

    /// Connections that are taken in a fifth of a second: each has the loop thread look at all that it waits for, and there are
    /// places for three quarters of a second of them, in which the peer has time for his handshake.
    private static let acceptLimit = 4

    private static let firstPause: UInt64 = 500
    private static let lastPause: UInt64 = 30_000

    private final class Attempt {
        let descriptor: OwnedDescriptor
        var token: ControlLoop.Token?
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    init(loop: ControlLoop, onConnection: @escaping (consuming OwnedDescriptor) -> Void) {
        self.loop = loop
        self.onConnection = onConnection
    }

    /// Accepts connections at a port of this host.
    func listen(host: String, port: UInt16) throws {
        do {
            let name = host.isEmpty ? "::" : host
            let address: SocketAddress
            do {
                address = try SocketAddress(host: name, port: String(port), isStream: true, isPassive: true)
            } catch {
                address = try SocketAddress(host: host, port: String(port), isStream: true, isPassive: true)
            }
            let socket = try UnixSocket.makeInternet(for: address, isStream: true)
            try UnixSocket.bind(socket, to: address)
            try UnixSocket.listen(socket)
            acceptor = try Acceptor(socket, loop: loop, limit: Self.acceptLimit) {
                [unowned self] connection throws(Errno) in
                UnixSocket.setNoDelay(connection)
                onConnection(connection)
            }
        } catch let error as SocketAddress.ResolveError {
            throw TransportError(.usage, "\(error)")
        } catch {
            throw TransportError(.failed, "TCP port \(port): \(error)")
        }
    }

    /// Connects to the peer, now and whenever a connection that is wanted is lost.
    func connect(host: String, port: UInt16) throws {
        do {
            remote = try SocketAddress(host: host, port: String(port), isStream: true)
        } catch {
            throw TransportError(.unreachable, "\(error)")
        }
        connect()
    }

    /// A connection has ended: another attempt after a pause, if it is missed.
    func connectionEnded(isMissed: Bool = true) {
        isConnected = false
        guard remote != nil, attempt == nil, !isScheduled, !isClosed, isMissed else { return }
        isScheduled = true
        loop.after(milliseconds: pause) { [weak self] in
            self?.isScheduled = false
            self?.connect()
        }
        pause = min(pause * 2, Self.lastPause)
    }

    /// The peer answers.
    func settle() { pause = Self.firstPause }

    private func connect() {
        guard let remote, attempt == nil, !isConnected, !isClosed else { return }
        do throws(Errno) {
            let socket = try UnixSocket.makeInternet(for: remote, isStream: true)
            if try UnixSocket.connect(socket, to: remote) {
                isConnected = true
                onConnection(socket)
                return
            }
            let number = socket.rawValue
            let attempt = Attempt(socket)
            attempt.token = try loop.watch(number, .writable) { [weak self] _ in self?.decided() }
            self.attempt = attempt
        } catch {
            connectionEnded()
        }
    }

    private func decided() {
        guard let attempt else { return }
        self.attempt = nil
        if let token = attempt.token { loop.cancel(token) }
        guard InternetSocket.connectionResult(attempt.descriptor.rawValue) == 0,
            let descriptor = try? attempt.descriptor.duplicate()
        else {
            connectionEnded()
            return
        }
        isConnected = true
        onConnection(descriptor)
    }

    func close() {
        isClosed = true
        acceptor = nil
        if let token = attempt?.token { loop.cancel(token) }
        attempt = nil
    }
}
