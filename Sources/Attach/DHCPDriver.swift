// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
public import Wire

/// Connects a DHCP client with its interface: packets one way, addresses the other.
///
/// A class because a stack keeps several in an array; it belongs to the stack's thread.
public final class DHCPDriver {
    let interface: Int32
    private let socket: PacketSocket
    private(set) var client: DHCPClient
    /// Read no more than this many packets at a time, or a flood of them would keep a supervisor from everything else.
    private static let burst = 64

    /// Takes over a packet socket of no protocol, made in the interface's network namespace.
    public init(
        socket descriptor: consuming OwnedDescriptor,
        interface: Int32,
        hardwareAddress: MACAddress,
        hostName: String?
    ) throws(Errno) {
        self.interface = interface
        socket = try PacketSocket(adopting: descriptor, interface: interface, etherType: 0x0800)
        client = DHCPClient(hardwareAddress: hardwareAddress, hostName: hostName, seed: CurrentProcess.random())
    }

    /// Readable when `handleEvents` has work.
    public var rawDescriptor: Int32 { socket.rawDescriptor }
    /// When it has work at the latest; monotonic nanoseconds.
    public var nextDeadline: UInt64? { client.nextDeadline }

    /// What became of the interface's address.
    public enum Change {
        case configure(DHCPLease)
        case deconfigure(DHCPLease)
    }

    public func start() -> [Change] { perform(client.start(now: MonotonicClock.nanoseconds)) }

    /// Gives the address back.
    public func release() { _ = perform(client.release()) }

    /// Reads what has come and does what is due.
    public func handleEvents() -> [Change] {
        var changes: [Change] = []
        for _ in 0..<Self.burst {
            // An interface that is down, or gone, has no packets: its time will come, or the command's end.
            guard let packet = (try? socket.receive()).flatMap({ $0 }) else { break }
            guard let message = DHCPPacket.parse(packet.bytes, isChecksumMissing: packet.isChecksumMissing) else {
                continue
            }
            let station = MACAddress(packet.sender.span, at: 0)
            changes += perform(client.receive(message, from: station, now: MonotonicClock.nanoseconds))
        }
        return changes + perform(client.advance(now: MonotonicClock.nanoseconds))
    }

    private func perform(_ actions: [DHCPClient.Action]) -> [Change] {
        actions.compactMap { action in
            switch action {
            case .broadcast(let message):
                send(message, from: .unspecified, to: .broadcast, station: .broadcast)
            case .unicast(let message, let source, let server, let station):
                send(message, from: source, to: server, station: station)
            case .configure(let lease): return .configure(lease)
            case .deconfigure(let lease): return .deconfigure(lease)
            }
            return nil
        }
    }

    /// What is lost here is sent again at the client's next deadline.
    private func send(
        _ message: DHCPMessageBuilder,
        from source: IPv4Address,
        to destination: IPv4Address,
        station: MACAddress
    ) {
        guard let packet = DHCPPacket.make(message, from: source, to: destination) else { return }
        try? socket.send(packet, to: (0..<6).map { station.octet($0) })
    }
}

/// DHCP messages as IPv4 packets.
enum DHCPPacket {
    /// A client's message in a UDP datagram. Nil when it is longer than a datagram may be.
    static func make(_ message: DHCPMessageBuilder, from source: IPv4Address, to destination: IPv4Address) -> [UInt8]? {
        let udpByteCount = UDPHeader.byteCount + message.byteCount
        let ip = IPv4Header(
            source: source,
            destination: destination,
            protocolNumber: IPProtocol.udp,
            totalByteCount: IPv4Header.byteCount + udpByteCount
        )
        let udp = UDPHeader(sourcePort: DHCP.clientPort, destinationPort: DHCP.serverPort, byteCount: udpByteCount)
        var packet = [UInt8](repeating: 0, count: ip.totalByteCount)
        var span = packet.mutableSpan
        guard message.emit(into: &span, at: IPv4Header.byteCount + UDPHeader.byteCount) != nil,
            udp.emit(into: &span, at: IPv4Header.byteCount) != nil, ip.emit(into: &span, at: 0) != nil,
            udp.storeChecksum(into: &span, at: IPv4Header.byteCount, pseudoHeaderSum: ip.pseudoHeaderSum)
        else { return nil }
        return packet
    }

    /// A server's message to a client; nil when the packet is anything else, or damaged.
    ///
    /// - Parameter isChecksumMissing: the UDP checksum was never computed; what is in its place means nothing.
    static func parse(_ packet: [UInt8], isChecksumMissing: Bool) -> DHCPMessage? {
        let span = packet.span
        guard let ip = IPv4Header.parse(span, at: 0), ip.protocolNumber == IPProtocol.udp, !ip.isFragment,
            let udp = UDPHeader.parse(span, at: ip.headerByteCount, availableByteCount: ip.payloadByteCount),
            udp.sourcePort == DHCP.serverPort, udp.destinationPort == DHCP.clientPort
        else { return nil }
        let start = ip.headerByteCount
        if udp.checksum != 0, !isChecksumMissing {
            let sum = InternetChecksum.pseudoHeader(
                source: ip.source,
                destination: ip.destination,
                protocolNumber: ip.protocolNumber,
                byteCount: udp.byteCount
            )
            guard InternetChecksum.verify(span, from: start, to: start + udp.byteCount, initial: sum) else {
                return nil
            }
        }
        return DHCPMessage.parse(span.extracting(start + UDPHeader.byteCount..<start + udp.byteCount))
    }
}
