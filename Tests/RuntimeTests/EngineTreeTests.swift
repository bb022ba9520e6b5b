// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Testing
import Wire

@testable import Runtime

/// What the spanning tree's protocol frames do in an engine, time standing still.
@Suite("Protocol frames of the spanning tree in an engine")
struct EngineTreeTests {
    private static let configuration = SpanningTreeConfiguration(address: .init(rawValue: 0x0200_0000_0077))

    /// A protocol frame of a bridge that is better than ours.
    private func frame(root: UInt64 = 1, changes: Bool = false, tag: UInt16? = nil) -> [UInt8] {
        var message = BPDU(root: root, rootPathCost: 0, bridge: 1, port: 0x8001)
        message.flags = changes ? [.topologyChange, .proposal] : .proposal
        var bytes = [UInt8](repeating: 0, count: BPDU.frameByteCount)
        var span = bytes.mutableSpan
        message.emit(from: .init(rawValue: 0x0200_0000_0001), into: &span)
        guard let tag else { return bytes }
        return Array(bytes[..<12]) + [0x81, 0, UInt8(tag >> 8), UInt8(tag & 0xff)] + bytes[12...]
    }

    private func isProtocolFrame(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x01, 0x80, 0xc2, 0, 0, 0]) }

    @Test("a hello gets through a queue that is full: a frame behind which it would be lost goes instead")
    func fullQueue() throws {
        var fixture = try EngineFixture()
        let sender = try fixture.add(port: 1)
        let reader = try fixture.add(port: 2, sendBuffer: 1)
        fixture.engine.perform(.setSpanningTree(.turn(Self.configuration)))
        fixture.engine.now += SpanningTree.edgeDelay
        fixture.engine.runTrees()
        _ = fixture.read(reader)
        fixture.engine.flushQueue(reader)
        _ = fixture.read(sender)
        try fixture.broadcast(6000, from: sender)
        #expect(fixture.queueCount(reader) == Tunables.queueFrameCount)
        let lost = fixture.drops(reader, .queueFull)
        fixture.engine.now += SpanningTree.helloTime
        fixture.engine.runTrees()
        #expect(fixture.queueCount(reader) == Tunables.queueFrameCount)
        #expect(fixture.drops(reader, .queueFull) == lost + 1)
        var last: [UInt8] = []
        while true {
            let frames = fixture.read(reader)
            last = frames.last ?? last
            if frames.isEmpty, fixture.queueCount(reader) == 0 { break }
            fixture.engine.flushQueue(reader)
        }
        #expect(isProtocolFrame(last))
        #expect(fixture.isPoolWhole == true)
    }

    @Test(
        "a hello passes a rate limit that other frames have used up, on its way out and in",
        arguments: [true, false]
    )
    func rateLimit(isTagged: Bool) throws {
        var fixture = try EngineFixture()
        for port in 1...2 { try fixture.add(port: port) }
        if isTagged {
            for port in 1...2 { fixture.engine.perform(.setVLAN(.tagged(port: port, 10, isMember: true))) }
        }
        fixture.engine.perform(.setSpanningTree(.turn(Self.configuration)))
        fixture.engine.now += SpanningTree.edgeDelay
        fixture.engine.runTrees()
        for (port, isInbound) in [(1, true), (2, false)] {
            fixture.engine.perform(
                .hooks(.rate(port: port, isInbound: isInbound, bitsPerSecond: 0, framesPerSecond: 10))
            )
        }
        fixture.engine.now += SpanningTree.helloTime
        for index in 0...1 { _ = fixture.read(index) }
        // What passes the first limit uses the second one up.
        try fixture.broadcast(100, from: 0)
        #expect(fixture.drops(0, .rateExceeded) == 90)
        #expect(fixture.read(1).count == 10)
        fixture.engine.runTrees()
        #expect(fixture.read(1).filter(isProtocolFrame).count == (isTagged ? 2 : 1))
        // A better bridge is heard.
        for tag in isTagged ? [nil, UInt16(10)] : [nil] { try fixture.receive([frame(tag: tag)], at: 0) }
        #expect(fixture.engine.spanning?.trees.allSatisfy { $0.report(now: 0) { _ in false }.root == 1 } == true)
        // A foreign one, which would go on to all others, does not.
        let lost = fixture.drops(0, .rateExceeded)
        try fixture.receive([frame(tag: 77)], at: 0)
        #expect(fixture.drops(0, .rateExceeded) == lost + 1)
    }

    @Test("what a port lost is not counted at the ports that its protocol frames are answered on")
    func countsAtTheSender() throws {
        var fixture = try EngineFixture()
        // The first one to be answered on.
        let other = try fixture.add(port: 1)
        let sender = try fixture.add(port: 2)
        fixture.engine.perform(.setSpanningTree(.turn(Self.configuration)))
        let blocked = TestFrame.make(1, to: TestFrame.broadcast)
        try fixture.receive([blocked, Array(frame().prefix(30)), frame()], at: sender)
        #expect(fixture.read(other).last.map(isProtocolFrame) == true)
        #expect(fixture.drops(sender, .portBlocked) == 1)
        #expect(fixture.drops(sender, .malformed) == 1)
        #expect(fixture.drops(other, .portBlocked) == 0)
        #expect(fixture.drops(other, .malformed) == 0)
    }

    @Test("a change of one VLAN's tree flushes that VLAN's addresses, not those of others")
    func flushesOneVLAN() throws {
        var fixture = try EngineFixture()
        for port in 1...3 { try fixture.add(port: port) }
        for port in 1...3 {
            for vlan in [UInt16(10), 20] {
                fixture.engine.perform(.setVLAN(.tagged(port: port, vlan, isMember: true)))
            }
        }
        fixture.engine.perform(.setSpanningTree(.turn(Self.configuration)))
        // Bridges beyond ports 1 and 2, in all three trees; then time for all ports to forward.
        for vlan in [nil, UInt16(10), 20] {
            try fixture.receive([frame(tag: vlan)], at: 0)
            try fixture.receive([frame(root: .max, tag: vlan)], at: 1)
        }
        for _ in 0..<3 {
            fixture.engine.now += SpanningTree.helloTime
            fixture.engine.runTrees()
            for vlan in [nil, UInt16(10), 20] { try fixture.receive([frame(tag: vlan)], at: 0) }
        }
        for vlan in [UInt16(0), 10, 20] {
            let station = TestFrame.make(7, to: TestFrame.broadcast)
            let tagged = vlan == 0 ? station : Array(station[..<12]) + [0x81, 0, 0, UInt8(vlan)] + station[12...]
            try fixture.receive([tagged], at: 1)
        }
        #expect(fixture.engine.bridge.forwarding.count == 3)
        try fixture.receive([frame(changes: true, tag: 20)], at: 0)
        #expect(fixture.engine.bridge.forwarding.count == 2)
        try fixture.receive([frame(changes: true)], at: 0)
        #expect(fixture.engine.bridge.forwarding.count == 1)
    }
}
