// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// Where a packet from a guest lies in its frame.
struct PacketPlace {
    var ip: IPv4Header
    /// The guest's Ethernet address.
    var source: MACAddress
    /// Where the transport header begins.
    var offset: Int
    /// Transport header and payload.
    var byteCount: Int
    /// The sender left the checksum to us, or vouches for it: both mean that the frame never met a wire.
    var isChecksumTrusted: Bool
    /// Type and size of a super-frame.
    var gsoType: VirtioNetHeader.GSOType
    var gsoSize: Int
}

/// Where our own frames' headers begin; they have neither tags nor IP options.
enum Layout {
    static let network = Ethernet.headerByteCount
    static let transport = network + IPv4Header.byteCount
    static let tcpPayload = transport + TCPHeader.byteCount
    static let udpPayload = transport + UDPHeader.byteCount
    /// The largest payload of a super-frame's IP packet.
    static let maximumTCPPayload = 65_535 - IPv4Header.byteCount - TCPHeader.byteCount
}

extension Gateway {
    mutating func receiveFrame<Host: GatewayHost & ~Copyable>(
        _ frame: FrameReference,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        let header = pool.header(frame)
        guard let link = parseLink(header, pool.bytes(frame)) else { return }
        switch link.type {
        case .arp:
            receiveARP(frame, source: link.source, pool: &pool, output: &output, now: now)
        case .ipv4:
            guard let ip = IPv4Header.parse(pool.bytes(frame), at: Layout.network) else {
                return counters.add(.malformed)
            }
            let place = PacketPlace(
                ip: ip,
                source: link.source,
                offset: Layout.network &+ ip.headerByteCount,
                byteCount: ip.payloadByteCount,
                isChecksumTrusted: header.needsChecksum || header.flags.contains(.dataValid),
                gsoType: header.gsoType.kind,
                gsoSize: Int(header.gsoSize)
            )
            receivePacket(
                frame,
                place,
                isBroadcast: link.destination.isBroadcast,
                pool: &pool,
                host: &host,
                output: &output,
                now: now
            )
        default:
            counters.add(.unsupported)
        }
    }

    /// Reads the Ethernet header; a frame that is not for us is counted. Tagged frames are none of ours: the port of the
    /// switch takes the tag off.
    private func parseLink(_ header: VirtioNetHeader, _ bytes: Span<UInt8>) -> EthernetHeader? {
        guard header.validate(frameByteCount: bytes.count), let ethernet = EthernetFrame(bytes),
            !ethernet.source.isMulticast, ethernet.source != .zero
        else {
            counters.add(.malformed)
            return nil
        }
        guard ethernet.destination == configuration.macAddress || ethernet.destination.isBroadcast else {
            counters.add(.notForGateway)
            return nil
        }
        return EthernetHeader(
            destination: ethernet.destination,
            source: ethernet.source,
            type: EtherType(rawValue: ethernet.rawType)
        )
    }

    private mutating func receivePacket<Host: GatewayHost & ~Copyable>(
        _ frame: FrameReference,
        _ place: PacketPlace,
        isBroadcast: Bool,
        pool: inout FramePool,
        host: inout Host,
        output: inout FrameBurst,
        now: UInt64
    ) {
        let ip = place.ip
        guard !ip.isFragment else { return counters.add(.fragments) }
        if ip.protocolNumber == IPProtocol.udp, isDHCP(frame, place, pool: pool) {
            return receiveDHCP(frame, place, pool: &pool, output: &output, now: now)
        }
        // RFC 1122 section 3.2.1.3: a source is one host, and what came by a link broadcast is for a group.
        guard !isBroadcast, configuration.network.contains(ip.source), !isOwn(ip.source),
            ip.source != configuration.network.networkAddress, ip.source != configuration.network.broadcastAddress
        else { return counters.add(.notForGateway) }
        switch ip.protocolNumber {
        case IPProtocol.tcp:
            receiveTCP(frame, place, pool: &pool, host: &host, output: &output, now: now)
        case IPProtocol.udp:
            learn(ip.source, place.source, now: now)
            receiveUDP(frame, place, pool: &pool, host: &host, output: &output, now: now)
        case IPProtocol.icmp:
            learn(ip.source, place.source, now: now)
            receiveICMP(frame, place, pool: &pool, output: &output)
        default:
            counters.add(.unsupported)
        }
    }

    /// Answers an echo request to one of our addresses.
    private mutating func receiveICMP(
        _ frame: FrameReference,
        _ place: PacketPlace,
        pool: inout FramePool,
        output: inout FrameBurst
    ) {
        guard isOwn(place.ip.destination) else { return counters.add(.prohibited) }
        // ICMP checksums are never left to a device; a super-frame of ICMP does not exist.
        let parsed = ICMPMessage.parse(pool.bytes(frame), at: place.offset, messageByteCount: place.byteCount)
        guard place.gsoType == .none, let message = parsed else { return counters.add(.malformed) }
        guard message.type == ICMPMessage.Kind.echoRequest, place.ip.headerByteCount == IPv4Header.byteCount else {
            return counters.add(.unsupported)
        }
        guard !output.isFull else { return counters.add(.outputFull) }
        guard let answer = pool.copy(frame) else { return counters.add(.noFrameMemory) }
        pool.clearHeader(of: answer)
        var bytes = pool.mutableBytes(answer)
        guard ICMPEcho.makeReply(inPlace: &bytes) else {
            counters.add(.malformed)
            return pool.release(answer)
        }
        send(answer, output: &output)
    }

    /// Hands a frame over; the caller has checked that there is room.
    mutating func send(_ frame: FrameReference, output: inout FrameBurst) {
        counters.add(.framesOut)
        output.append(frame)
    }

    /// Tells a guest why a packet of its own is not delivered. The packet is rebuilt from the flow: an IP header and the
    /// first eight bytes behind it, which is what a host needs to find the socket (RFC 792).
    mutating func sendUnreachable(
        _ error: ICMPError,
        key: FlowKey,
        protocolNumber: UInt8,
        fifthWord: UInt32,
        to mac: MACAddress,
        pool: inout FramePool,
        output: inout FrameBurst
    ) {
        guard !output.isFull else { return counters.add(.outputFull) }
        guard var frame = pool.allocateSmall() else { return counters.add(.noFrameMemory) }
        var original: [28 of UInt8] = .init(repeating: 0)
        var quoted = original.mutableSpan
        IPv4Header(
            source: key.guest,
            destination: key.remote,
            protocolNumber: protocolNumber,
            totalByteCount: 28
        ).emit(into: &quoted, at: 0)
        quoted.storeUInt16(key.guestPort, at: 20)
        quoted.storeUInt16(key.remotePort, at: 22)
        quoted.storeUInt32(fifthWord, at: 24)
        var bytes = pool.mutableBytes(frame)
        EthernetHeader(destination: mac, source: configuration.macAddress, type: .ipv4).emit(into: &bytes)
        let count = error.emit(
            source: configuration.gatewayAddress,
            quoting: quoted.span,
            at: 0,
            into: &bytes,
            at: Layout.network
        )
        guard let count else { return pool.release(frame) }
        frame.byteCount = UInt32(truncatingIfNeeded: Layout.network &+ count)
        send(frame, output: &output)
    }
}

extension HostError {
    /// What a guest is told by ICMP; nil when there is nothing to tell.
    var unreachable: ICMPError? {
        switch self {
        case .refused: .portUnreachable
        case .networkUnreachable: .networkUnreachable
        case .hostUnreachable, .timedOut: .hostUnreachable
        case .prohibited: .administrativelyProhibited
        default: nil
        }
    }
}
