// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Foundation
import Glibc
import LinuxSystem
import Synchronization
import TestSupport
import Testing

private let tapCount = Atomic<Int>(0)

/// A tap of this host's, up and with the host's end in hand; cancels the test where none can be had.
struct TapFixture: ~Copyable {
    let name: String
    let interface: Int32
    let hardwareAddress: [UInt8]
    /// A second descriptor of the same file description, as the program that made the tap keeps it.
    let otherHolder: OwnedDescriptor
    let endpoint: Endpoint
    /// What the host sends and receives there, of the type for experiments (IEEE 802, clause 9.2.4).
    let host: PacketSocket

    init() throws {
        let name = "elt\(getpid() % 100_000)x\(tapCount.add(1, ordering: .relaxed).newValue)"
        let tap = try Self.makeTap(name)
        let otherHolder = try tap.duplicate()
        let endpoint = Endpoint.tap(try TapEndpoint(tap))
        var netlink = try Netlink()
        let link = try netlink.link(named: name)
        try netlink.setUp(link.index)
        let host = try PacketSocket(interface: link.index, etherType: 0x88b5)
        self.name = name
        interface = link.index
        hardwareAddress = link.address
        self.otherHolder = otherHolder
        self.endpoint = endpoint
        self.host = host
    }

    private static func makeTap(_ name: String) throws -> OwnedDescriptor {
        do {
            return try Tap.create(name: name)
        } catch {
            try Test.cancel("no tap can be made here (\(error.step): \(error.errno))")
        }
    }

    static let station: [UInt8] = [0x02, 0, 0, 0, 0, 0x0b]

    /// The frame that the host makes of a packet.
    func frame(_ packet: [UInt8]) -> [UInt8] { Self.station + hardwareAddress + [0x88, 0xb5] + packet }

    /// Bursts from the tap until `count` frames of ours came; what the host's own protocols say is passed over.
    func collect(_ bench: inout EndpointBench, _ count: Int, seconds: UInt64 = 20) throws -> [[UInt8]] {
        let deadline = MonotonicClock.nanoseconds + seconds * 1_000_000_000
        var frames: [[UInt8]] = []
        while frames.count < count {
            try #require(
                try Poll.isReadable(endpoint.descriptor(channel: 0), deadline: deadline),
                "\(frames.count) of \(count) frames"
            )
            _ = bench.receive(endpoint)
            frames += bench.takeFrames().filter { $0.count >= 14 && $0[12] == 0x88 && $0[13] == 0xb5 }
        }
        return frames
    }

    /// The host's next packet.
    func nextPacket(seconds: UInt64 = 20) throws -> [UInt8]? {
        let deadline = MonotonicClock.nanoseconds + seconds * 1_000_000_000
        while try Poll.isReadable(host.rawDescriptor, deadline: deadline) {
            if let packet = try host.receive(limit: 70_000) { return packet.bytes }
        }
        return nil
    }
}

/// Sends a frame into a tap when nobody says within ten seconds that it is not needed.
private final class Rescue: Sendable {
    private let isOver = DispatchSemaphore(value: 0)
    private let answer = DispatchSemaphore(value: 0)
    private let hasSent = Atomic<Bool>(false)

    init(interface: Int32) {
        Foundation.Thread.detachNewThread { [self] in
            if isOver.wait(timeout: .now() + 10) == .timedOut {
                hasSent.store(true, ordering: .releasing)
                if let host = try? PacketSocket(interface: interface, etherType: 0x88b5) {
                    try? host.send([UInt8](repeating: 0, count: 46), to: TapFixture.station)
                }
            }
            answer.signal()
        }
    }

    func wasNeeded() -> Bool {
        isOver.signal()
        answer.wait()
        return hasSent.load(ordering: .acquiring)
    }
}

@Suite("Tap endpoints")
struct TapEndpointTests {
    @Test("what the host sends arrives as frames, and what is sent arrives at the host")
    func carriesFrames() throws {
        let fixture = try TapFixture()
        var bench = EndpointBench()
        let packets = (0..<10).map { number in (0..<(46 + number)).map { UInt8(truncatingIfNeeded: number + $0) } }
        for packet in packets { try fixture.host.send(packet, to: TapFixture.station) }
        let received = try fixture.collect(&bench, packets.count)
        #expect(received == packets.map { fixture.frame($0) })

        for packet in packets {
            try bench.stage(fixture.hardwareAddress + TapFixture.station + [0x88, 0xb5] + packet)
        }
        #expect(bench.send(fixture.endpoint) == .done)
        for packet in packets { #expect(try fixture.nextPacket() == packet) }
        #expect(bench.drops.isEmpty)
        _ = bench.takeFrames()
        #expect(bench.isPoolWhole == true)
    }

    @Test("super-frames and partial checksums are offered")
    func capabilities() throws {
        let fixture = try TapFixture()
        #expect(fixture.endpoint.capabilities.isSuperset(of: [.header, .checksum, .tso4, .tso6]))
        #expect(fixture.endpoint.kind == .tap)
        #expect(Tap.interfaceName(fixture.otherHolder) == fixture.name)
    }

    @Test("a super-frame that a packet socket put there is refused when it asks for thousands of segments")
    func tinySegments() throws {
        let fixture = try TapFixture()
        let attacker = Endpoint.uplink(UplinkEndpoint(try FrameSocket.make(interface: fixture.interface)))
        var hostile = EndpointBench()
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 0x5a, count: 40_000)
        for size in [8, 1400] {
            recipe.segmentSize = size
            try hostile.stage(recipe.virtioHeader + recipe.bytes, hasHeader: true)
        }
        #expect(hostile.send(attacker) == .done)
        var bench = EndpointBench()
        let deadline = MonotonicClock.nanoseconds + 20_000_000_000
        var sizes: [UInt8] = []
        while sizes.isEmpty {
            try #require(try Poll.isReadable(fixture.endpoint.descriptor(channel: 0), deadline: deadline))
            _ = bench.receive(fixture.endpoint)
            // The host's own protocols send frames, too.
            sizes += bench.takeFrames(withHeader: true).filter { $0.count > 40_000 }.map { $0[4] }
        }
        #expect(sizes == [UInt8(1400 & 0xff)])
        #expect(bench.drops[.badHeader] == 1)
        _ = hostile.takeFrames()
    }

    @Test("reading does not wait, also when the other holder of the tap cleared O_NONBLOCK")
    func neverWaits() throws {
        let fixture = try TapFixture()
        let flags = fcntl(fixture.otherHolder.rawValue, F_GETFL)
        #expect(fcntl(fixture.otherHolder.rawValue, F_SETFL, flags & ~O_NONBLOCK) == 0)
        #expect(fcntl(fixture.endpoint.descriptor(channel: 0), F_GETFL) & O_NONBLOCK == 0)
        // Should the call below wait, a frame from the host ends that after a while.
        let rescue = Rescue(interface: fixture.interface)
        var bench = EndpointBench()
        var result = Endpoint.ReceiveResult.more
        while result == .more { result = bench.receive(fixture.endpoint) }
        #expect(result == .drained)
        #expect(rescue.wasNeeded() == false)
        _ = bench.takeFrames()
        // Writing, too.
        try bench.stage(fixture.hardwareAddress + TapFixture.station + [0x88, 0xb5] + [UInt8](repeating: 9, count: 46))
        #expect(bench.send(fixture.endpoint) == .done)
        #expect(try fixture.nextPacket() == [UInt8](repeating: 9, count: 46))
    }

    @Test("a tap whose interface is down takes no frames; they are counted as its peer's absence")
    func interfaceDown() throws {
        let fixture = try TapFixture()
        var netlink = try Netlink()
        try netlink.setUp(fixture.interface, false)
        var bench = EndpointBench()
        try bench.stage(testFrame(1))
        #expect(bench.send(fixture.endpoint) == .done)
        #expect(bench.drops[.peerGone] == 1)
    }

    @Test("a tap that is deleted has ended")
    func deleted() throws {
        let fixture = try TapFixture()
        let command = Process()
        command.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        command.arguments = ["PATH=/usr/sbin:/sbin:/usr/bin:/bin", "ip", "link", "del", fixture.name]
        try command.run()
        command.waitUntilExit()
        guard command.terminationStatus == 0 else { try Test.cancel("ip(8) could not delete the tap") }
        var bench = EndpointBench()
        var result = Endpoint.ReceiveResult.more
        while result == .more { result = bench.receive(fixture.endpoint) }
        #expect(result == .ended)
        _ = bench.takeFrames()
        try bench.stage(testFrame(1))
        #expect(bench.send(fixture.endpoint) == .done)
        #expect(bench.drops[.sendFailed] + bench.drops[.peerGone] == 1)
    }

    @Test("a descriptor that is no tap is not taken for one")
    func noTap() throws {
        let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
        #expect(Tap.interfaceName(null) == nil)
        #expect(throws: Errno.self) { _ = try TapEndpoint(try null.duplicate()) }
        let pair = try UnixSocket.pair(.stream)
        #expect(Tap.interfaceName(pair.first) == nil)
        let pipe = try OwnedDescriptor.pipe()
        #expect(Tap.interfaceName(pipe.first) == nil)
    }
}
