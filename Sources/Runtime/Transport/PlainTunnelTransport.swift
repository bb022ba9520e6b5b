// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import LinuxSystem

/// One end of uml_switch2's tunnel (`port`, `remote`), `umlswitch2://HOST:PORT`: each UDP datagram is one plain frame, and
/// both ends use the same port.
///
/// Nothing is encrypted and nobody proves who he is: only the source's address and port are compared, which anybody on the
/// way can forge. For links that are protected otherwise, and for the original program at the other end.
final class PlainTunnelTransport: SingleEndpoint {
    init(_ url: NetworkURL, _ context: TransportContext) throws {
        let place = try TunnelURL(url, known: ["plain", "gso"])
        guard let remote = try place.remoteAddress() else {
            throw TransportError(.usage, "\(url): who is the peer? give umlswitch2://HOST:PORT")
        }
        super.init("plain tunnel to \(remote)", context)
        let socket = try Self.socket(remote)
        let number = socket.rawValue
        var configuration = OverlayConfiguration(framing: .plain, destinations: [remote])
        configuration.isSegmented = try place.isOn("gso", default: true)
        if configuration.isSegmented { try? UDPSocket.coalesce(socket) }
        let endpoint = OverlayEndpoint(socket, configuration: configuration, seed: CurrentProcess.random())
        try plug(.overlay(endpoint), identifier: number, module: "udp", ending: "\(name): its socket failed")
        context.host.log("\(name): not encrypted, and anybody on the way can forge its frames")
    }

    private static func socket(_ remote: InternetAddress) throws -> OwnedDescriptor {
        do throws(Errno) {
            let socket = try UDPSocket.make(isIPv6: remote.isIPv6)
            // A frame of the usual size is larger than what a link of the usual MTU takes behind two more headers.
            try UDPSocket.allowFragments(socket, isIPv6: remote.isIPv6)
            try UDPSocket.bind(socket, to: InternetAddress.any(isIPv6: remote.isIPv6, port: remote.port))
            return socket
        } catch {
            throw TransportError(.failed, "UDP port \(remote.port): \(error)")
        }
    }
}
