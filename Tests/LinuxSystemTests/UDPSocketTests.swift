// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Testing

/// Two sockets of one family on this host's loopback interface.
private final class SocketPair {
    let sender: OwnedDescriptor
    let receiver: OwnedDescriptor
    let senderAddress: InternetAddress
    let receiverAddress: InternetAddress

    init(isIPv6: Bool) throws {
        sender = try UDPSocket.make(isIPv6: isIPv6)
        receiver = try UDPSocket.make(isIPv6: isIPv6)
        let loopback =
            isIPv6
            ? InternetAddress(ipv6High: 0, low: 1, port: 0) : InternetAddress(ipv4: 0x7f00_0001, port: 0)
        try UDPSocket.bind(sender, to: loopback)
        try UDPSocket.bind(receiver, to: loopback)
        senderAddress = try UDPSocket.localAddress(sender)
        receiverAddress = try UDPSocket.localAddress(receiver)
    }

    /// Sends `sizes` bytes of an ascending pattern each, behind `prefix`.
    func send(_ sizes: [Int], prefix: [UInt8], stride: Int = 0, segmentLimit: Int) -> Int {
        var parts: [UDPSocket.Datagram] = []
        var offset = 0
        for size in sizes {
            parts.append(UDPSocket.Datagram(offset: offset, byteCount: size, peer: receiverAddress))
            offset += size
        }
        let slab = (0..<max(offset, 1)).map { UInt8(truncatingIfNeeded: $0 / 7) }
        var attempted = 0
        return UDPSocket.sendBatch(
            sender.rawValue,
            from: slab.span,
            parts.span,
            count: sizes.count,
            prefix: UDPSocket.Prefix(byteCount: stride > 0 ? stride : prefix.count, stride: stride),
            prefixes: prefix.span,
            segmentLimit: segmentLimit,
            attempted: &attempted
        )
    }

    /// What has arrived.
    func receive(room: Int = 2000) -> (bytes: [[UInt8]], datagrams: [UDPSocket.Datagram], overflow: UInt32) {
        var slab = [UInt8](repeating: 0, count: room * 32)
        var parts = (0..<32).map { UDPSocket.Datagram(offset: $0 * room, byteCount: room) }
        var overflow: UInt32 = 0
        var span = parts.mutableSpan
        var bytes = slab.mutableSpan
        let count = UDPSocket.receiveBatch(receiver.rawValue, into: &bytes, &span, count: 32, overflow: &overflow)
        let arrived = Array(parts.prefix(max(count, 0)))
        return (
            arrived.map { Array(slab[Int($0.offset)..<Int($0.offset) + min(Int($0.byteCount), room)]) }, arrived,
            overflow
        )
    }
}

@Suite("UDP sockets that carry frames")
struct UDPSocketTests {
    @Test(
        "Datagrams arrive one by one, each behind its prefix, segmented by the kernel or not",
        arguments: [false, true],
        [0, 1472]
    )
    func batch(isIPv6: Bool, segmentLimit: Int) throws {
        let pair = try SocketPair(isIPv6: isIPv6)
        let sizes = [1000, 1000, 1000, 400, 90, 1200, 1200]
        #expect(pair.send(sizes, prefix: [1, 2, 3], segmentLimit: segmentLimit) == sizes.count)
        let arrived = pair.receive()
        #expect(arrived.bytes.map(\.count) == sizes.map { $0 + 3 })
        #expect(arrived.bytes.allSatisfy { $0.prefix(3) == [1, 2, 3] })
        let all = arrived.bytes.flatMap { $0.dropFirst(3) }
        #expect(all == (0..<sizes.reduce(0, +)).map { UInt8(truncatingIfNeeded: $0 / 7) })
        #expect(arrived.datagrams.allSatisfy { $0.peer == pair.senderAddress && $0.segment == 0 })
    }

    @Test("Prefixes with a stride differ from datagram to datagram")
    func stride() throws {
        let pair = try SocketPair(isIPv6: false)
        #expect(pair.send([50, 50, 50], prefix: [1, 1, 2, 2, 3, 3], stride: 2, segmentLimit: 1472) == 3)
        #expect(pair.receive().bytes.map { Array($0.prefix(2)) } == [[1, 1], [2, 2], [3, 3]])
    }

    @Test("A socket that coalesces gets segments of one message together, with their size")
    func coalesced() throws {
        let pair = try SocketPair(isIPv6: false)
        try UDPSocket.coalesce(pair.receiver)
        #expect(pair.send([1000, 1000, 1000, 400], prefix: [], segmentLimit: 1472) == 4)
        let arrived = pair.receive(room: 65_536)
        #expect(arrived.datagrams.map(\.byteCount) == [3400])
        #expect(arrived.datagrams.map(\.segment) == [1000])
    }

    @Test("What a full buffer loses is counted")
    func overflow() throws {
        let pair = try SocketPair(isIPv6: false)
        // Far more than any buffer holds: each datagram costs it its size at least.
        let large = [UInt8](repeating: 7, count: 60_000)
        var sent = 0
        for _ in 0..<400 where UDPSocket.send(pair.sender.rawValue, large.span, to: pair.receiverAddress) > 0 {
            sent += 1
        }
        var arrived = 0
        var lost: UInt32 = 0
        while true {
            let batch = pair.receive(room: 65_536)
            if batch.bytes.isEmpty { break }
            arrived += batch.bytes.count
            lost = max(lost, batch.overflow)
        }
        #expect(arrived > 0 && arrived < sent)
        // The count comes with the next datagram that is queued.
        #expect(pair.send([100], prefix: [], segmentLimit: 0) == 1)
        lost = max(lost, pair.receive().overflow)
        #expect(Int(lost) == sent - arrived)
    }

    @Test("A datagram larger than its room shows its true size")
    func truncated() throws {
        let pair = try SocketPair(isIPv6: false)
        #expect(pair.send([3000], prefix: [], segmentLimit: 0) == 1)
        #expect(pair.receive(room: 2000).datagrams.map(\.byteCount) == [3000])
    }

    @Test("Own addresses are known as own")
    func local() {
        #expect(UDPSocket.isLocal(InternetAddress(ipv4: 0x7f00_0001, port: 5)))
        #expect(!UDPSocket.isLocal(InternetAddress(ipv4: 0xc000_0201, port: 5)))
    }

    @Test("Names and numbers become addresses, and addresses text")
    func names() throws {
        #expect(try NameLookUp.address("192.0.2.1", port: 7).description == "192.0.2.1:7")
        #expect(try NameLookUp.address("[2001:db8::1]", port: 7).description == "[2001:db8::1]:7")
        #expect(try NameLookUp.address("localhost", port: 7, family: .ipv4).description == "127.0.0.1:7")
        #expect(throws: NameLookUp.Failure.self) { try NameLookUp.address("no such host", port: 7) }
        #expect(try NameLookUp.address("239.0.0.1", port: 7).isMulticast)
        #expect(try NameLookUp.address("ff05:56de::1", port: 7).isMulticast)
    }
}
