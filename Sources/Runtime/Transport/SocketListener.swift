// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem

/// A socket's path in the file system, taken over from a dead owner, and removed at the end.
final class SocketPath {
    let path: String
    let address: UnixSocketAddress
    private var isBound = false

    init(_ path: String, _ url: NetworkURL) throws {
        guard let address = UnixSocketAddress(path: path) else {
            throw TransportError(
                .usage,
                "\(url): a socket's path has 1 to \(UnixSocketAddress.maximumPathByteCount) bytes"
            )
        }
        self.path = path
        self.address = address
    }

    /// Binds; a socket that nobody listens on any more is replaced.
    func bind(_ socket: borrowing OwnedDescriptor, _ kind: UnixSocket.Kind, mode: UInt32?) throws {
        do throws(Errno) {
            try bindOnce(socket, mode)
        } catch  where error == Errno(rawValue: EADDRINUSE) {
            guard isDead(kind) else { throw TransportError(.failed, "\(path): in use by another program") }
            try? FileSystem.remove(path)
            do throws(Errno) {
                try bindOnce(socket, mode)
            } catch {
                throw TransportError(.failed, "\(path): \(error)")
            }
        } catch {
            throw TransportError(.failed, "\(path): \(error)")
        }
    }

    private func bindOnce(_ socket: borrowing OwnedDescriptor, _ mode: UInt32?) throws(Errno) {
        try UnixSocket.bind(socket, to: address)
        isBound = true
        // Between bind and listen nobody can connect yet.
        try FileSystem.setMode(path, mode ?? 0o700)
    }

    /// A socket's file whose program is gone.
    private func isDead(_ kind: UnixSocket.Kind) -> Bool {
        guard let status = try? FileStatus(path: path, followLinks: false), status.isSocket else { return false }
        do throws(Errno) {
            let probe = try UnixSocket.make(kind)
            try UnixSocket.connect(probe, to: address)
            return false
        } catch {
            return error == .connectionRefused
        }
    }

    func remove() {
        if isBound { try? FileSystem.remove(path) }
        isBound = false
    }

    deinit { remove() }
}

/// Plugs every peer that connects to a socket into the host; each goes when its connection ends.
final class SocketListener: Transport {
    private let context: TransportContext
    private let listener: OwnedDescriptor
    private let path: SocketPath?
    private let name: String
    private let make: (consuming OwnedDescriptor) -> Endpoint
    private let module: String
    private var token: ControlLoop.Token?
    private var peers: Set<Int32> = []

    /// - Parameters:
    ///   - listener: bound; listened on from here.
    ///   - module: kind of the peers, as consoles show it.
    ///   - make: the endpoint for a connection.
    init(
        _ listener: consuming OwnedDescriptor,
        path: SocketPath?,
        name: String,
        module: String,
        _ context: TransportContext,
        make: @escaping (consuming OwnedDescriptor) -> Endpoint
    ) throws {
        self.context = context
        self.listener = listener
        self.path = path
        self.name = name
        self.module = module
        self.make = make
        do throws(Errno) {
            try UnixSocket.listen(self.listener)
            try watch()
        } catch {
            throw TransportError(.failed, "\(name): \(error)")
        }
    }

    private func watch() throws(Errno) {
        token = try context.loop.watch(listener.rawValue) { [weak self] _ in self?.accept() }
    }

    private func accept() {
        do throws(Errno) {
            while let connection = try UnixSocket.accept(listener) { admit(connection) }
        } catch {
            // Out of descriptors: those who wait stay in the backlog until some are free again.
            if let token { context.loop.cancel(token) }
            token = context.loop.after(milliseconds: 200) { [weak self] in try? self?.watch() }
        }
    }

    private func admit(_ connection: consuming OwnedDescriptor) {
        let identifier = connection.rawValue
        let credentials = try? UnixSocket.credentials(connection)
        if path == nil { UnixSocket.setNoDelay(connection) }
        var newcomer = Newcomer(
            identifier: identifier,
            module: module,
            description: name,
            userID: path == nil ? nil : credentials?.userID,
            processID: path == nil ? 0 : credentials?.processID ?? 0
        ) { [weak self] in
            guard let self, peers.remove(identifier) != nil else { return }
            context.onLinkChange(!peers.isEmpty, "\(name): a peer has gone")
        }
        newcomer.port = context.port
        newcomer.onNotice = { [context, name] in StreamNotice.log($0, name, context) }
        peers.insert(identifier)
        do {
            try context.host.attach(make(connection), newcomer)
            context.onLinkChange(true, "\(name): a peer has come")
        } catch {
            peers.remove(identifier)
            context.host.log("\(name): refused a peer: \(error.message)")
        }
    }

    func close() {
        if let token { context.loop.cancel(token) }
        token = nil
        let present = peers
        peers = []
        for identifier in present { context.host.detach(identifier: identifier) }
        path?.remove()
    }
}

/// What a stream's endpoint has to say, in words.
enum StreamNotice {
    static func log(_ notice: EndpointNotice, _ name: String, _ context: TransportContext) {
        guard notice.kind == .streamBroken else { return }
        context.host.log("\(name): a length of \(notice.value) in the stream: no frame has it; closed")
    }
}
