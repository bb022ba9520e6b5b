// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// A transport that is one endpoint and nothing else: when it ends the transport has ended.
final class SingleEndpointTransport: Transport {
    private let context: TransportContext
    private let identifier: Int32
    private let endReason: String
    private var isOpen = true

    /// Plugs `endpoint` in.
    ///
    /// - Parameters:
    ///   - identifier: the number of a descriptor of the endpoint.
    ///   - module: kind and name, as consoles show them.
    ///   - endReason: what to say when the endpoint ends by itself.
    init(
        _ endpoint: consuming Endpoint,
        identifier: Int32,
        module: String,
        description: String,
        endReason: String,
        _ context: TransportContext
    ) throws {
        self.context = context
        self.identifier = identifier
        self.endReason = endReason
        var newcomer = Newcomer(
            identifier: identifier,
            module: module,
            description: description,
            userID: nil,
            processID: CurrentProcess.id
        ) { [weak self] in self?.end() }
        newcomer.port = context.port
        try context.host.attach(endpoint, newcomer)
    }

    private func end() {
        guard isOpen else { return }
        isOpen = false
        context.onEnd(endReason)
    }

    func close() {
        isOpen = false
        context.host.detach(identifier: identifier)
    }
}
