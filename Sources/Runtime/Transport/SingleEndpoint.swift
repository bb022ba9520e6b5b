// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// A transport that is one endpoint, and what belongs to it.
class SingleEndpoint: Transport {
    let context: TransportContext
    var isConnecting: Bool { false }
    let name: String
    private var identifier: Int32?
    /// Runs once, when the endpoint is gone or the transport closed.
    var onClose: () -> Void = {}
    /// Runs when the endpoint has something to say.
    var onNotice: (EndpointNotice) -> Void = { _ in }

    init(_ name: String, _ context: TransportContext) {
        self.name = name
        self.context = context
    }

    /// Plugs the endpoint in.
    ///
    /// - Parameters:
    ///   - identifier: number of its descriptor.
    ///   - ending: what to say when it goes by itself.
    func plug(_ endpoint: consuming Endpoint, identifier: Int32, module: String, ending: String) throws {
        var newcomer = Newcomer(
            identifier: identifier,
            module: module,
            description: name,
            userID: nil,
            processID: CurrentProcess.id
        ) { [weak self] in self?.ended(ending) }
        newcomer.port = context.port
        newcomer.onNotice = { [weak self, context, name] notice in
            StreamNotice.log(notice, name, context)
            self?.onNotice(notice)
        }
        do throws(AttachRefusal) {
            try context.host.attach(endpoint, newcomer)
        } catch {
            throw TransportError(.failed, "\(name): \(error.message)")
        }
        self.identifier = identifier
    }

    /// Somebody is at the other side, or is not any more.
    func setPeer(_ state: PeerState) {
        if let identifier { context.host.setPeer(identifier: identifier, state) }
    }

    /// The transport's end for a reason that the endpoint does not know of.
    func end(_ reason: String) {
        guard let identifier = identifier.take() else {
            finish()
            context.onEnd(reason)
            return
        }
        context.host.detach(identifier: identifier)
        finish()
        context.onEnd(reason)
    }

    private func ended(_ reason: String) {
        guard identifier.take() != nil else { return }
        finish()
        context.onEnd(reason)
    }

    private func finish() {
        let run = onClose
        onClose = {}
        run()
    }

    func close() {
        if let identifier = identifier.take() { context.host.detach(identifier: identifier) }
        finish()
    }
}
