// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Glibc
import LinuxSystem
import TestSupport
import TestTraits
import Testing
import Wire

@testable import Runtime

/// A program of ours that joined a live switch with a channel.
final class ChannelClient {
    private(set) var control: Int32
    private(set) var channel: Int32
    let port: Int

    /// What the switch says the address is to be.
    let address: MACAddress?

    init(_ directory: String, port: Int = 0, name: String = "", filters: [AttachRequest.Filter] = []) throws {
        var request = AttachRequest(transport: .channel, description: "channel client")
        request.port = port
        request.name = name
        request.filters = filters
        var client = try AttachClient(directory: directory, request: request)
        guard let channel = client.takeChannel() else { throw Errno.invalid }
        self.port = client.port
        address = client.address
        control = client.takeControl().release()
        self.channel = channel.release()
    }

    /// One message: a virtio-net header and a frame. Waits for room.
    func send(_ message: [UInt8]) throws {
        let deadline = MonotonicClock.nanoseconds + 20_000_000_000
        while Glibc.send(channel, message, message.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)) < 0 {
            guard errno == EAGAIN else { throw Errno(rawValue: errno) }
            try #require(MonotonicClock.nanoseconds < deadline, "the switch reads no more")
            var entry = pollfd(fd: channel, events: Int16(POLLOUT), revents: 0)
            _ = poll(&entry, 1, 1000)
        }
    }

    /// The next message, nil when none comes in time.
    func next(seconds: Double = 20) throws -> [UInt8]? {
        let deadline = MonotonicClock.nanoseconds + UInt64(seconds * 1e9)
        guard try Poll.isReadable(channel, deadline: deadline) else { return nil }
        var message = [UInt8](repeating: 0, count: 70_000)
        let count = recv(channel, &message, message.count, Int32(MSG_DONTWAIT))
        return count > 0 ? Array(message.prefix(count)) : nil
    }

    /// Changes its filters.
    func change(_ filters: [AttachRequest.Filter]) throws {
        let descriptor = OwnedDescriptor(adopting: dup(control))
        try AttachClient.change(filters, on: descriptor)
    }

    func closeControl() {
        if control >= 0 { Glibc.close(control) }
        control = -1
    }

    func closeChannel() {
        if channel >= 0 { Glibc.close(channel) }
        channel = -1
    }

    deinit {
        closeControl()
        closeChannel()
    }
}

@Suite("The attach socket of a live switch", .mayRun(seconds: 120))
struct AttachServerTests {
    private let plain = [UInt8](repeating: 0, count: 12)

    /// A super-frame from address 1 to address 2.
    private static func superFrame(payload: Int = 30_000) -> SuperFrame {
        var recipe = SuperFrame()
        recipe.payload = (0..<payload).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        recipe.segmentSize = 1448
        return recipe
    }

    @Test("super-frames stay whole between channels")
    func superFramesStayWhole() throws {
        try withSwitch { live in
            let one = try ChannelClient(live.directory)
            let other = try ChannelClient(live.directory)
            #expect([one.port, other.port] == [1, 2])
            let recipe = Self.superFrame()
            try one.send(recipe.virtioHeader + recipe.bytes)
            #expect(try other.next() == recipe.virtioHeader + recipe.bytes)
            #expect(live.counters(1).inFrames == 1)
            #expect(live.counters(2).outBytes == UInt64(recipe.bytes.count))
        }
    }

    @Test("a VDE client gets ordinary frames with whole checksums of a super-frame")
    func segmentsForVDE() throws {
        try withSwitch { live in
            let one = try ChannelClient(live.directory)
            let other = try RawVDEClient(live.directory)
            let third = try ChannelClient(live.directory)
            let recipe = Self.superFrame()
            try one.send(recipe.virtioHeader + recipe.bytes)
            var payload: [UInt8] = []
            while payload.count < recipe.payload.count {
                let frame = try #require(try other.next())
                #expect(frame.count <= 1514)
                #expect(ChecksumOracle.transportIsIntact(ip: Array(frame[14...])))
                payload += frame[recipe.payloadOffset...]
            }
            #expect(payload == recipe.payload)
            // Flooded: whoever can take it got it whole.
            #expect(try third.next() == recipe.virtioHeader + recipe.bytes)
        }
    }

    @Test("a partial checksum is finished for a VDE client")
    func completesChecksums() throws {
        try withSwitch { live in
            let one = try ChannelClient(live.directory)
            let other = try RawVDEClient(live.directory)
            // UDP, 192.0.2.1 to 192.0.2.2, twelve bytes; the pseudo-header's sum stands in the checksum's place.
            let pseudo = ChecksumOracle.sum([192, 0, 2, 1, 192, 0, 2, 2, 0, 17, 0, 12])
            let frame =
                hex(
                    """
                    02 00 00 00 00 02 02 00 00 00 00 01 08 00
                    45 00 00 20 00 00 40 00 40 11 b6 c9 c0 00 02 01 c0 00 02 02
                    c0 00 00 07 00 0c
                    """
                ) + [UInt8(pseudo >> 8), UInt8(pseudo & 0xff)] + [1, 2, 3, 4]
            try one.send(hex("01 00 0000 0000 2200 0600 0000") + frame)
            let received = try #require(try other.next())
            #expect(received.count == frame.count)
            #expect(ChecksumOracle.transportIsIntact(ip: Array(received[14...])))
        }
    }

    @Test("headers that lie are dropped and counted at their sender")
    func badHeaders() throws {
        try withSwitch { live in
            let one = try ChannelClient(live.directory)
            let other = try RawVDEClient(live.directory)
            try one.send(hex("01 00 0000 0000 ffff ffff 0000") + TestFrame.make(1, to: 2))
            try one.send(hex("01 01 0000 b405 2200 1000 0000") + TestFrame.make(1, to: 2))
            try one.send([0])
            try one.send(plain + TestFrame.make(1, to: 2, 3))
            #expect(try other.next().map(TestFrame.number) == 3)
            #expect(live.drops(1, .runt) == 1)
            // The second one's header could be true; its frame is no TCP, which only segmentation finds out.
            #expect(live.drops(1, .badHeader) == 1)
            try live.waitUntil { live.drops(2, .badHeader) == 1 }
        }
    }

    @Test("closing the connection ends the port; so does closing the channel")
    func ends() throws {
        try withSwitch { live in
            let one = try ChannelClient(live.directory)
            let other = try ChannelClient(live.directory)
            one.closeControl()
            try live.waitUntil { live.portNumbers == [2] }
            #expect(try one.next() == nil)
            other.closeChannel()
            try live.waitUntil { live.portNumbers.isEmpty }
            // The switch closes the connection in turn.
            var byte: UInt8 = 0
            #expect(try Poll.isReadable(other.control, deadline: MonotonicClock.nanoseconds + 20_000_000_000))
            #expect(recv(other.control, &byte, 1, 0) == 0)
            #expect(live.log.contains { $0.contains("is gone") })
        }
    }

    @Test("a port can be asked for, and what cannot be had is refused with errno and words")
    func refusals() throws {
        func refusal(_ live: LiveSwitch, _ change: (inout AttachRequest) -> Void) -> (Int32, String)? {
            var request = AttachRequest(transport: .channel, description: "x")
            change(&request)
            do {
                _ = try AttachClient(directory: live.directory, request: request)
                return nil
            } catch AttachClient.JoinError.refused(let errno, let words) {
                return (errno.rawValue, words)
            } catch {
                return (-1, "\(error)")
            }
        }
        try withSwitch({ $0.portCount = 4 }) { live in
            #expect(try ChannelClient(live.directory, port: 3).port == 3)
            let outOfRange = refusal(live) { $0.port = 5 }
            #expect(outOfRange?.0 == EINVAL && outOfRange?.1.contains("1 to 4") == true)
            #expect(refusal(live) { $0.port = 0xffff_ffff }?.0 == EINVAL)
            #expect(refusal(live) { $0.name = "uplink" }?.0 == ENOENT)
            let half = [UInt8](repeating: 0, count: 8)
            #expect(refusal(live) { $0.filters = [.init(isReceive: true, priority: 0, program: half)] }?.0 == EINVAL)
            #expect(refusal(live) { $0.transport = .descriptor }?.0 == EBADF)
            try live.waitUntil { live.portNumbers.isEmpty }
        }
    }

    @Test("a descriptor that is no tap is refused", arguments: ["/dev/null", "/dev/net/tun", "/tmp"])
    func noTap(path: String) throws {
        guard let descriptor = try? OwnedDescriptor.open(path, flags: path == "/tmp" ? O_RDONLY : O_RDWR) else {
            return
        }
        try withSwitch { live in
            #expect {
                _ = try AttachClient(
                    directory: live.directory,
                    request: AttachRequest(transport: .descriptor, description: "x"),
                    descriptor: descriptor.rawValue
                )
            } throws: { error in
                if case AttachClient.JoinError.refused(let errno, _) = error { errno == .invalid } else { false }
            }
            #expect(live.portNumbers.isEmpty)
        }
    }

    private func makeTap(_ name: String) throws -> OwnedDescriptor {
        do {
            return try Tap.create(name: name)
        } catch {
            try Test.cancel("no tap can be made here (\(error.step): \(error.errno))")
        }
    }

    @Test("a tap is served by the switch itself")
    func servesTap() throws {
        let name = "elr\(getpid() % 100_000)"
        let tap = try makeTap(name)
        var netlink = try Netlink()
        let link = try netlink.link(named: name)
        try netlink.setUp(link.index)
        let host = try PacketSocket(interface: link.index, etherType: 0x88b5)
        try withSwitch { live in
            let client = try RawVDEClient(live.directory)
            var attached = try AttachClient(
                directory: live.directory,
                request: AttachRequest(transport: .descriptor, description: name),
                descriptor: tap.rawValue
            )
            let control = attached.takeControl()
            #expect(attached.port == 2)
            try client.send(link.address + TestFrame.address(1) + [0x88, 0xb5] + [UInt8](repeating: 3, count: 46))
            #expect(try Poll.isReadable(host.rawDescriptor, deadline: MonotonicClock.nanoseconds + 20_000_000_000))
            #expect(try host.receive()?.bytes == [UInt8](repeating: 3, count: 46))
            try host.send([UInt8](repeating: 4, count: 46), to: TestFrame.address(1))
            // The host's own protocols speak there too.
            var frame = try client.next()
            while let other = frame, other[12..<14] != [0x88, 0xb5] { frame = try client.next() }
            #expect(frame == TestFrame.address(1) + link.address + [0x88, 0xb5] + [UInt8](repeating: 4, count: 46))
            _ = consume control
            try live.waitUntil { live.portNumbers == [1] }
        }
    }

    @Test("rubbish is answered with a refusal, and the switch goes on", arguments: [1, 8, 100, 40_960, 50_000])
    func rubbish(count: Int) throws {
        try withSwitch { live in
            let control = try UnixSocket.make(.sequencedPacket)
            try UnixSocket.connect(control, to: try #require(UnixSocketAddress(path: live.directory + "/attach")))
            try UnixSocket.send([UInt8](repeating: 0x41, count: count), to: control)
            let deadline = MonotonicClock.nanoseconds + 20_000_000_000
            #expect(try Poll.isReadable(control.rawValue, deadline: deadline))
            let answer = try AttachAnswer.parse(try UnixSocket.receive(from: control, limit: 4096).bytes)
            #expect(answer.status == (count > 40_960 ? EMSGSIZE : EPROTO))
            #expect(try Poll.isReadable(control.rawValue, deadline: deadline))
            #expect(try UnixSocket.receive(from: control, limit: 10).bytes.isEmpty)
            #expect(try ChannelClient(live.directory).port == 1)
        }
    }

    @Test("descriptors that nobody asked for are closed")
    func unwantedDescriptors() throws {
        try withSwitch { live in
            var ends: [Int32] = [-1, -1]
            #expect(pipe2(&ends, O_CLOEXEC) == 0)
            defer { Glibc.close(ends[0]) }
            let control = try UnixSocket.make(.sequencedPacket)
            try UnixSocket.connect(control, to: try #require(UnixSocketAddress(path: live.directory + "/attach")))
            let request = AttachRequest(transport: .channel, description: "x").encoded()
            try UnixSocket.send(request, descriptors: [ends[1], ends[1]], to: control)
            try live.waitUntil { live.portNumbers == [1] }
            // Later messages are reserved, their descriptors too.
            try UnixSocket.send([1], descriptors: [ends[1]], to: control)
            Glibc.close(ends[1])
            // The end of the file: nobody holds the other end any more.
            #expect(try Poll.isReadable(ends[0], deadline: MonotonicClock.nanoseconds + 20_000_000_000))
            var byte: UInt8 = 0
            #expect(read(ends[0], &byte, 1) == 0)
            #expect(live.portNumbers == [1])
        }
    }
}
