// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TestTraits
import Testing
import Wire

@testable import Attach

/// How a server treats the UDP checksum of what it sends.
enum ChecksumTreatment: Sendable, CaseIterable {
    case computed
    /// RFC 768: no checksum.
    case absent
    /// Left to hardware, as the kernel does between virtual interfaces of one host.
    case offloaded
    /// The first reply of each kind is damaged.
    case wrongFirst
}

/// A DHCP server and a router behind a stack's tap, for one client.
private struct Network: Sendable {
    let frames: TapFrames
    static let hardwareAddress: [UInt8] = [2, 0, 0, 0, 0, 2]

    /// Answers DISCOVER and REQUEST until the lease is given.
    func serve(_ treatment: ChecksumTreatment) throws {
        var isDamaged = treatment == .wrongFirst
        while true {
            let frame = try frames.next {
                $0.count > 42 && Array($0[12..<14]) == [8, 0] && Array($0[36..<38]) == [0, 67]
            }
            guard let request = DHCPMessage.parse(frame.span.extracting(42..<frame.count)) else { continue }
            var reply = Reply(to: request, type: request.messageType == .discover ? .offer : .acknowledge)
            reply.options = [
                (.routers, [192, 168, 77, 2]), (.domainNameServers, [192, 168, 77, 3]),
                (.domainName, Array("example.org".utf8)), (.interfaceMTU, [5, 120]),
            ]
            try send(reply, to: Array(frame[6..<12]), treatment, isDamaged: isDamaged)
            if reply.type == .acknowledge && !isDamaged { return }
            isDamaged = treatment == .wrongFirst && !isDamaged && reply.type == .offer
        }
    }

    private func send(_ reply: Reply, to station: [UInt8], _ treatment: ChecksumTreatment, isDamaged: Bool) throws {
        let builder = reply.builder
        let ip = IPv4Header(
            source: IPv4Address(192, 168, 77, 2),
            destination: reply.address,
            protocolNumber: IPProtocol.udp,
            totalByteCount: 28 + builder.byteCount
        )
        let udp = UDPHeader(sourcePort: 67, destinationPort: 68, byteCount: 8 + builder.byteCount)
        var packet = [UInt8](repeating: 0, count: ip.totalByteCount)
        var span = packet.mutableSpan
        _ = builder.emit(into: &span, at: 28)
        udp.emit(into: &span, at: 20)
        ip.emit(into: &span, at: 0)
        switch treatment {
        case .computed, .wrongFirst: udp.storeChecksum(into: &span, at: 20, pseudoHeaderSum: ip.pseudoHeaderSum)
        case .absent: break
        case .offloaded: span.storeUInt16(InternetChecksum.fold(ip.pseudoHeaderSum), at: 26)
        }
        if isDamaged { packet[packet.count - 1] ^= 0x55 }
        try frames.send(
            station + Self.hardwareAddress + [8, 0] + packet,
            checksumStart: treatment == .offloaded ? 34 : nil
        )
    }

    /// Answers router solicitations with the prefix fd00:9::/64 and the name server fd00:9::53 (RFC 4861 section 4.2, RFC
    /// 8106), for as long as the test's end takes.
    func advertise() throws {
        while true {
            _ = try frames.next {
                $0.count > 54 && Array($0[12..<14]) == [0x86, 0xdd] && $0[20] == 58 && $0[54] == 133
            }
            let prefix: [UInt8] =
                [3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0] + [0xfd, 0, 0, 9]
                + [UInt8](repeating: 0, count: 12)
            let server: [UInt8] =
                [25, 3, 0, 0, 0, 0, 0x0e, 0x10, 0xfd, 0, 0, 9] + [UInt8](repeating: 0, count: 11) + [0x53]
            var message: [UInt8] = [134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0] + prefix + server
            let source = IPv6Address(high: 0xfe80 << 48, low: 2)
            let everybody = IPv6Address(high: 0xff02 << 48, low: 1)
            let sum = InternetChecksum.pseudoHeader(
                source: source,
                destination: everybody,
                protocolNumber: 58,
                byteCount: message.count
            )
            let checksum = InternetChecksum.checksum(message.span, from: 0, to: message.count, initial: sum)
            message[2] = UInt8(checksum >> 8)
            message[3] = UInt8(checksum & 0xff)
            let header: [UInt8] = [0x60, 0, 0, 0, 0, UInt8(message.count), 58, 255]
            let packet = header + IPAddress.v6(source).bytes + IPAddress.v6(everybody).bytes + message
            try frames.send([0x33, 0x33, 0, 0, 0, 1] + Self.hardwareAddress + [0x86, 0xdd] + packet)
        }
    }
}

@Suite("Addresses that a network gives", .mayRun(seconds: 120))
struct DynamicConfigurationTests {
    @Test(
        "DHCP gives address, route, MTU and name servers, however its checksum comes",
        arguments: ChecksumTreatment.allCases
    )
    func leases(treatment: ChecksumTreatment) throws {
        try Test.requireResolverFile()
        var stack = try makeStack(["x,dhcp,dns=192.168.77.9"], hostname: "guest")
        let network = Network(frames: try TapFrames(&stack, 0))
        _ = try Thread.start(name: "server") { try? network.serve(treatment) }
        try stack.configure()
        try stack.configureDynamic()
        #expect(try stack.netlink!.addresses().contains { $0.bytes == [192, 168, 77, 100] && $0.prefixLength == 24 })
        #expect(try stack.netlink!.routes().filter { $0.destination == nil }.map(\.gateway) == [[192, 168, 77, 2]])
        #expect(try stack.netlink!.link(named: "vd0").mtu == 1400)
        // Renewal is due in half an hour.
        let deadline = stack.nextDeadline
        let left = (try #require(deadline)) - MonotonicClock.nanoseconds
        #expect(left > 1700 * 1_000_000_000 && left <= 1800 * 1_000_000_000)
        let output = try OutputPipe()
        try stack.start(["sh", "-c", "grep -v '^#' /etc/resolv.conf >\(output.path)"])
        #expect(try waitForEnd(&stack).exitCode == 0)
        #expect(try output.rest() == "search example.org\nnameserver 192.168.77.9\nnameserver 192.168.77.3\n")
    }

    @Test("auto is content with whoever answers, dhcp and slaac together want both")
    func takesWhatComes() throws {
        var stack = try makeStack(["x,auto"])
        let network = Network(frames: try TapFrames(&stack, 0))
        _ = try Thread.start(name: "server") { try? network.serve(.computed) }
        try stack.configure()
        try stack.configureDynamic()

        var both = try makeStack(["x,dhcp,slaac"])
        let other = Network(frames: try TapFrames(&both, 0))
        _ = try Thread.start(name: "server") { try? other.serve(.computed) }
        try both.configure()
        do {
            try both.configureDynamic(patience: 3_000_000_000)
            Issue.record("no router was there")
        } catch {
            #expect(error.description.contains("a router on"))
        }
    }

    @Test("a gateway given by hand comes before the server's")
    func prefersOwnGateway() throws {
        var stack = try makeStack(["x,dhcp,gw=192.168.77.77"])
        let network = Network(frames: try TapFrames(&stack, 0))
        _ = try Thread.start(name: "server") { try? network.serve(.computed) }
        try stack.configure()
        try stack.configureDynamic()
        #expect(try stack.netlink!.routes().filter { $0.destination == nil }.map(\.gateway) == [[192, 168, 77, 77]])
    }

    @Test("autoconfiguration is waited for, with the router's name server")
    func autoconfigures() throws {
        try Test.requireResolverFile()
        var stack = try makeStack(["x,slaac"])
        let frames = try TapFrames(&stack, 0)
        let network = Network(frames: frames)
        _ = try Thread.start(name: "router") { try? network.advertise() }
        try stack.configure()
        try stack.configureDynamic()
        let addresses = try stack.netlink!.addresses().filter { $0.bytes.prefix(4) == [0xfd, 0, 0, 9] }
        #expect(addresses.map(\.isTentative) == [false])
        let output = try OutputPipe()
        try stack.start(["sh", "-c", "grep nameserver /etc/resolv.conf >\(output.path)"])
        #expect(try waitForEnd(&stack).exitCode == 0)
        #expect(try output.rest() == "nameserver fd00:9::53\n")
    }

    @Test(
        "silence ends in an error that says who did not answer, and where",
        arguments: [
            ("dhcp", "a DHCP server on"), ("slaac", "a router on"), ("dhcp,slaac", "a DHCP server on"),
            ("auto", "a DHCP server or a router on"),
        ]
    )
    func reportsSilence(word: String, whom: String) throws {
        var stack = try makeStack(["/tmp/some/switch,\(word)"])
        try stack.configure()
        do {
            try stack.configureDynamic(patience: 200_000_000)
            Issue.record("an address came from nowhere")
        } catch {
            #expect(error.code == .noAddress)
            #expect(error.exitStatus == 125)
            #expect(error.description.contains(whom))
            #expect(error.description.contains("/tmp/some/switch"))
        }
    }
}
