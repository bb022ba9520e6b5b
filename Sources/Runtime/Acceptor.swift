// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// Accepts the connections of a listening socket, on the control thread, until it is closed.
///
/// When descriptors or memory have run out it rests for a moment: those who wait stay in the backlog, where epoll(7) would
/// tell of them again and again.
public final class Acceptor {
    private static var pauseMilliseconds: UInt64 { 200 }

    private let listener: OwnedDescriptor
    private let loop: ControlLoop
    /// Connections that are taken before the next rest.
    private let limit: Int
    private let onConnection: (consuming OwnedDescriptor) throws(Errno) -> Void
    private var token: ControlLoop.Token?
    private var isClosed = false

    /// - Parameters:
    ///   - listener: bound, and listened on.
    ///   - limit: so many connections are taken in a fifth of a second, where strangers can make them and each costs others
    ///     their time.
    ///   - onConnection: takes a connection over; what it throws counts as a lack of descriptors.
    public init(
        _ listener: consuming OwnedDescriptor,
        loop: ControlLoop,
        limit: Int = .max,
        onConnection: @escaping (consuming OwnedDescriptor) throws(Errno) -> Void
    ) throws(Errno) {
        self.listener = listener
        self.loop = loop
        self.limit = limit
        self.onConnection = onConnection
        try watch()
    }

    /// Listens at a path of the file system, whose file has these permission bits.
    ///
    /// - Parameter group: whom the file shall belong to; nil: the process's group.
    public convenience init(
        at path: SocketPath,
        mode: UInt32,
        group: UInt32? = nil,
        loop: ControlLoop,
        onConnection: @escaping (consuming OwnedDescriptor) throws(Errno) -> Void
    ) throws(SocketPath.BindError) {
        let listener = try path.makeSocket(.stream, mode: mode, group: group)
        do throws(Errno) {
            try UnixSocket.listen(listener)
            try self.init(listener, loop: loop, onConnection: onConnection)
        } catch {
            throw .failed(path.path, error)
        }
    }

    deinit { close() }

    private func watch() throws(Errno) {
        token = try loop.watch(listener.rawValue) { [unowned self] _ in accept() }
    }

    private func accept() {
        var count = 0
        do throws(Errno) {
            while !isClosed, count < limit, let connection = try UnixSocket.accept(listener) {
                count += 1
                try onConnection(connection)
            }
            // A limit is kept by a rest after each turn, also a small one.
            if limit != .max { rest() }
        } catch {
            rest()
        }
    }

    private func rest() {
        if let token { loop.cancel(token) }
        token = nil
        guard !isClosed else { return }
        token = loop.after(milliseconds: Self.pauseMilliseconds) { [unowned self] in
            token = nil
            do throws(Errno) { try watch() } catch { rest() }
        }
    }

    /// Accepts no more.
    public func close() {
        isClosed = true
        if let token { loop.cancel(token) }
        token = nil
    }
}
