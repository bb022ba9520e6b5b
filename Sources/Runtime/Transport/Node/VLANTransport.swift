// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// `vlan://3[untag=4/tag=10:11-12]{URL}`: some VLANs of another network. Who uses the URL sees VLAN 3 without a tag, what has
/// no tag in the network as VLAN 4, VLAN 10 as it is and VLAN 12 as 11.
///
/// A cable inside of the process does it, which gives other tags to what comes in at its ends:
///
///     user ──▶ port 1: 10 → 10, 11 → 12, 4 → none, none → 3      port 2: 10 → 10, 12 → 11, 3 → none, none → 4 ◀── nested URL
final class VLANTransport: Transport {
    private let inner: Switch
    private let cable: SingleEndpoint
    private var nested: (any Transport)?
    private var isClosed = false
    var hasPeer: Bool { nested?.hasPeer ?? true }

    init(_ url: NetworkURL, _ context: TransportContext) throws {
        guard let text = url.nested else {
            throw TransportError(.usage, "\(url): which network has the VLAN? vlan://NUMBER{URL}")
        }
        let choice = try VLANChoice(url)
        var options = SwitchOptions(directory: "")
        options.portCount = 2
        options.isHub = true
        do throws(Errno) {
            let configuration = EngineConfiguration(portCount: 3, isHub: true)
            let dataPlane = try DataPlane(configuration: configuration)
            inner = try Switch(options: options, loop: context.loop, dataPlane: dataPlane)
            cable = SingleEndpoint("\(url)", context)
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
        inner.log = context.host.log
        inner.dataPlane.setTags(port: 1, choice.towardsNetwork())
        inner.dataPlane.setTags(port: 2, choice.towardsUser())
        do {
            try InnerCable.lay(inner, port: 1, cable, module: "vlan", url)
            var place = TransportContext(host: inner, description: context.description)
            place.port = 2
            place.mayRunPrograms = context.mayRunPrograms
            place.mayUseFiles = context.mayUseFiles
            place.onLinkChange = context.onLinkChange
            place.onEnd = { [weak self] reason in self?.cable.end(reason) }
            place.onFinish = { [weak self] reason in
                self?.close()
                context.onFinish(reason)
            }
            var inside = try NodeOpener.parse(text)
            inside.resolved = url.resolved
            nested = try TransportRegistry.open(inside, place)
            // Who is behind the nested network is behind this one.
            inner.observers.append { [weak self] event in
                if case .peerChanged = event { self?.passPeerOn() }
            }
            passPeerOn()
        } catch {
            close()
            throw error
        }
        cable.onClose = { [weak self] in self?.shut() }
    }

    private func passPeerOn() {
        if let peer = inner.ports[2]?.endpoints.first?.peer { cable.setPeer(peer) }
    }

    private func shut() {
        guard !isClosed else { return }
        isClosed = true
        nested?.close()
        nested = nil
        inner.stop()
    }

    func close() {
        cable.close()
        shut()
    }
}
