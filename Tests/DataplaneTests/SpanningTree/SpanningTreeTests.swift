// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

@testable import Dataplane

@Suite("Spanning tree")
struct SpanningTreeTests {
    @Test("two bridges agree in a few round trips; the better one is the root")
    func pair() {
        var network = TreeNetwork(2)
        network.plug((1, 1), (0, 1))
        expect(network.timeToConnect().map { $0 <= 100 } == true)
        #expect(network.bridges[0].isRoot && !network.bridges[1].isRoot)
        #expect(network.role(0, 1) == .designated && network.role(1, 1) == .root)
    }

    @Test("of two cables one stays closed, and opens when the other is cut")
    func parallel() {
        var network = TreeNetwork(2)
        network.plug((0, 1), (1, 1))
        network.plug((0, 2), (1, 2))
        network.run(milliseconds: 20_000)
        #expect(network.isConnected && !network.hasLoop)
        #expect(network.role(1, 1) == .root && network.role(1, 2) == .alternate)
        #expect(network.state(1, 2) == .discarding)
        network.cut(0, 1)
        expect(network.timeToConnect().map { $0 <= 100 } == true)
        #expect(network.role(1, 2) == .root)
    }

    @Test("a ring heals when any of its cables is cut", arguments: 3...6, 0..<6)
    func ring(count: Int, broken: Int) {
        guard broken < count else { return }
        var network = TreeNetwork(count)
        for bridge in 0..<count { network.plug((bridge, 1), ((bridge + 1) % count, 2)) }
        expect(network.timeToConnect().map { $0 <= 500 } == true)
        network.run(milliseconds: 30_000)
        #expect(network.isConnected && !network.hasLoop)
        let flushes = network.flushes
        network.cut(broken, 1)
        expect(network.timeToConnect().map { $0 <= 500 } == true)
        network.run(milliseconds: 5_000)
        #expect(network.isConnected && network.flushes > flushes)
        // The news of the change comes to an end.
        network.run(milliseconds: 15_000)
        let settled = network.flushes
        network.run(milliseconds: 10_000)
        #expect(network.flushes == settled)
        // And back again.
        network.plug((broken, 1), ((broken + 1) % count, 2))
        network.run(milliseconds: 30_000)
        #expect(network.isConnected && !network.hasLoop)
    }

    @Test("random networks become trees that reach everybody, whatever is cut", arguments: 0..<40)
    func random(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let count = Int.random(in: 2...9, using: &generator)
        var network = TreeNetwork(count)
        var ports = Array(repeating: 0, count: count)
        func port(_ bridge: Int) -> Int {
            ports[bridge] += 1
            return ports[bridge]
        }
        var cables: [(Int, Int)] = []
        for bridge in 1..<count {
            let other = Int.random(in: 0..<bridge, using: &generator)
            network.plug((bridge, port(bridge)), (other, port(other)))
            network.run(milliseconds: UInt64.random(in: 0...300, using: &generator))
        }
        for _ in 0..<Int.random(in: 0...8, using: &generator) {
            let (one, other) = (
                Int.random(in: 0..<count, using: &generator), Int.random(in: 0..<count, using: &generator)
            )
            let ends = ((one, port(one)), (other, port(other)))
            network.plug(ends.0, ends.1)
            cables.append(ends.0)
            network.run(milliseconds: UInt64.random(in: 0...300, using: &generator))
        }
        network.run(milliseconds: 60_000)
        #expect(network.isConnected && !network.hasLoop)
        let roots = Set(network.bridges.map { $0.report(now: 0) { _ in false }.root })
        #expect(roots == [TreeNetwork.identifier(0)])
        // What was added beyond the tree can go without parting anybody.
        for cable in cables.shuffled(using: &generator) {
            network.cut(cable.0, cable.1)
            network.run(milliseconds: UInt64.random(in: 0...5_000, using: &generator))
        }
        network.run(milliseconds: 60_000)
        #expect(network.isConnected)
    }

    @Test("a cable from a bridge to itself is a backup")
    func backup() {
        var network = TreeNetwork(1)
        network.plug((0, 1), (0, 2))
        network.run(milliseconds: 10_000)
        #expect(network.role(0, 1) == .designated && network.role(0, 2) == .backup)
        #expect(!network.hasLoop)
    }

    @Test("a station may talk after a moment of silence, at an edge port at once")
    func stations() {
        var network = TreeNetwork(1)
        network.bridges[0].setEdge(2, true, now: network.now)
        network.plugStation(0, 1)
        network.plugStation(0, 2)
        #expect(network.state(0, 1) == .discarding && network.state(0, 2) == .forwarding)
        #expect(network.role(0, 2) == .edge)
        network.run(milliseconds: 260)
        #expect(network.state(0, 1) == .forwarding)
        // Stations coming and going change no topology.
        #expect(network.flushes == 0)
    }

    private func forged(_ flags: BPDU.Flags = [], role: BPDU.Role = .designated) -> BPDU {
        var message = BPDU(root: 1, rootPathCost: 0, bridge: 1, port: 0x8001)
        message.flags = flags
        message.role = role
        return message
    }

    @Test("BPDUs from beyond an edge port are refused and change nothing")
    func edgeGuard() {
        var network = TreeNetwork(1)
        network.bridges[0].setEdge(1, true, now: network.now)
        network.plugStation(0, 1)
        let reception = network.bridges[0].receive(forged(), port: 1, now: network.now)
        #expect(reception == .refused)
        #expect(network.bridges[0].isRoot)
    }

    @Test("a storm of BPDUs is bounded: what is taken, what is sent, and what is flushed")
    func storm() {
        var network = TreeNetwork(2)
        network.plug((0, 1), (1, 1))
        network.plugStation(1, 2)
        network.run(milliseconds: 10_000)
        let (flushes, sent) = (network.flushes, network.sent)
        var refused = 0
        for number in 0..<100_000 {
            var message = forged(.topologyChange)
            message.root = UInt64(number % 7)
            if network.bridges[1].receive(message, port: 2, now: network.now) == .tooMany { refused += 1 }
            network.carryOut(1)
        }
        #expect(refused == 100_000 - SpanningTree.receiveLimit)
        #expect(network.sent - sent <= 2 * SpanningTree.sendLimit)
        #expect(network.flushes - flushes <= 8 * SpanningTree.receiveLimit)
    }

    @Test("without hellos the root is forgotten")
    func ageing() {
        var tree = SpanningTree(vlan: 0, identifier: 50, now: 0)
        tree.addPort(1, now: 0)
        _ = tree.receive(forged(), port: 1, now: 10)
        #expect(!tree.isRoot)
        var now: UInt64 = 10
        while now < 13_000_000_000 {
            now = max(now + 1, tree.nextDeadline)
            tree.expire(now: now)
        }
        #expect(tree.isRoot)
    }

    @Test("the preferred port is chosen though it is not the first")
    func bonus() {
        var network = TreeNetwork(2)
        network.plug((0, 1), (1, 1))
        network.plug((0, 2), (1, 2))
        network.run(milliseconds: 10_000)
        #expect(network.role(1, 1) == .root)
        network.bridges[1].setBonus(port: 2, cost: 1_000, now: network.now)
        network.carryOut(1)
        network.run(milliseconds: 1_000)
        #expect(network.role(1, 2) == .root && network.role(1, 1) == .alternate)
        #expect(network.isConnected && !network.hasLoop)
    }

    @Test("a bridge that never agrees is waited for, then served")
    func silentBridge() {
        var tree = SpanningTree(vlan: 0, identifier: 5, now: 0)
        tree.addPort(1, now: 0)
        var worse = forged()
        (worse.root, worse.bridge) = (99, 99)
        var now: UInt64 = 1_000
        _ = tree.receive(worse, port: 1, now: now)
        var forwardingSince: UInt64?
        while now < 20_000_000_000, forwardingSince == nil {
            now = tree.nextDeadline
            tree.expire(now: now)
            if tree.takeActions().contains(.setState(port: 1, .forwarding)) { forwardingSince = now }
        }
        #expect(forwardingSince == 2 * SpanningTree.forwardDelay)
    }
}

@Suite("BPDUs")
struct BPDUTests {
    /// As Debian's vde_switch sent it, the root, on its port 1.
    private let captured = hex(
        """
        01 80 c2 00 00 00 02 aa 00 00 00 01 00 27 42 42 03 00 00 02 02 3c
        80 00 02 aa 00 00 00 01 00 00 00 00 80 00 02 aa 00 00 00 01 80 01 00 00 28 00 04 00 00 00 00
        """
    )

    private func parse(_ bytes: [UInt8]) -> BPDU? { BPDU(frame: bytes.span) }

    @Test("vde_switch's are understood, and ours have the same layout")
    func layout() throws {
        let message = try need(parse(captured))
        #expect(message.kind == .rapid && message.role == .designated)
        #expect(message.flags == [.learning, .forwarding])
        #expect(message.root == 0x8000_02aa_0000_0001 && message.bridge == message.root)
        #expect(message.port == 0x8001 && message.maximumAge == 40 << 8 && message.helloTime == 4 << 8)
        var bytes = [UInt8](repeating: 0xee, count: BPDU.frameByteCount)
        var span = bytes.mutableSpan
        let length = message.emit(from: MACAddress(0x02aa_0000_0001), into: &span)
        #expect(length == captured.count)
        #expect(bytes == captured)
    }

    @Test("one behind a tag is found, one cut short is none")
    func forms() {
        let tagged = Array(captured[..<12]) + [0x81, 0, 0, 7] + captured[12...]
        #expect(parse(tagged)?.port == 0x8001)
        for length in 0..<captured.count - 1 { #expect(parse(Array(captured[..<length])) == nil) }
        for length in 0..<tagged.count - 1 { #expect(parse(Array(tagged[..<length])) == nil) }
    }
}
