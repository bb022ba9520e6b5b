// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem
import Wire

extension OverlayOpener {
    /// VXLAN as RFC 7348 has it: one port for everybody, to a group, or to peers that are named.
    static func vxlan(_ url: NetworkURL, _ context: TransportContext) throws -> any Transport {
        let options = try VXLANOptions(url, defaultPort: 4789)
        let socket = try makeSocket(isIPv6: options.isIPv6, url)
        let any = InternetAddress.any(isIPv6: options.isIPv6, port: options.port)
        try bind(socket, to: options.local ?? any, url)
        var group: OwnedDescriptor?
        if let address = options.address, address.isMulticast {
            try setMulticast(socket, options, loop: false, url)
            if options.local == nil {
                try join(socket, address, options, url)
            } else {
                // A socket of one address does not hear the group.
                group = try groupSocket(address, options, url)
            }
        }
        let destinations = (options.address.map { [$0] } ?? []) + options.peers
        var configuration = OverlayConfiguration(
            framing: .vxlan(identifier: options.identifier),
            destinations: destinations
        )
        configuration.learns = destinations.count > 1 || destinations[0].isMulticast
        configuration.stationCount = options.stationCount
        configuration.ageingSeconds = options.ageingSeconds
        configuration.replyPort = options.port
        configuration.unfinishedPacketLimit = options.packetByteLimit
        // Who may join a group cannot be known.
        configuration.checksPeers = options.address?.isMulticast != true
        return try open(socket, group: group, configuration, url, context)
    }

    /// vxvde: VXLAN's header, but every process has a port of its own, so that many of a host can take part.
    static func vxvde(_ url: NetworkURL, _ context: TransportContext) throws -> any Transport {
        let options = try VXLANOptions(url, defaultPort: 14_789)
        guard let address = options.address, address.isMulticast, options.peers.isEmpty else {
            throw TransportError(.usage, "\(url): vxvde wants the address of a multicast group, or none")
        }
        let socket = try makeSocket(isIPv6: options.isIPv6, url)
        try setMulticast(socket, options, loop: true, url)
        var local = options.local ?? InternetAddress.any(isIPv6: options.isIPv6, port: 0)
        local.port = 0
        try bind(socket, to: local, url)
        let group = try groupSocket(address, options, url)
        var configuration = OverlayConfiguration(
            framing: .vxlan(identifier: options.identifier),
            destinations: [address]
        )
        configuration.learns = true
        configuration.stationCount = options.stationCount
        configuration.ageingSeconds = options.ageingSeconds
        configuration.checksPeers = false
        do throws(Errno) {
            configuration.ownPort = try UDPSocket.localAddress(socket).port
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
        configuration.announcesLeaving = true
        return try open(socket, group: group, configuration, url, context)
    }

    /// A socket that hears a group only; others of this host may hear it too.
    private static func groupSocket(
        _ address: InternetAddress,
        _ options: VXLANOptions,
        _ url: NetworkURL
    ) throws -> OwnedDescriptor {
        let socket = try makeSocket(isIPv6: options.isIPv6, url)
        try bind(socket, to: address, sharesPort: true, url)
        try join(socket, address, options, url)
        return socket
    }

    private static func join(
        _ socket: borrowing OwnedDescriptor,
        _ group: InternetAddress,
        _ options: VXLANOptions,
        _ url: NetworkURL
    ) throws {
        do throws(Errno) {
            try UDPSocket.join(socket, group, interface: options.interface)
        } catch {
            throw TransportError(
                .failed,
                "\(url): cannot join the group: \(error)"
                    + (options.interface == 0 ? "; name an interface that has a route: /if=NAME" : "")
            )
        }
    }

    private static func setMulticast(
        _ socket: borrowing OwnedDescriptor,
        _ options: VXLANOptions,
        loop: Bool,
        _ url: NetworkURL
    ) throws {
        do throws(Errno) {
            try UDPSocket.setMulticast(
                socket,
                isIPv6: options.isIPv6,
                interface: options.interface,
                hops: options.hops,
                loop: loop
            )
        } catch {
            throw TransportError(.failed, "\(url): cannot send to the group: \(error)")
        }
    }
}
