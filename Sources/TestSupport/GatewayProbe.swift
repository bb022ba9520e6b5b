// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
public import Gateway
import Wire

/// Plays bytes as a script against a gateway: a hostile guest, a moody host and a clock. Tests and the fuzz target share it.
///
/// What it checks: nothing traps (the fake host traps when it is used against its rules), work comes to an end, no frame is
/// leaked, every frame sent is one that could be sent, and when all timers have run out nothing is left but what hosts hold.
public struct GatewayProbe: ~Copyable {
    private var state: StateMemory
    private var gateway: Gateway
    private var pool = FramePool(smallCount: 64, largeCount: 16)
    private var output = FrameBurst(capacity: 16)
    private var host = FakeHost()
    private var now: UInt64 = 1_000_000_000
    private let mac: MACAddress
    private let mtu: Int
    /// Numbers that the gateway's segments told, so that the script's segments hit: by guest port.
    private var expected: [UInt16: UInt32] = [:]
    private var next: [UInt16: UInt32] = [:]

    /// Frames that the gateway sent.
    public private(set) var sentCount = 0
    public var counters: GatewayCounters { gateway.counters }

    private static let far = IPv4Address(192, 0, 2, 9)
    private static let guestMAC = MACAddress(rawValue: 0x0200_0000_0001)

    public init() {
        guard let network = IPv4Network("10.0.2.0/24"), var configuration = try? GatewayConfiguration(network: network)
        else { fatalError("a usual network is refused") }
        configuration.seed = 7
        configuration.isDHCPEnabled = true
        configuration.limits.tcpFlowCount = 12
        configuration.limits.udpFlowCount = 6
        configuration.limits.halfOpenCount = 6
        configuration.limits.spillChunkCount = 4
        configuration.limits.spillByteCountPerFlow = 40_000
        configuration.limits.neighbourCount = 64
        configuration.limits.leaseCount = 4
        configuration.resolvers = [
            HostEndpoint(address: .loopback, port: 53), HostEndpoint(address: IPv4Address(192, 0, 2, 53), port: 53),
        ]
        configuration.forwards = [
            PortForward(transport: .tcp, hostPort: 1, guestAddress: IPv4Address(10, 0, 2, 50), guestPort: 80),
            PortForward(transport: .udp, hostPort: 2, guestAddress: IPv4Address(10, 0, 2, 51), guestPort: 81),
        ]
        state = StateMemory(byteCount: Gateway.stateByteCount(configuration) + 8192)
        gateway = Gateway(configuration: configuration, state: &state)
        mac = configuration.macAddress
        mtu = configuration.mtu
    }

    /// Plays a script to its end, lets every timer run out, and checks what is left.
    public static func run(_ script: [UInt8]) -> Int {
        var probe = GatewayProbe()
        var reader = ScriptReader(script)
        var steps = 0
        while !reader.isAtEnd, steps < 600 {
            probe.step(&reader)
            steps += 1
        }
        // Without descriptors accepting would be tried again for ever.
        probe.host.acceptError = nil
        probe.settle()
        for _ in 0..<400 {
            probe.now += 60_000_000_000
            probe.expire()
        }
        precondition(probe.gateway.nextDeadline == nil, "a timer never ends")
        precondition(probe.pool.freeSmallCount == 64 && probe.pool.freeLargeCount == 16, "a frame is leaked")
        precondition(probe.counters[.udpFlows] == 0 && probe.counters[.tcpHalfOpen] == 0, "a flow is leaked")
        let open = probe.host.sockets.count { !$0.isUDP && !$0.isClosed && !$0.isReset }
        precondition(Int(probe.counters[.tcpFlows]) == open, "a socket is leaked")
        return probe.sentCount
    }

    private mutating func step(_ reader: inout ScriptReader) {
        switch reader.byte() % 13 {
        case 0, 1, 2, 3: sendSegment(&reader)
        case 4: sendDatagram(&reader)
        case 5: sendARP(&reader)
        case 6: sendDHCP(&reader)
        case 7: sendRaw(&reader)
        case 8, 9: hostActs(&reader)
        case 10: clientComes(&reader)
        case 11:
            now += UInt64(reader.byte()) * UInt64(reader.byte()) * 1_000_000
            expire()
        default: settle()
        }
        // Bursts end now and then on their own.
        if output.freeCount < 4 { settle() }
    }

    // MARK: The guest

    private mutating func sendSegment(_ reader: inout ScriptReader) {
        let choice = reader.byte()
        let port = UInt16(choice % 4 == 3 ? 80 : 40_000 + Int(choice % 4))
        let remote: (IPv4Address, UInt16) =
            switch choice >> 4 & 3 {
            case 0: (Self.far, 80)
            case 1: (IPv4Address(10, 0, 2, 3), 53)
            case 2: (IPv4Address(10, 0, 2, 2), 7)
            default: (IPv4Address(198, 51, 100, 7), 5000)
            }
        let flags = TCPFlags(rawValue: reader.byte() & 0x3f)
        let shift = Int8(bitPattern: reader.byte())
        let sequence = (next[port] ?? 1000) &+ UInt32(bitPattern: Int32(shift) / 32 * 200)
        let acknowledgement = (expected[port] ?? 0) &- UInt32(reader.byte() / 32) &* 700
        let size = Int(reader.byte()) * (choice & 0x80 == 0 ? 1 : 120)
        let options: TCPOptions =
            flags.contains(.syn)
            ? TCPOptions(maximumSegmentSize: UInt16(reader.byte()) * 8, windowScale: choice & 0x40 == 0 ? nil : 7)
            : TCPOptions()
        var segment = [UInt8](repeating: 0, count: 20 + options.byteCount + size)
        var span = segment.mutableSpan
        TCPHeader(
            sourcePort: port,
            destinationPort: remote.1,
            sequence: sequence,
            acknowledgement: acknowledgement,
            flags: flags,
            window: UInt16(reader.byte()) << 8
        ).emit(into: &span, at: 0, options: options)
        if shift / 32 == 0 {
            next[port] = sequence &+ UInt32(size) &+ (flags.contains(.syn) ? 1 : 0) &+ (flags.contains(.fin) ? 1 : 0)
        }
        sendIP(6, to: remote.0, segment)
    }

    private mutating func sendDatagram(_ reader: inout ScriptReader) {
        let choice = reader.byte()
        var data = (0..<Int(reader.byte())).map { _ in reader.byte() }
        if choice & 8 != 0 { data += [UInt8](repeating: 1, count: 4000) }
        let remote: (IPv4Address, UInt16) =
            choice & 4 == 0 ? (IPv4Address(10, 0, 2, 3), 53) : (Self.far, UInt16(choice >> 4))
        var datagram = [UInt8](repeating: 0, count: 8)
        var span = datagram.mutableSpan
        UDPHeader(sourcePort: 5000 + UInt16(choice & 3), destinationPort: remote.1, byteCount: 8 + data.count)
            .emit(into: &span, at: 0)
        let isSuperFrame = choice & 8 != 0 && choice & 0x80 != 0
        sendIP(
            17,
            to: remote.0,
            datagram + data,
            header: isSuperFrame
                ? VirtioNetHeader(
                    flags: .needsChecksum,
                    gsoType: .udpL4,
                    gsoSize: 1000,
                    checksumStart: 34,
                    checksumOffset: 6
                )
                : VirtioNetHeader(flags: .dataValid)
        )
    }

    private mutating func sendARP(_ reader: inout ScriptReader) {
        let message = ARPMessage(
            operation: .init(rawValue: UInt16(reader.byte() % 3)),
            senderMAC: Self.guestMAC,
            senderIP: IPv4Address(10, 0, 2, reader.byte()),
            targetMAC: mac,
            targetIP: IPv4Address(10, 0, 2, reader.byte())
        )
        var body = [UInt8](repeating: 0, count: ARPMessage.byteCount)
        var span = body.mutableSpan
        message.emit(into: &span, at: 0)
        inject(ethernet(.arp, body), .plain)
    }

    private mutating func sendDHCP(_ reader: inout ScriptReader) {
        let type = DHCPMessageType(rawValue: reader.byte() % 9) ?? .discover
        var builder = DHCPMessageBuilder(
            operation: .request,
            messageType: type,
            transactionIdentifier: 5,
            hardwareAddress: MACAddress(rawValue: 0x0200_0000_0100 | UInt64(reader.byte() % 8))
        )
        let choice = reader.byte()
        let address = IPv4Address(10, 0, 2, 13 + reader.byte() % 8)
        if choice & 1 != 0 { builder.add(.requestedAddress, address) }
        if choice & 2 != 0 { builder.clientAddress = address }
        if choice & 4 != 0 { builder.add(.serverIdentifier, IPv4Address(10, 0, 2, 2 + choice >> 7)) }
        let length = 8 + builder.byteCount
        var datagram = [UInt8](repeating: 0, count: length)
        var span = datagram.mutableSpan
        UDPHeader(sourcePort: 68, destinationPort: 67, byteCount: length).emit(into: &span, at: 0)
        _ = builder.emit(into: &span, at: 8)
        sendIP(17, to: .broadcast, datagram)
    }

    /// Bytes of the script as they are, perhaps behind good headers.
    private mutating func sendRaw(_ reader: inout ScriptReader) {
        let choice = reader.byte()
        let bytes = (0..<Int(reader.byte())).map { _ in reader.byte() }
        let header = VirtioNetHeader(
            flags: .init(rawValue: choice & 3),
            gsoType: .init(rawValue: choice >> 5),
            gsoSize: UInt16(reader.byte()) * 4,
            checksumStart: UInt16(reader.byte()),
            checksumOffset: UInt16(reader.byte())
        )
        switch choice >> 2 & 3 {
        case 0: inject(bytes, header)
        case 1: inject(ethernet(.ipv4, bytes), header)
        case 2: sendIP(bytes.first ?? 0, to: Self.far, bytes, header: header)
        default: sendIP(6, to: Self.far, bytes, header: header)
        }
    }

    private func ethernet(_ type: EtherType, _ payload: [UInt8]) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 14)
        var span = header.mutableSpan
        EthernetHeader(destination: mac, source: Self.guestMAC, type: type).emit(into: &span)
        return header + payload
    }

    private mutating func sendIP(
        _ protocolNumber: UInt8,
        to destination: IPv4Address,
        _ payload: [UInt8],
        header: VirtioNetHeader = VirtioNetHeader(flags: .dataValid)
    ) {
        var ip = [UInt8](repeating: 0, count: 20)
        var span = ip.mutableSpan
        IPv4Header(
            source: IPv4Address(10, 0, 2, 50),
            destination: destination,
            protocolNumber: protocolNumber,
            totalByteCount: min(20 + payload.count, 65_535)
        ).emit(into: &span, at: 0)
        inject(ethernet(.ipv4, ip + payload), header)
    }

    private mutating func inject(_ bytes: [UInt8], _ header: VirtioNetHeader) {
        guard let frame = pool.allocate(byteCount: min(bytes.count, FramePool.largeCapacity)) else { return settle() }
        var target = pool.mutableBytes(frame)
        for index in target.indices { target[index] = bytes[index] }
        pool.setHeader(header, of: frame)
        gateway.receive(frame, pool: &pool, host: &host, output: &output, now: now)
        pool.release(frame)
    }

    // MARK: The host

    private mutating func hostActs(_ reader: inout ScriptReader) {
        let choice = reader.byte()
        let size = Int(reader.byte()) * 200
        switch choice % 8 {
        case 0: host.defaultAnswer = [.connect, .wait, .fail(.refused), .fail(.hostUnreachable)][size / 200 % 4]
        case 1: host.udpErrors[HostEndpoint(address: .loopback, port: 53)] = size > 10_000 ? .exhausted : nil
        default:
            guard !host.sockets.isEmpty else { return }
            let index = max(0, host.sockets.count - 1 - Int(reader.byte() % 8))
            let socket = host.sockets[index]
            guard !socket.isClosed, !socket.isReset else { return }
            switch choice % 8 {
            case 2: host.sockets[index].isConnected = true
            case 3 where !socket.isEnded:
                host.sockets[index].received += [UInt8](repeating: choice, count: size)
            case 4: host.sockets[index].isEnded = true
            case 5: host.sockets[index].error = [.refused, .reset, .timedOut, .tooLong][size / 200 % 4]
            case 6: host.sockets[index].room = size
            default: host.sockets[index].receivedDatagrams.append([UInt8](repeating: 0x12, count: size / 4))
            }
            let events = HostEvents(rawValue: UInt32(reader.byte()) & 31).union([.readable, .writable])
            gateway.hostReady(socket.token, events: events, pool: &pool, host: &host, output: &output, now: now)
        }
    }

    private mutating func clientComes(_ reader: inout ScriptReader) {
        let choice = reader.byte()
        let peer = HostEndpoint(
            address: choice & 1 == 0 ? .loopback : IPv4Address(198, 51, 100, 7),
            port: 5000 + UInt16(choice >> 4)
        )
        if choice & 2 == 0 {
            host.waiting[0, default: []].append(peer)
        } else {
            let datagram = [UInt8](repeating: 9, count: Int(reader.byte()) * 20)
            host.forwardDatagrams[1, default: []].append((datagram, peer))
        }
        host.acceptError = choice & 0x0c == 0x0c ? .exhausted : nil
        gateway.hostReady(
            .forward(choice & 2 == 0 ? 0 : 1),
            events: .readable,
            pool: &pool,
            host: &host,
            output: &output,
            now: now
        )
    }

    // MARK: The loop

    private mutating func settle() {
        gateway.finishBurst(pool: &pool, host: &host, output: &output, now: now)
        collect()
        var turns = 0
        while gateway.hasPendingWork {
            gateway.continueWork(pool: &pool, host: &host, output: &output, now: now)
            collect()
            turns += 1
            precondition(turns < 5000, "work never ends")
        }
    }

    private mutating func expire() {
        var turns = 0
        while let deadline = gateway.nextDeadline, deadline <= now {
            gateway.expire(pool: &pool, host: &host, output: &output, now: now)
            settle()
            turns += 1
            precondition(turns < 5000, "timers never end")
        }
        settle()
    }

    /// Takes the burst, as the port that sends it would, and notes the numbers.
    private mutating func collect() {
        for index in 0..<output.count {
            let frame = output[index]
            let header = pool.header(frame)
            precondition(header.validate(frameByteCount: Int(frame.byteCount)), "a header that contradicts its frame")
            if let segment = Self.check(pool.bytes(frame), mac: mac, mtu: header.isSuperFrame ? 65_535 : mtu) {
                note(segment)
            }
            pool.release(frame)
            sentCount += 1
        }
        output.removeAll()
    }

    /// A frame must be one that could be sent. Of a segment, its header and its length come back.
    private static func check(_ bytes: Span<UInt8>, mac: MACAddress, mtu: Int) -> (header: TCPHeader, byteCount: Int)? {
        guard let ethernet = EthernetFrame(bytes), ethernet.source == mac else {
            preconditionFailure("a forged source")
        }
        guard ethernet.type == .ipv4 else { return nil }
        guard let ip = IPv4Header.parse(bytes, at: 14) else { preconditionFailure("a malformed packet was sent") }
        precondition(ip.totalByteCount <= mtu, "a packet beyond the MTU was sent")
        guard ip.protocolNumber == 6 else { return nil }
        guard let tcp = TCPHeader.parse(bytes, at: 34, segmentByteCount: ip.payloadByteCount) else {
            preconditionFailure("a malformed segment was sent")
        }
        return (tcp, ip.payloadByteCount - tcp.headerByteCount)
    }

    private mutating func note(_ segment: (header: TCPHeader, byteCount: Int)) {
        let tcp = segment.header
        let length = UInt32(segment.byteCount) &+ (tcp.flags.contains(.syn) ? 1 : 0)
        expected[tcp.destinationPort] = tcp.sequence &+ length &+ (tcp.flags.contains(.fin) ? 1 : 0)
        if tcp.flags.contains(.ack) { next[tcp.destinationPort] = tcp.acknowledgement }
    }
}

/// Reads a script; behind its end there are zeros.
struct ScriptReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position >= bytes.count }

    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }
}
