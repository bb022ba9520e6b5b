// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Glibc
import LinuxSystem

extension TransportRegistry {
    /// One plain frame a message.
    static var messageSchemes: [TransportScheme] {
        [
            TransportScheme("seqpacket", syntax: "seqpacket://PATH[listen] or FD", open: SequencedPacketTransport.open),
            TransportScheme("fd", syntax: "fd://N", open: DescriptorTransport.init(_:_:)),
            TransportScheme("dgram", syntax: "dgram://LOCAL->REMOTE", open: DatagramTransport.open),
            TransportScheme("ptp", syntax: "ptp://PATH", open: DatagramTransport.openPointToPoint),
            TransportScheme("mcast", syntax: "mcast://GROUP:PORT", open: MulticastTransport.init(_:_:)),
            TransportScheme("null", syntax: "null://", open: NullTransport.init(_:_:)),
        ]
    }
}

/// `seqpacket://`: a sequenced-packet socket with one frame a message, as `bess` of User Mode Linux; a number is a
/// descriptor that this program was started with, as in vdeplug4. The other side has no carrier to show.
enum SequencedPacketTransport {
    static func open(_ url: NetworkURL, _ context: TransportContext) throws -> any Transport {
        try url.refuseOptions(except: ["listen", "mode", "reconnect"])
        if Int32(url.address) != nil { return try DescriptorTransport(url, context) }
        let path = try SocketPath(url.address, url)
        if url.has("listen") {
            return try SocketListener(
                try path.makeSocket(.sequencedPacket, url),
                path: path,
                name: "\(url) (no carrier)",
                module: "seqpacket",
                context,
                make: { .datagram(DatagramEndpoint($0, isConnection: true)) }
            )
        }
        let socket = try path.connection(.sequencedPacket, url)
        let transport = SingleEndpoint("\(url)", context)
        let number = socket.rawValue
        try transport.plug(
            .datagram(DatagramEndpoint(socket, isConnection: true)),
            identifier: number,
            module: "seqpacket",
            ending: "\(url): the other end is gone"
        )
        return transport
    }
}

/// `fd://N`: a descriptor that this program was started with: a socket of any type, or a tap.
final class DescriptorTransport: SingleEndpoint {
    init(_ url: NetworkURL, _ context: TransportContext) throws {
        super.init("\(url) (no carrier)", context)
        try url.refuseOptions(except: ["framing"])
        guard let number = Int32(url.address), number >= 0, number != 2 else {
            throw TransportError(.usage, "\(url): a descriptor's number is missing")
        }
        guard (try? FileStatus(descriptor: number)) != nil else {
            throw TransportError(.usage, "\(url): no such descriptor: this program was started without it")
        }
        let descriptor: OwnedDescriptor
        do throws(Errno) {
            // A duplicate: the URL may be opened again when the connection is kept.
            descriptor = try OwnedDescriptor.duplicate(of: number)
        } catch {
            throw TransportError(.failed, "\(url): \(error)")
        }
        let identifier = descriptor.rawValue
        let ending = "\(url): the other end is gone"
        switch UnixSocket.kind(ofDescriptor: identifier) {
        case .stream:
            let framing = try StreamTransport.framing(url, default: .long)
            let endpoint = StreamEndpoint(descriptor, framing: framing)
            try plug(.stream(endpoint), identifier: identifier, module: "fd", ending: ending)
        case .datagram:
            try plug(.datagram(DatagramEndpoint(descriptor)), identifier: identifier, module: "fd", ending: ending)
        case .sequencedPacket:
            let endpoint = DatagramEndpoint(descriptor, isConnection: true)
            try plug(.datagram(endpoint), identifier: identifier, module: "fd", ending: ending)
        case nil:
            guard let endpoint = try? TapEndpoint(descriptor) else {
                throw TransportError(.usage, "\(url): neither a socket nor a tap")
            }
            try plug(.tap(endpoint), identifier: identifier, module: "fd", ending: ending)
        }
    }
}

/// `null://`: takes everything and gives nothing.
final class NullTransport: SingleEndpoint {
    /// Only its number is used, which must be unique among living endpoints.
    private let place: OwnedDescriptor

    init(_ url: NetworkURL, _ context: TransportContext) throws {
        do throws(Errno) {
            place = try OwnedDescriptor.open("/dev/null", flags: O_RDONLY)
        } catch {
            throw TransportError(.failed, "/dev/null: \(error)")
        }
        super.init("\(url)", context)
        try plug(.null, identifier: place.rawValue, module: "null", ending: "\(url) is gone")
    }
}
