// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

extension TransportRegistry {
    /// Networks that live in the process which first names them, and networks inside of networks.
    static var nodeSchemes: [TransportScheme] {
        [
            TransportScheme("switch", syntax: "switch://[DIRECTORY][[OPTION/OPTION]]") {
                try NodeOpener.open($0, $1, isHub: false)
            },
            TransportScheme("hub", syntax: "hub://[DIRECTORY][[OPTION/OPTION]]") {
                try NodeOpener.open($0, $1, isHub: true)
            },
            TransportScheme(
                "vlan",
                syntax: "vlan://[NUMBER][[untag=NUMBER/tag=N:N-N/trunk/qinq]]{URL}",
                open: VLANTransport.init(_:_:)
            ),
        ]
    }
}

/// A cable inside of the process: a channel between a switch that lives here and the place where its URL was named.
enum InnerCable {
    /// Plugs one end into `inner`, and the other one in as `transport`'s endpoint.
    static func lay(
        _ inner: Switch,
        port: Int,
        _ transport: SingleEndpoint,
        module: String,
        _ url: NetworkURL
    ) throws {
        let pair = try Self.pair(url)
        let one = try Self.copy(pair.first, url)
        let other = try Self.copy(pair.second, url)
        let (near, far) = (one.rawValue, other.rawValue)
        var newcomer = Newcomer(
            identifier: far,
            module: module,
            description: "\(url)",
            userID: nil,
            processID: CurrentProcess.id
        )
        newcomer.port = port
        do throws(AttachRefusal) {
            try inner.attach(.channel(ChannelEndpoint(other)), newcomer)
        } catch {
            throw TransportError(.failed, "\(url): \(error.message)")
        }
        try transport.plug(
            .channel(ChannelEndpoint(one)),
            identifier: near,
            module: module,
            ending: "\(url): the network inside has ended"
        )
    }

    private static func pair(_ url: NetworkURL) throws -> DescriptorPair {
        do throws(Errno) {
            return try UnixSocket.pair(.sequencedPacket)
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
    }

    private static func copy(_ end: borrowing OwnedDescriptor, _ url: NetworkURL) throws -> OwnedDescriptor {
        do throws(Errno) {
            return try end.duplicate()
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
    }
}
