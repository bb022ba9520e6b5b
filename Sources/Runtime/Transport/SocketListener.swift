// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem

/// Plugs every peer that connects to a socket into the host; each goes when its connection ends.
final class SocketListener: Transport {
    private let context: TransportContext
    private let path: SocketPath?
    private let name: String
    private let make: (consuming OwnedDescriptor) -> Endpoint
    private let module: String
    private var acceptor: Acceptor?
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
        self.path = path
        self.name = name
        self.module = module
        self.make = make
        do throws(Errno) {
            try UnixSocket.listen(listener)
            acceptor = try Acceptor(listener, loop: context.loop) { [unowned self] connection throws(Errno) in
                admit(connection)
            }
        } catch {
            throw TransportError(.failed, "\(name): \(error)")
        }
    }

    private func admit(_ connection: consuming OwnedDescriptor) {
        let identifier = connection.rawValue
        let credentials = try? UnixSocket.credentials(connection)
        if path == nil {
            UnixSocket.setNoDelay(connection)
            UnixSocket.noticeDeadPeer(connection)
        }
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
        acceptor = nil
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
