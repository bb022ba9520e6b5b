// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

extension TransportRegistry {
    /// Networks carried in UDP datagrams.
    static var overlaySchemes: [TransportScheme] {
        [
            TransportScheme("udp", syntax: "udp://[SOURCE:]PORT->HOST:PORT[/gso=on]", open: OverlayOpener.udp),
            TransportScheme(
                "vxlan",
                syntax: "vxlan://[GROUP|PEER][/port=4789/vni=1/ttl=1/if=NAME/peers=HOST,HOST/local=ADDRESS]",
                open: OverlayOpener.vxlan
            ),
            TransportScheme(
                "vxvde",
                syntax: "vxvde://[GROUP][/port=14789/vni=1/ttl=1/if=NAME]",
                open: OverlayOpener.vxvde
            ),
            TransportScheme(
                "l2tpv3",
                syntax: "l2tpv3://[SOURCE:]PORT->HOST:PORT/rx_session=N/tx_session=N",
                open: OverlayOpener.l2tpv3
            ),
        ]
    }
}

/// Makes the sockets of overlays. Each function opens one scheme.
enum OverlayOpener {
    /// A socket in use, or an address that is not there, in words that help.
    static func bind(
        _ socket: borrowing OwnedDescriptor,
        to address: InternetAddress,
        sharesPort: Bool = false,
        _ url: NetworkURL
    ) throws {
        do throws(Errno) {
            try UDPSocket.bind(socket, to: address, sharesPort: sharesPort)
        } catch {
            switch error {
            case .addressInUse:
                throw TransportError(
                    .failed,
                    "\(url): UDP port \(address.port) is in use on this host by another program"
                )
            case .accessDenied, .notPermitted:
                throw TransportError(
                    .unsupported,
                    "\(url): UDP port \(address.port) is reserved for root on this host; choose one from 1024 on"
                )
            default: throw TransportError(.failed, "\(url): cannot bind to \(address): \(error)")
            }
        }
    }

    static func makeSocket(isIPv6: Bool, _ url: NetworkURL) throws -> OwnedDescriptor {
        do throws(Errno) {
            let socket = try UDPSocket.make(isIPv6: isIPv6)
            try UDPSocket.allowFragments(socket, isIPv6: isIPv6)
            if isIPv6 { UDPSocket.acceptZeroChecksum(socket) }
            return socket
        } catch {
            throw TransportError(.failed, "\(url): no UDP socket: \(error)")
        }
    }

    static func lookUp(
        _ name: String,
        port: UInt16,
        family: NameLookUp.Family = .any,
        _ url: NetworkURL
    ) throws -> InternetAddress {
        do throws(NameLookUp.Failure) {
            return try url.lookUp(name, port: port, family: family)
        } catch {
            throw TransportError(.unreachable, "\(url): \(name): \(error)")
        }
    }

    static func number(_ text: some StringProtocol, upTo limit: UInt16 = .max, _ url: NetworkURL) throws -> UInt16 {
        guard let number = UInt16(text), number <= limit else {
            throw TransportError(.usage, "\(url): \"\(text)\" is no port number")
        }
        return number
    }

    /// `[SOURCE:]PORT->HOST:PORT`.
    static func endpoints(_ url: NetworkURL) throws -> (local: InternetAddress, peer: InternetAddress) {
        guard let arrow = url.address.firstRange(of: "->") else {
            throw TransportError(.usage, "\(url): wants [SOURCE:]PORT->HOST:PORT, in quotes for the shell")
        }
        let (source, sourcePort) = try hostAndPort(url.address[..<arrow.lowerBound], isHostNeeded: false, url)
        let (host, port) = try hostAndPort(url.address[arrow.upperBound...], isHostNeeded: true, url)
        guard port != 0 else { throw TransportError(.usage, "\(url): port 0 is nobody's") }
        guard let source else {
            let peer = try lookUp(host ?? "", port: port, url)
            return (InternetAddress.any(isIPv6: peer.isIPv6, port: sourcePort), peer)
        }
        let local = try lookUp(source, port: sourcePort, url)
        return (local, try lookUp(host ?? "", port: port, family: local.isIPv6 ? .ipv6 : .ipv4, url))
    }

    private static func hostAndPort(
        _ text: Substring,
        isHostNeeded: Bool,
        _ url: NetworkURL
    ) throws -> (host: String?, port: UInt16) {
        guard let colon = text.lastIndex(of: ":") else {
            guard !isHostNeeded else {
                throw TransportError(.usage, "\(url): where to? wants HOST:PORT behind \"->\"")
            }
            return (nil, try number(text, url))
        }
        let host = text[..<colon]
        guard !host.isEmpty, !host.contains(":") || host.hasPrefix("[") && host.hasSuffix("]") else {
            throw TransportError(.usage, "\(url): \"\(text)\" is no HOST:PORT; an IPv6 address goes in brackets")
        }
        return (String(host), try number(text[text.index(after: colon)...], url))
    }

    /// Plugs an overlay in.
    static func open(
        _ socket: consuming OwnedDescriptor,
        group: consuming OwnedDescriptor?,
        _ configuration: OverlayConfiguration,
        _ url: NetworkURL,
        _ context: TransportContext
    ) throws -> any Transport {
        if configuration.isSegmented {
            // Refused by kernels before 5.0: then datagrams come one by one.
            try? UDPSocket.coalesce(socket)
            switch group {
            case .some(let group): try? UDPSocket.coalesce(group)
            case nil: break
            }
        }
        let identifier = socket.rawValue
        let transport = SingleEndpoint("\(url)", context)
        try transport.plug(
            .overlay(
                OverlayEndpoint(socket, group: group, configuration: configuration, seed: CurrentProcess.random())
            ),
            identifier: identifier,
            module: url.scheme,
            ending: "\(url): the socket has failed"
        )
        return transport
    }

    static func udp(_ url: NetworkURL, _ context: TransportContext) throws -> any Transport {
        try url.refuseOptions(except: ["gso"])
        let (local, peer) = try endpoints(url)
        let socket = try makeSocket(isIPv6: peer.isIPv6, url)
        try bind(socket, to: local, url)
        var configuration = OverlayConfiguration(framing: .plain, destinations: [peer])
        configuration.isSegmented = try url.isOn("gso", default: true)
        return try open(socket, group: nil, configuration, url, context)
    }
}
