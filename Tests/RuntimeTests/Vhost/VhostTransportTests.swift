// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Foundation
import Glibc
import LinuxSystem
import Synchronization
import TestSupport
import TestTraits
import Testing

@testable import Runtime

@Suite("Virtual machines at a switch by vhost-user")
struct VhostTransportTests {
    private static let plain = [UInt8](repeating: 0, count: 12)
    /// Version 1, mergeable buffers, event indices, status, protocol features.
    private static let features: UInt64 = 1 << 32 | 1 << 15 | 1 << 29 | 1 << 16 | 1 << 30

    /// A switch with vhost-user ports.
    private final class Site {
        let live: LiveSwitch
        let directory: TemporaryDirectory
        private let transports = Mutex<[Int: Kept]>([:])

        private struct Kept: @unchecked Sendable {
            // Used on the control thread only.
            let transport: any Transport
        }

        init() throws {
            live = try LiveSwitch()
            directory = try TemporaryDirectory()
        }

        deinit { live.stop() }

        func path(_ port: Int) -> String { directory.path + "/machine\(port)" }

        /// Opens a port; the error's text when that fails.
        @discardableResult
        func open(_ port: Int, _ options: String = "") -> String? {
            let url = "vhost://\(path(port))\(options)"
            let (transport, failure) = live.perform { parts -> (Kept?, String?) in
                var context = TransportContext(host: parts.element, description: "test")
                context.port = port
                do {
                    return (Kept(transport: try TransportRegistry.open(NetworkURL(url), context)), nil)
                } catch {
                    return (nil, "\(error)")
                }
            }
            if let transport { transports.withLock { $0[port] = transport } }
            return failure
        }

        func close(_ port: Int) {
            let kept = transports.withLock { $0.removeValue(forKey: port) }
            live.perform { _ in kept?.transport.close() }
        }

        func machine(_ port: Int, features: UInt64 = VhostTransportTests.features) throws -> VhostFrontEnd {
            let machine = try VhostFrontEnd(path: path(port), rings: GuestRings())
            try machine.negotiate(features: features)
            return machine
        }

        /// Machines at the ports 1 and 2, their rings started.
        func startPair() throws -> (VhostFrontEnd, VhostFrontEnd) {
            let machines = try (1...2).map { port in
                open(port)
                return try machine(port)
            }
            for machine in machines { try machine.start() }
            return (machines[0], machines[1])
        }

        func configure(_ port: Int, _ change: @escaping @Sendable () -> EndpointChange) {
            live.perform { parts in
                guard let endpoint = parts.element.ports[port]?.endpoints.first else { return }
                parts.element.configure(identifier: endpoint.identifier, change())
            }
        }
    }

    @Test("two machines exchange frames of all sizes through a switch", .mayRun(seconds: 60))
    func exchangesFrames() throws {
        let site = try Site()
        let (one, two) = try site.startPair()
        for head in 0..<64 { two.rings.giveBuffer(2000, head: head) }
        two.rings.setUsedEvent(0, 0)
        try two.settle()
        try one.settle()
        for (head, size) in [60, 1514, 9000].enumerated() {
            Self.send(one, byteCount: size, head: head)
            var bytes: [UInt8] = []
            while bytes.count < 12 + size {
                for (used, count) in try two.waitForUsed(0) {
                    bytes += two.rings.read(count, at: two.rings.room(Int(used)))
                }
                two.rings.setUsedEvent(0, two.rings.usedSeen[0])
            }
            #expect(Array(bytes[12...]) == Self.frame(size))
            #expect(try one.waitForUsed(1).map(\.head) == [UInt32(head)])
        }
        let names = site.live.perform { $0.element.sortedPorts.map { $0.endpoints.map(\.module) } }
        #expect(names == [["vhost-user"], ["vhost-user"]])
    }

    /// A machine sends a frame from the buffer that begins at this descriptor.
    private static func send(_ machine: VhostFrontEnd, byteCount: Int, head: Int) {
        machine.rings.send(plain + frame(byteCount), head: head)
        machine.kick(1)
    }

    private static func frame(_ size: Int) -> [UInt8] {
        [0x02, 0, 0, 0, 0, 0x0b, 0x02, 0, 0, 0, 0, 0x0a, 0x88, 0xb5]
            + (14..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    }

    @Test(
        "get ring base says exactly what was taken, and a machine that comes back goes on there",
        .mayRun(seconds: 60)
    )
    func reconnects() throws {
        let site = try Site()
        site.open(1)
        let rings = try GuestRings()
        for round in 0..<3 {
            let machine = try VhostFrontEnd(path: site.path(1), rings: rings)
            try machine.negotiate(features: Self.features)
            try machine.start(base: [0, rings.availableIndex[1]])
            rings.send(Self.plain + Self.frame(60), head: round)
            machine.kick(1)
            #expect(try machine.waitForUsed(1).map(\.head) == [UInt32(round)])
            if round == 1 {
                let answer = try machine.ask(11, VhostFrontEnd.bytes(UInt32(1)) + VhostFrontEnd.bytes(UInt32(0)))
                #expect(answer == [1, 0, 0, 0, 2, 0, 0, 0])
            }
        }
        try site.live.waitUntil { site.live.counters(1).inFrames == 3 }
        #expect(site.live.portNumbers == [1])
    }

    @Test("a second machine at one socket is sent away and the first not disturbed", .mayRun(seconds: 60))
    func refusesSecond() throws {
        let site = try Site()
        site.open(1)
        let machine = try site.machine(1)
        let second = try VhostFrontEnd(path: site.path(1), rings: GuestRings())
        #expect(throws: (any Error).self) { try second.negotiate(features: Self.features) }
        #expect(try machine.askWord(17) == 1)
    }

    @Test("carrier and speed reach the guest through its configuration", .mayRun(seconds: 60))
    func showsCarrier() throws {
        let site = try Site()
        site.open(1, "[mac=02:00:00:00:00:77/mtu=9000]")
        let machine = try site.machine(1, features: Self.features | 1 << 5 | 1 << 3 | 1 << 63)
        let channel = try UnixSocket.pair(.stream)
        try machine.send(21, [], descriptors: [channel.second.rawValue])
        try machine.start()
        func configuration() throws -> [UInt8] {
            let head = VhostFrontEnd.bytes(UInt32(0)) + VhostFrontEnd.bytes(UInt32(24)) + VhostFrontEnd.bytes(UInt32(0))
            let answer = try machine.ask(24, head + [UInt8](repeating: 0, count: 24))
            #expect(Array(answer[..<12]) == head)
            return Array(answer[12...])
        }
        let unknown = try configuration()
        #expect(
            unknown == hex("02 00 00 00 00 77  01 00  01 00  28 23  ff ff ff ff  01") + [UInt8](repeating: 0, count: 7)
        )
        site.configure(1) { .carrier(false) }
        #expect(try Self.next(channel.first) == hex("02 00 00 00 01 00 00 00 00 00 00 00"))
        #expect(try configuration()[6] == 0)
        site.configure(1) { .carrier(true) }
        #expect(try Self.next(channel.first).count == 12)
        #expect(try configuration()[6] == 1)
        site.configure(1) { .speed(megabits: 1000) }
        #expect(try Self.next(channel.first).count == 12)
        #expect(try configuration()[12..<16] == [0xe8, 3, 0, 0])
    }

    private static func next(_ socket: borrowing OwnedDescriptor) throws -> [UInt8] {
        _ = try Readiness.wait(socket, milliseconds: 10_000)
        return try socket.read(atMost: 100)
    }

    @Test("a monitor that cannot show a pulled cable is sent away until the cable is back", .mayRun(seconds: 60))
    func hangsUpWithoutCarrier() throws {
        let site = try Site()
        site.open(1)
        let machine = try VhostFrontEnd(path: site.path(1), rings: GuestRings())
        try machine.negotiate(features: Self.features, protocolFeatures: 1 << 3)
        try machine.start()
        try machine.settle()
        site.configure(1) { .carrier(false) }
        #expect(throws: (any Error).self) { try machine.settle() }
        let again = try VhostFrontEnd(path: site.path(1), rings: GuestRings())
        #expect(throws: (any Error).self) {
            try again.negotiate(features: Self.features, protocolFeatures: 1 << 3)
            try again.settle()
        }
        site.configure(1) { .carrier(true) }
        let third = try VhostFrontEnd(path: site.path(1), rings: GuestRings())
        try third.negotiate(features: Self.features, protocolFeatures: 1 << 3)
        try third.settle()
    }

    @Test(
        "the first machine at a cable starts while nobody is at the other end; its successor waits",
        .mayRun(seconds: 60)
    )
    func startsAtLooseCable() throws {
        let site = try Site()
        let path = site.path(1)
        let cable = try site.live.perform { parts -> Result<LooseCable, any Error> in
            Result { try LooseCable(parts.loop, path) }
        }.get()
        defer { site.live.perform { _ in cable.close() } }
        // One that only looks whether somebody is there changes nothing.
        _ = try UnixSocket.connection(.stream, to: try #require(UnixSocketAddress(path: path)))
        func machine() throws {
            let machine = try VhostFrontEnd(path: path, rings: GuestRings())
            try machine.negotiate(features: Self.features, protocolFeatures: 1 << 3)
            try machine.start()
            try machine.settle()
        }
        try machine()
        #expect(throws: (any Error).self) { try machine() }
        try site.live.perform { _ in Result { try cable.plugOther() } }.get()
        try machine()
    }

    /// A machine's place at a cable's end; nothing at the other one, at first.
    private final class LooseCable: @unchecked Sendable {
        // Used on the control thread only.
        private let cable: TransportCable
        private var transports: [any Transport] = []

        init(_ loop: ControlLoop, _ path: String) throws {
            cable = try TransportCable(loop: loop)
            let context = TransportContext(host: cable.first, description: "test")
            transports.append(try TransportRegistry.open(NetworkURL("vhost://\(path)"), context))
        }

        func plugOther() throws {
            let context = TransportContext(host: cable.second, description: "test")
            transports.append(try TransportRegistry.open(NetworkURL("null://"), context))
        }

        func close() {
            for transport in transports { transport.close() }
            cable.stop()
        }
    }

    /// An eventfd whose reads take one signal each; Swift's Glibc module has no eventfd(2).
    private static func semaphore(count: UInt32) throws -> OwnedDescriptor {
        let create = try #require(dlsym(nil, "eventfd"))
        let eventfd = unsafeBitCast(create, to: (@convention(c) (UInt32, Int32) -> Int32).self)
        // EFD_SEMAPHORE and EFD_NONBLOCK.
        return OwnedDescriptor(adopting: eventfd(count, 1 | O_NONBLOCK))
    }

    @Test("requests that make no sense are answered where an answer is awaited, with one line", .mayRun(seconds: 60))
    func answersErrors() throws {
        let site = try Site()
        site.open(1)
        let machine = try site.machine(1)
        let word = VhostFrontEnd.bytes(UInt64(0))
        let null = try OwnedDescriptor.open("/dev/zero", flags: O_RDWR)
        #expect(try !machine.isTaken(12, word, descriptors: [machine.kicks[0].event.rawDescriptor]))
        #expect(try !machine.isTaken(13, word, descriptors: [null.rawValue]))
        #expect(try !machine.isTaken(5, machine.memoryTable(), descriptors: [null.rawValue]))
        #expect(try !machine.isTaken(5, machine.memoryTable()))
        #expect(try !machine.isTaken(6, [UInt8](repeating: 0, count: 16)))
        #expect(try !machine.isTaken(2, VhostFrontEnd.bytes(UInt64(1 << 40))))
        #expect(try machine.isTaken(5, machine.memoryTable(), descriptors: [machine.rings.file.rawValue]))
        try machine.start()
        #expect(try machine.askWord(17) == 1)
        #expect(site.live.log.count == 6)
        // It would be found readable for ever.
        let semaphore = try Self.semaphore(count: 3)
        #expect(try !machine.isTaken(12, word, descriptors: [semaphore.rawValue]))
        #expect(try machine.isTaken(12, word, descriptors: [machine.kicks[0].event.rawDescriptor]))
        #expect(site.live.log.count == 7)
        #expect(site.live.log.allSatisfy { $0.hasPrefix("vhost://") })
        // What nobody waits for ends the connection.
        try machine.send(99)
        #expect(throws: (any Error).self) { try machine.settle() }
    }

    @Test("noise at the socket ends that connection only", .mayRun(seconds: 60))
    func survivesNoise() throws {
        let site = try Site()
        site.open(1)
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<50 {
            let noise = try VhostFrontEnd(path: site.path(1), rings: GuestRings())
            let count = Int.random(in: 1...300, using: &generator)
            try? noise.send(
                UInt32.random(in: 0...50, using: &generator),
                (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) },
                descriptors: [noise.rings.file.rawValue, noise.socket.rawValue]
            )
        }
        // Half a message, and then nothing more.
        let half = try VhostFrontEnd(path: site.path(1), rings: GuestRings())
        try UnixSocket.send([5, 0, 0], to: half.socket)
        #expect(throws: (any Error).self) { try site.machine(1) }
    }

    @Test("a ring of nonsense is one line in the log and harms no other machine", .mayRun(seconds: 60))
    func reportsFaults() throws {
        let site = try Site()
        let (bad, good) = try site.startPair()
        try good.settle()
        bad.rings.offer(1, head: 999)
        bad.kick(1)
        try site.live.waitUntil { !site.live.log.isEmpty }
        #expect(site.live.log.count == 1)
        #expect(site.live.log[0].hasSuffix("transmit ring was stopped: the number of a buffer is beyond the table"))
        ftruncate(bad.rings.file.rawValue, 0)
        // The broken machine's memory is touched by a flood to it.
        Self.send(good, byteCount: 60, head: 0)
        #expect(try good.waitForUsed(1).count == 1)
        try site.live.waitUntil { site.live.drops(1, .malformed) == 1 }
    }

    @Test(
        "what waits for a machine that goes, or stops its ring, is dropped and counted; the next one gets nothing of it",
        arguments: [true, false]
    )
    func dropsWhatWaited(hangsUp: Bool) throws {
        let site = try Site()
        let (one, two) = try site.startPair()
        // No buffers: all of it waits.
        for head in 0..<200 { one.rings.send(Self.plain + Self.frame(60), head: head) }
        one.kick(1)
        try site.live.waitUntil { one.rings.usedIndex(1) == 200 }
        #expect(site.live.drops(2, .noCarrier) == 0)
        if hangsUp {
            UnixSocket.shutDown(two.socket)
        } else {
            _ = try two.ask(11, VhostFrontEnd.bytes(UInt32(0)) + VhostFrontEnd.bytes(UInt32(0)))
        }
        try site.live.waitUntil(seconds: 10) { site.live.drops(2, .noCarrier) == 200 }
        // What comes now is lost as well, not kept.
        Self.send(one, byteCount: 60, head: 200)
        try site.live.waitUntil { one.rings.usedIndex(1) == 201 }
        try site.live.waitUntil(seconds: 10) { site.live.drops(2, .noCarrier) == 201 }
        let next = hangsUp ? try site.machine(2) : two
        if hangsUp { try next.start() } else { try next.start(0, base: 0) }
        try next.settle()
        for head in 0..<8 { next.rings.giveBuffer(2000, head: head) }
        next.kick(0)
        Self.send(one, byteCount: 99, head: 201)
        #expect(try next.waitForUsed(0).map(\.byteCount) == [12 + 99])
    }

    @Test("we connect to a monitor that listens, and again when it comes back", .mayRun(seconds: 60))
    func connects() throws {
        let site = try Site()
        site.open(1, "[connect]")
        for _ in 0..<2 {
            let listener = try UnixSocket.make(.stream)
            let address = try #require(UnixSocketAddress(path: site.path(1)))
            try UnixSocket.bind(listener, to: address)
            try UnixSocket.listen(listener)
            _ = try Readiness.wait(listener, milliseconds: 10_000)
            guard let socket = try UnixSocket.accept(listener) else {
                Issue.record("nobody connected")
                return
            }
            let machine = try VhostFrontEnd(socket: socket, rings: GuestRings())
            try machine.negotiate(features: Self.features)
            try machine.start()
            Self.send(machine, byteCount: 60, head: 0)
            #expect(try machine.waitForUsed(1).count == 1)
            try FileSystem.remove(site.path(1))
        }
        #expect(site.live.counters(1).inFrames == 2)
    }

    @Test("the socket is private, replaces a dead one, never a live one or a file, and goes with the port")
    func ownsSocket() throws {
        let site = try Site()
        #expect(site.open(1) == nil)
        #expect(try FileStatus(path: site.path(1)).mode & 0o777 == 0o600)
        #expect(site.open(2, "[mode=0660]") == nil)
        #expect(try FileStatus(path: site.path(2)).mode & 0o777 == 0o660)
        site.close(2)
        #expect(throws: Errno.noEntry) { try FileStatus(path: site.path(2)) }
        // Somebody died here.
        do {
            let dead = try UnixSocket.make(.stream)
            try UnixSocket.bind(dead, to: try #require(UnixSocketAddress(path: site.path(3))))
        }
        #expect(site.open(3) == nil)
        let other = try Site()
        #expect(other.open(1, "") == nil)
        let path = site.path(1)
        let taken = site.live.perform { parts -> String in
            let context = TransportContext(host: parts.element, description: "test")
            do {
                _ = try TransportRegistry.open(NetworkURL("vhost://\(path)"), context)
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(taken.contains("in use by another program"))
        try FileManager.default.createDirectory(atPath: site.path(4), withIntermediateDirectories: false)
        #expect(site.open(4)?.contains("exists and is no socket") == true)
        for bad in ["[mac=01:00:00:00:00:00]", "[mac=x]", "[mtu=1]", "[mode=9]", "[speed=1]"] {
            #expect(site.open(5, bad) != nil)
        }
        #expect(site.live.portNumbers == [1, 3])
    }

    @Test("memory for work in progress is made, and taken back", .mayRun(seconds: 60))
    func tracksInflight() throws {
        let site = try Site()
        site.open(1)
        let machine = try VhostFrontEnd(path: site.path(1), rings: GuestRings())
        try machine.negotiate(features: Self.features, protocolFeatures: 1 << 3 | 1 << 12)
        let wanted = [UInt8](repeating: 0, count: 16) + [2, 0, 0, 1, 0, 0, 0, 0]
        let answer = try machine.ask(31, wanted)
        #expect(Array(answer[16..<20]) == [2, 0, 0, 1])
        let file = OwnedDescriptor(adopting: machine.receivedDescriptor)
        #expect(try machine.isTaken(32, answer, descriptors: [file.rawValue]))
        try machine.start()
        Self.send(machine, byteCount: 60, head: 4)
        #expect(try machine.waitForUsed(1).count == 1)
        var notes = [UInt8](repeating: 0, count: 16)
        let part = VhostRingSetup.inflightByteCount(queueSize: 256)
        #expect(pread(file.rawValue, &notes, 16, off_t(part)) == 16)
        #expect(notes[8] == 1 && notes[12] == 4 && notes[14] == 1)
    }
}
