// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// `vlan://3[untag=4/tag=10:11]{URL}`: some VLANs of another network. Who uses the URL sees VLAN 3 without a tag, what has no
/// tag in the network as VLAN 4, and VLANs 10 and 11 as they are.
///
/// A switch with two ports between the two does it, one of ours inside of the process:
///
///     user ──▶ port 1: 3 untagged; 4, 10, 11 tagged     port 2: 4 untagged; 3, 10, 11 tagged ──▶ nested URL
final class VLANTransport: Transport {
    private let inner: Switch
    private let cable: SingleEndpoint
    private var nested: (any Transport)?
    private var isClosed = false

    init(_ url: NetworkURL, _ context: TransportContext) throws {
        guard let text = url.nested else {
            throw TransportError(.usage, "\(url): which network has the VLAN? vlan://NUMBER{URL}")
        }
        let choice = try Choice(url)
        var options = SwitchOptions(directory: "")
        options.portCount = 2
        options.isHub = true
        do throws(Errno) {
            let configuration = EngineConfiguration(portCount: 3, isHub: true)
            let dataPlane = try DataPlane(configuration: configuration)
            inner = try Switch(options: options, loop: context.loop, dataPlane: dataPlane)
            cable = SingleEndpoint("\(url)", context)
            try choice.configure(inner)
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
        inner.log = context.host.log
        do {
            try InnerCable.lay(inner, port: 1, cable, module: "vlan", url)
            var place = TransportContext(host: inner, description: context.description)
            place.port = 2
            place.onLinkChange = context.onLinkChange
            place.onEnd = { [weak self] reason in self?.cable.end(reason) }
            nested = try TransportRegistry.open(try NodeOpener.parse(text), place)
        } catch {
            close()
            throw error
        }
        cable.onClose = { [weak self] in self?.shut() }
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

    /// What the URL chooses.
    struct Choice {
        /// Seen without a tag; 0: what has no tag in the network either.
        var untagged = 0
        /// What has no tag in the network, seen with this one; 0: with none.
        var nativeTag = 0
        var tagged: [Int] = []
        var isTrunk: Bool

        init(_ url: NetworkURL) throws {
            try url.refuseOptions(except: ["u", "untag", "t", "tag", "trunk", "q", "qinq"])
            guard !url.has("q"), !url.has("qinq") else {
                throw TransportError(.unsupported, "\(url): service tags (qinq) are not supported")
            }
            // A word may stand behind the number too: vlan://5/trunk.
            let pieces = url.address.split(separator: "/").map(String.init)
            isTrunk = url.has("trunk") || pieces.dropFirst().contains("trunk")
            for piece in pieces.dropFirst() where piece != "trunk" {
                throw TransportError(.usage, "\(url): unknown option \"\(piece)\"; known are untag, tag, trunk")
            }
            if let first = pieces.first { untagged = try Self.number(first, url) }
            if let text = url.value("untag") ?? url.value("u") { nativeTag = try Self.number(text, url) }
            for token in (url.value("tag") ?? url.value("t") ?? "").split(whereSeparator: { $0 == ":" || $0 == "." }) {
                guard !token.contains("-") else {
                    throw TransportError(
                        .unsupported,
                        "\(url): tag=\(token): translation of VLAN numbers is not supported"
                    )
                }
                tagged.append(try Self.number(token, url))
            }
        }

        private static func number(_ text: some StringProtocol, _ url: NetworkURL) throws -> Int {
            guard let number = Int(text), (0...4093).contains(number) else {
                throw TransportError(.usage, "\(url): \"\(text)\" is no VLAN number; from 1 to 4093")
            }
            return number
        }

        func configure(_ element: Switch) throws(Errno) {
            let none = Int(SwitchPort.noVLAN)
            for number in Set(tagged + [untagged, nativeTag]) where number != 0 { try element.createVLAN(number) }
            for port in 1...2 {
                _ = try element.createPort(port)
                if isTrunk { try element.setTrunk(port: port, true) }
            }
            // In the network: its untagged frames are those of VLAN `nativeTag`, or nobody's when another one is untagged here.
            if nativeTag != 0 {
                try element.setUntaggedVLAN(port: 2, nativeTag)
                try element.addTagged(port: 1, nativeTag)
            } else if untagged != 0 {
                try element.setUntaggedVLAN(port: 2, none)
            }
            if untagged != 0 {
                try element.setUntaggedVLAN(port: 1, untagged)
                try element.addTagged(port: 2, untagged)
            } else if nativeTag != 0 {
                try element.setUntaggedVLAN(port: 1, none)
            }
            for number in tagged where number != untagged && number != nativeTag {
                for port in 1...2 { try element.addTagged(port: port, number) }
            }
        }
    }
}
