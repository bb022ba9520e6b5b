// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TestSupport
import TestTraits
import Testing

@testable import Runtime

@Suite("Virtual machines at a fabric", .mayRun(seconds: 120))
struct FabricMachineTests {
    private static let plain = [UInt8](repeating: 0, count: 12)
    /// Version 1, mergeable buffers, event indices, status, protocol features.
    private static let features: UInt64 = 1 << 32 | 1 << 15 | 1 << 29 | 1 << 16 | 1 << 30
    /// Reply acknowledged, backend requests, configuration.
    private static let protocolFeatures: UInt64 = 1 << 3 | 1 << 5 | 1 << 9

    private static func next(_ socket: borrowing OwnedDescriptor) throws -> [UInt8] {
        guard try Readiness.wait(socket, milliseconds: 10_000) else { return [] }
        return try socket.read(atMost: 100)
    }

    private static func isUp(_ machine: VhostFrontEnd) throws -> Bool {
        let head = VhostFrontEnd.bytes(UInt32(0)) + VhostFrontEnd.bytes(UInt32(24)) + VhostFrontEnd.bytes(UInt32(0))
        return try machine.ask(24, head + [UInt8](repeating: 0, count: 24))[18] == 1
    }

    @Test("move while they run: the same rings, a carrier that goes and comes, and the other network")
    func moves() throws {
        let directory = try TemporaryDirectory()
        let fabric = try LiveFabric(directory: directory.path)
        for name in ["lan", "dmz"] { try fabric.tell("segment-add \(name)") }
        try fabric.tell("port-add vm vhost vm mtu=9000")
        try fabric.tell("watch")
        let a = try fabric.station("a", in: "lan")
        let b = try fabric.station("b", in: "dmz")

        let machine = try VhostFrontEnd(path: directory.path + "/vm", rings: GuestRings())
        try machine.negotiate(
            features: Self.features | 1 << 3,
            protocolFeatures: Self.protocolFeatures
        )
        let channel = try UnixSocket.pair(.stream)
        try machine.send(21, [], descriptors: [channel.second.rawValue])
        try machine.start()
        try fabric.wait(for: ["port", "vm", "connected"])
        #expect(try !Self.isUp(machine))
        // A guest without carrier that sends nevertheless gets its buffers back.
        machine.rings.send(Self.plain + Station.frame(from: 9, number: 1), head: 0)
        machine.kick(1)
        #expect(try machine.waitForUsed(1).count == 1)

        try fabric.tell("plug vm lan")
        #expect(try Self.next(channel.first).count == 12)
        #expect(try Self.isUp(machine))
        for round in 1...20 {
            let (here, there) = round % 2 == 1 ? (a, b) : (b, a)
            machine.rings.send(Self.plain + Station.frame(from: 9, number: round), head: round)
            machine.kick(1)
            #expect(try machine.waitForUsed(1).map(\.head) == [UInt32(round)])
            #expect(try here.receive() == [9, round])
            machine.rings.giveBuffer(2000, head: round)
            try here.send(1, round)
            let used = try machine.waitForUsed(0)
            #expect(
                machine.rings.read(used[0].byteCount, at: machine.rings.room(Int(used[0].head)))[27] == UInt8(round)
            )
            machine.rings.setUsedEvent(0, machine.rings.usedSeen[0])
            #expect(try there.receive(milliseconds: 5) == nil)

            try fabric.tell("plug vm \(round % 2 == 1 ? "dmz" : "lan")")
            // The guest is told, looks, and then is told again.
            #expect(try Self.next(channel.first).count == 12)
            if round % 4 != 0 {
                #expect(try !Self.isUp(machine))
            }
            // One that does not look is not waited for long.
            try fabric.wait(for: ["port", "vm", "carrier", "up"])
            #expect(try Self.next(channel.first).count == 12)
            #expect(try Self.isUp(machine))
        }
        let port = try fabric.port("vm")
        #expect(port["drop.noCarrier"] == "1", "\(port)")
        try fabric.tell("port-remove vm")
        #expect(!directory.names.contains("vm"))
        #expect(throws: (any Error).self) { try machine.settle() }
    }

    @Test("whose monitors show no carrier of ours are hung up on, or kept as asked for")
    func keeps() throws {
        let directory = try TemporaryDirectory()
        let fabric = try LiveFabric(directory: directory.path)
        try fabric.tell("segment-add lan")
        try fabric.tell("port-add one vhost one")
        try fabric.tell("port-add two vhost two keep")
        func machine(_ name: String) throws -> VhostFrontEnd {
            let machine = try VhostFrontEnd(path: "\(directory.path)/\(name)", rings: GuestRings())
            try machine.negotiate(features: Self.features, protocolFeatures: 1 << 3)
            try machine.start()
            return machine
        }
        #expect(throws: (any Error).self) { try machine("one") }
        let two = try machine("two")
        let a = try fabric.station("a", in: "lan")
        try fabric.tell("plug one lan")
        try fabric.tell("plug two lan")
        let one = try machine("one")
        two.rings.send(Self.plain + Station.frame(from: 2, number: 5), head: 0)
        two.kick(1)
        #expect(try a.receive() == [2, 5])
        try fabric.tell("unplug one")
        try fabric.tell("unplug two")
        #expect(throws: (any Error).self) { try one.settle() }
        try two.settle()
        two.rings.send(Self.plain + Station.frame(from: 2, number: 6), head: 1)
        two.kick(1)
        #expect(try two.waitForUsed(1, count: 2).count == 2)
        #expect(try a.receive(milliseconds: 50) == nil)
    }

    @Test("find their socket where a killed fabric left one")
    func takesOver() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/vm"
        do {
            let dead = try UnixSocket.make(.stream)
            try UnixSocket.bind(dead, to: try #require(UnixSocketAddress(path: path)))
        }
        let fabric = try LiveFabric()
        #expect(fabric.refusal("port-add vm vhost vm")?.message.contains("absolute path") == true)
        try fabric.tell("port-add vm vhost \(path)")
        #expect(try fabric.port("vm")["path"] == path)
        let other = try LiveFabric()
        let refusal = other.refusal("port-add vm vhost \(path)")
        #expect(refusal?.message.contains(path) == true, "\(refusal?.message ?? "")")
        #expect(try other.port("vm").isEmpty)
    }
}
