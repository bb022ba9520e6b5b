// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Wire

/// The DHCP server (RFC 2131, RFC 2132). It is the only one of its network and speaks with authority: a client that asks for
/// an address that it cannot have is told so at once.
extension Gateway {
    /// Whether a UDP packet is for the DHCP server's port.
    func isDHCP(_ frame: FrameReference, _ place: PacketPlace, pool: borrowing FramePool) -> Bool {
        let destination = place.ip.destination
        guard
            destination.isBroadcast || destination == configuration.network.broadcastAddress
                || destination == configuration.gatewayAddress,
            let header = UDPHeader.parse(pool.bytes(frame), at: place.offset, availableByteCount: place.byteCount)
        else { return false }
        return header.destinationPort == DHCP.serverPort && header.sourcePort == DHCP.clientPort
    }

    /// Answers a client.
    mutating func receiveDHCP(
        _ frame: FrameReference,
        _ place: PacketPlace,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) {
        guard configuration.isDHCPEnabled else { return counters.add(.unsupported) }
        guard let request = parseDHCP(place, pool.bytes(frame)), let type = request.messageType else { return }
        switch type {
        case .discover: answerDiscover(request, pool: &pool, output: &output, now: now)
        case .request: answerRequest(request, pool: &pool, output: &output, now: now)
        case .decline: takeDecline(request, now: now)
        case .release: takeRelease(request, now: now)
        case .inform: answerInform(request, pool: &pool, output: &output)
        case .offer, .acknowledge, .negativeAcknowledge: counters.add(.unsupported)
        }
    }

    /// Reads a client's message; one that is not to be answered is counted.
    private func parseDHCP(_ place: PacketPlace, _ bytes: Span<UInt8>) -> DHCPMessage? {
        guard let header = parseUDP(place, bytes) else { return nil }
        let start = place.offset &+ UDPHeader.byteCount
        guard place.gsoType == .none,
            let request = DHCPMessage.parse(bytes.extracting(start..<start &+ header.payloadByteCount)),
            request.operation == .request, request.gatewayAddress.isUnspecified,
            !request.hardwareAddress.isMulticast, request.hardwareAddress != .zero, request.messageType != nil
        else {
            counters.add(.malformed)
            return nil
        }
        return request
    }

    /// Whether a station other than `mac` was seen with an address lately.
    private func isTaken(_ address: IPv4Address, besides mac: MACAddress, now: UInt64) -> Bool {
        guard let neighbour = neighbours.find(address), neighbour.mac != mac else { return false }
        return now &- neighbour.seen < GatewayTunables.neighbourFreshTime
    }

    private var leaseEnd: UInt64 { UInt64(configuration.leaseSeconds) &* GatewayTunables.second }

    private mutating func answerDiscover(
        _ request: DHCPMessage,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) {
        let mac = request.hardwareAddress
        let choice = leases.choose(mac, requested: request.requestedAddress, now: now) {
            isTaken($0, besides: mac, now: now)
        }
        guard let index = choice else { return counters.add(.dhcpExhausted) }
        // A lease that still runs is not shortened by a question.
        if leases.records[index].state != .bound || !leases.isHeld(index, now: now) {
            leases.set(index, .offered, mac: mac, expires: now &+ GatewayTunables.offerTime)
        }
        var reply = DHCPMessageBuilder(replyTo: request, messageType: .offer)
        reply.yourAddress = leases.address(index)
        addParameters(&reply, request, withLease: true)
        sendDHCP(reply, request, pool: &pool, output: &output)
    }

    private mutating func answerRequest(
        _ request: DHCPMessage,
        pool: inout FramePool,
        output: inout FrameBurst,
        now: UInt64
    ) {
        let mac = request.hardwareAddress
        if let server = request.serverIdentifier, server != configuration.gatewayAddress {
            // The client took another server's offer (RFC 2131 section 3.1.3): ours is free again.
            if let index = leases.find(mac), leases.records[index].state == .offered {
                leases.set(index, .free, mac: mac, expires: 0)
            }
            return
        }
        // Selecting and rebooting clients name the address in an option, renewing ones in `ciaddr` (table 4).
        guard
            let wanted = request.requestedAddress ?? (request.clientAddress.isUnspecified ? nil : request.clientAddress)
        else { return counters.add(.malformed) }
        guard let index = leases.index(wanted), isEntitled(mac, to: index, now: now) else {
            counters.add(.dhcpRefused)
            var refusal = DHCPMessageBuilder(replyTo: request, messageType: .negativeAcknowledge)
            refusal.add(.serverIdentifier, configuration.gatewayAddress)
            refusal.add(.message, "address not available")
            return sendDHCP(refusal, request, pool: &pool, output: &output)
        }
        // A station has one address: another one that it had is free.
        if let old = leases.find(mac), old != index { leases.set(old, .free, mac: .zero, expires: 0) }
        leases.set(index, .bound, mac: mac, expires: now &+ leaseEnd)
        counters.add(.dhcpAcknowledged)
        var reply = DHCPMessageBuilder(replyTo: request, messageType: .acknowledge)
        reply.yourAddress = wanted
        reply.clientAddress = request.clientAddress
        addParameters(&reply, request, withLease: true)
        sendDHCP(reply, request, pool: &pool, output: &output)
    }

    /// The station may have the address: it is its own, or nobody's (a gateway that began anew remembers no leases).
    private func isEntitled(_ mac: MACAddress, to index: Int, now: UInt64) -> Bool {
        if leases.records[index].mac == mac.rawValue, leases.records[index].state != .declined { return true }
        return !leases.isHeld(index, now: now) && !isTaken(leases.address(index), besides: mac, now: now)
    }

    /// The client found its address in use.
    private mutating func takeDecline(_ request: DHCPMessage, now: UInt64) {
        guard let address = request.requestedAddress, let index = leases.index(address),
            leases.records[index].mac == request.hardwareAddress.rawValue
        else { return }
        leases.set(index, .declined, mac: .zero, expires: now &+ GatewayTunables.declineTime)
    }

    private mutating func takeRelease(_ request: DHCPMessage, now: UInt64) {
        guard let index = leases.index(request.clientAddress),
            leases.records[index].mac == request.hardwareAddress.rawValue, leases.records[index].state == .bound
        else { return }
        leases.set(index, .free, mac: request.hardwareAddress, expires: now)
    }

    /// A client with an address of its own asks for the rest (RFC 2131 section 4.3.5).
    private mutating func answerInform(_ request: DHCPMessage, pool: inout FramePool, output: inout FrameBurst) {
        guard configuration.network.contains(request.clientAddress) else { return counters.add(.malformed) }
        var reply = DHCPMessageBuilder(replyTo: request, messageType: .acknowledge)
        reply.clientAddress = request.clientAddress
        addParameters(&reply, request, withLease: false)
        sendDHCP(reply, request, pool: &pool, output: &output)
    }

    private func addParameters(_ reply: inout DHCPMessageBuilder, _ request: DHCPMessage, withLease: Bool) {
        reply.add(.serverIdentifier, configuration.gatewayAddress)
        if withLease {
            let lease = configuration.leaseSeconds
            reply.add(.leaseTime, lease)
            // RFC 2131 section 4.4.5: half, and seven eighths.
            reply.add(.renewalTime, lease / 2)
            reply.add(.rebindingTime, lease - lease / 8)
        }
        reply.add(.subnetMask, configuration.network.mask)
        reply.add(.routers, configuration.gatewayAddress)
        reply.add(.domainNameServers, configuration.dnsAddress)
        reply.add(.broadcastAddress, configuration.network.broadcastAddress)
        reply.add(.domainName, configuration.domain)
        if configuration.mtu != Ethernet.standardMTU || request.parameterRequestList.contains(.interfaceMTU) {
            reply.add(.interfaceMTU, UInt16(truncatingIfNeeded: configuration.mtu))
        }
    }

    /// Sends a reply where the client can hear it (RFC 2131 section 4.1). The checksum is complete: clients read it from
    /// packet sockets, where nobody finishes it for them.
    private mutating func sendDHCP(
        _ reply: DHCPMessageBuilder,
        _ request: DHCPMessage,
        pool: inout FramePool,
        output: inout FrameBurst
    ) {
        let isRefusal = reply.messageType == .negativeAcknowledge
        let destination: IPv4Address
        var mac = request.hardwareAddress
        if !request.clientAddress.isUnspecified, !isRefusal {
            destination = request.clientAddress
        } else if request.wantsBroadcast || isRefusal {
            destination = .broadcast
            mac = .broadcast
        } else {
            destination = reply.yourAddress
        }
        guard !output.isFull else { return counters.add(.outputFull) }
        let length = UDPHeader.byteCount &+ reply.byteCount
        guard let frame = pool.allocate(byteCount: Layout.transport &+ length) else {
            return counters.add(.noFrameMemory)
        }
        var bytes = pool.mutableBytes(frame)
        EthernetHeader(destination: mac, source: configuration.macAddress, type: .ipv4).emit(into: &bytes)
        let ip = IPv4Header(
            source: configuration.gatewayAddress,
            destination: destination,
            protocolNumber: IPProtocol.udp,
            totalByteCount: IPv4Header.byteCount &+ length
        )
        ip.emit(into: &bytes, at: Layout.network)
        let udp = UDPHeader(sourcePort: DHCP.serverPort, destinationPort: DHCP.clientPort, byteCount: length)
        udp.emit(into: &bytes, at: Layout.transport)
        guard reply.emit(into: &bytes, at: Layout.udpPayload) != nil else { return pool.release(frame) }
        udp.storeChecksum(into: &bytes, at: Layout.transport, pseudoHeaderSum: ip.pseudoHeaderSum)
        send(frame, output: &output)
    }
}
