// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

/// Segments are compared with an oracle that builds each one from the recipe, not from the super-frame's bytes.
struct SegmenterTests {
    private func makeSegmenter(_ recipe: SuperFrame) -> Segmenter? {
        guard let header = VirtioNetHeader.parse(recipe.virtioHeader) else { return nil }
        return Segmenter(header: header, frame: recipe.bytes)
    }

    /// Segment `index` of `count`: the recipe's frame with that part of the payload, checksums by the oracle.
    private func expected(_ index: Int, of count: Int, _ recipe: SuperFrame) -> [UInt8] {
        var part = recipe
        let start = index * recipe.segmentSize
        part.payload = Array(recipe.payload[start..<min(start + recipe.segmentSize, recipe.payload.count)])
        part.identification = recipe.identification &+ UInt16(truncatingIfNeeded: index)
        part.sequence = recipe.sequence &+ UInt32(truncatingIfNeeded: start)
        if index != 0 { part.tcpFlags &= ~0x80 }
        if index != count - 1 { part.tcpFlags &= ~0x09 }
        part.padding = 0
        var frame = part.bytes
        let position = part.transportOffset + (part.isTCP ? 16 : 6)
        frame[position] = 0
        frame[position + 1] = 0
        let packet = Array(frame[part.networkOffset...])
        let length = frame.count - part.transportOffset
        let pseudo =
            (part.isIPv6 ? Array(packet[8..<40]) : Array(packet[12..<20]))
            + [UInt8(length >> 8), UInt8(length & 0xff), 0, part.isTCP ? 6 : 17]
        var checksum = ChecksumOracle.checksum(pseudo + frame[part.transportOffset...])
        if !part.isTCP && checksum == 0 { checksum = 0xffff }
        frame[position] = UInt8(checksum >> 8)
        frame[position + 1] = UInt8(checksum & 0xff)
        return frame
    }

    private func check(_ recipe: SuperFrame) throws {
        let segmenter = try #require(makeSegmenter(recipe), "\(recipe)")
        let count = max(1, (recipe.payload.count + recipe.segmentSize - 1) / recipe.segmentSize)
        #expect(segmenter.segmentCount == count, "\(recipe)")
        let segments = segmenter.segments(of: recipe.bytes)
        for (index, segment) in segments.enumerated() {
            #expect(segment == expected(index, of: count, recipe), "segment \(index) of \(recipe)")
            #expect(segment.count == segmenter.byteCount(ofSegment: index))
            let packet = Array(segment[recipe.networkOffset...])
            if !recipe.isIPv6 { #expect(ChecksumOracle.headerIsIntact(ipv4: packet)) }
            #expect(ChecksumOracle.transportIsIntact(ip: packet))
        }
        #expect(segments.flatMap { $0[recipe.payloadOffset...] } == recipe.payload, "\(recipe)")
        #expect(segments.map(\.count).max() == segmenter.maximumSegmentByteCount)
    }

    @Test(arguments: [false, true], [false, true])
    func cutsAFullSuperFrame(_ isIPv6: Bool, _ isTCP: Bool) throws {
        var generator = SeededGenerator(seed: 64)
        var recipe = SuperFrame()
        recipe.isIPv6 = isIPv6
        recipe.isTCP = isTCP
        recipe.tcpOptions = isTCP ? hex("01 01 08 0a 01 02 03 04 05 06 07 08") : []
        recipe.segmentSize = 1448
        let headers = recipe.payloadOffset - recipe.networkOffset - (isIPv6 ? 40 : 0)
        recipe.payload = generator.bytes(65_535 - headers)
        recipe.tcpFlags = 0x99  // FIN, PSH, ACK, CWR
        try check(recipe)
    }

    @Test func cutsAtEverySize() throws {
        var generator = SeededGenerator(seed: 65)
        for isTCP in [true, false] {
            for length in 0..<40 {
                for size in 8..<20 {
                    var recipe = SuperFrame()
                    recipe.isTCP = isTCP
                    recipe.isIPv6 = length % 2 == 0
                    recipe.segmentSize = size
                    recipe.payload = generator.bytes(length)
                    try check(recipe)
                }
            }
        }
    }

    @Test func cutsRandomSuperFrames() throws {
        var generator = SeededGenerator(seed: 66)
        for _ in 0..<250 {
            var recipe = SuperFrame()
            recipe.isIPv6 = Bool.random(using: &generator)
            recipe.isTCP = Bool.random(using: &generator)
            recipe.tagCount = generator.number(0...2)
            recipe.ipOptions = recipe.isIPv6 ? [] : generator.bytes(4 * generator.number(0...10))
            recipe.tcpOptions = recipe.isTCP ? generator.bytes(4 * generator.number(0...10)) : []
            recipe.payload = generator.bytes(generator.number(0...9000))
            recipe.segmentSize = generator.number(max(8, recipe.payload.count / 120 + 1)...9100)
            recipe.tcpFlags = UInt8(generator.number(0...255))
            recipe.sequence = UInt32(truncatingIfNeeded: generator.next())
            recipe.identification = UInt16(truncatingIfNeeded: generator.next())
            recipe.padding = generator.number(0...20)
            try check(recipe)
        }
    }

    /// FIN and PSH close the last segment, CWR opens the first; the sequence number and the identification wrap.
    @Test func flagsAndNumbersGoToTheRightSegments() throws {
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 7, count: 30)
        recipe.segmentSize = 10
        recipe.tcpFlags = 0xd9  // FIN, PSH, ACK, ECE, CWR
        recipe.sequence = 0xffff_fff6
        recipe.identification = 0xffff
        let segments = try #require(makeSegmenter(recipe)).segments(of: recipe.bytes)
        let headers = try segments.map { try #require(TCPHeader.parse($0, at: 34)) }
        #expect(headers.map(\.flags) == [[.ack, .ece, .cwr], [.ack, .ece], [.ack, .ece, .fin, .psh]])
        #expect(headers.map(\.sequence) == [0xffff_fff6, 0, 10])
        let packets = try segments.map { try #require(IPv4Header.parse($0, at: 14)) }
        #expect(packets.map(\.identification) == [0xffff, 0, 1])
        #expect(packets.map(\.totalByteCount) == [50, 50, 50])
    }

    @Test func aUDPChecksumOfZeroIsSentAsOnes() throws {
        // The payload makes the first datagram's sum ffff; the second differs.
        var recipe = SuperFrame()
        recipe.isTCP = false
        recipe.segmentSize = 2
        recipe.payload = [0, 0, 0, 1]
        let first = expected(0, of: 2, recipe)
        let missing = UInt16(first[40]) << 8 | UInt16(first[41])
        recipe.payload = [UInt8(missing >> 8), UInt8(missing & 0xff), 0, 1]
        let segments = try #require(makeSegmenter(recipe)).segments(of: recipe.bytes)
        #expect(Array(segments[0][40..<42]) == [0xff, 0xff])
        #expect(Array(segments[1][40..<42]) != [0xff, 0xff])
    }

    @Test func takesLengthsLeftToTheCard() throws {
        for isIPv6 in [false, true] {
            var recipe = SuperFrame()
            recipe.isIPv6 = isIPv6
            recipe.payload = [UInt8](repeating: 9, count: 100)
            recipe.segmentSize = 40
            let header = try #require(VirtioNetHeader.parse(recipe.virtioHeader))
            let reference = try #require(makeSegmenter(recipe)).segments(of: recipe.bytes)
            var frame = recipe.bytes
            let position = 14 + (isIPv6 ? 4 : 2)
            frame[position] = 0
            frame[position + 1] = 0
            let segmenter = try #require(Segmenter(header: header, frame: frame))
            #expect(segmenter.segments(of: frame) == reference)
        }
    }

    @Test func looksBehindIPv6Extensions() throws {
        var recipe = SuperFrame()
        recipe.isIPv6 = true
        recipe.payload = Array(0..<100)
        recipe.segmentSize = 30
        var frame = recipe.bytes
        frame.insert(contentsOf: hex("06 00 01 04 00 00 00 00"), at: 54)
        frame[20] = 60
        frame[19] += 8
        var header = try #require(VirtioNetHeader.parse(recipe.virtioHeader))
        header.checksumStart += 8
        let segmenter = try #require(Segmenter(header: header, frame: frame))
        let segments = segmenter.segments(of: frame)
        #expect(segments.count == 4)
        for segment in segments {
            // Without the extension, which the pseudo-header does not see, the packet must be intact too.
            var packet = Array(segment[14..<54] + segment[62...])
            packet[6] = 6
            #expect(Int(packet[4]) << 8 | Int(packet[5]) == segment.count - 54)
            #expect(ChecksumOracle.transportIsIntact(ip: packet))
        }
        #expect(segments.flatMap { $0[82...] } == recipe.payload)
    }

    /// A kind of routing header, which of its two addresses is the last one, and how many are still to be visited.
    @Test(arguments: [(4, 0, 1), (0, 1, 2), (4, 0, 0), (253, 0, 1)])
    func sumsForTheLastDestinationOfARoutingHeader(type: UInt8, last: Int, left: UInt8) throws {
        var recipe = SuperFrame()
        recipe.isIPv6 = true
        recipe.payload = Array(0..<100)
        recipe.segmentSize = 30
        var frame = recipe.bytes
        let addresses = [
            hex("fd00 0000 0000 0000 0000 0000 0000 0aaa"), hex("fd00 0000 0000 0000 0000 0000 0000 0bbb"),
        ]
        let routing = [6, 4, type, left, 1, 0, 0, 0] + addresses[0] + addresses[1]
        frame.insert(contentsOf: routing, at: 54)
        frame[20] = 43
        frame[19] += UInt8(routing.count)
        var header = try #require(VirtioNetHeader.parse(recipe.virtioHeader))
        header.checksumStart += UInt16(routing.count)
        let segments = try #require(Segmenter(header: header, frame: frame)).segments(of: frame)
        #expect(segments.count == 4)
        for segment in segments {
            // As it is where it arrives, or as it is on the way where nobody knows better.
            var packet = Array(segment[14..<54] + segment[94...])
            packet[6] = 6
            if left > 0, type != 253 { packet.replaceSubrange(24..<40, with: addresses[last]) }
            #expect(ChecksumOracle.transportIsIntact(ip: packet))
        }
    }

    @Test func emitsNothingThatIsNotThereOrDoesNotFit() throws {
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 9, count: 100)
        recipe.segmentSize = 40
        let segmenter = try #require(makeSegmenter(recipe))
        let frame = recipe.bytes
        func emit(_ index: Int, room: Int, frame: [UInt8]) -> [UInt8]? {
            emitted(room) { segmenter.emit(index, from: frame.span, into: &$0) }
        }
        #expect(emit(0, room: 94, frame: frame)?.count == 94)
        #expect(emit(0, room: 93, frame: frame) == [])
        #expect(emit(2, room: 74, frame: frame)?.count == 74)
        for index in [-1, 3, .max, .min] {
            #expect(emit(index, room: 100, frame: frame) == [])
            #expect(segmenter.byteCount(ofSegment: index) == 0)
        }
        #expect(emit(0, room: 100, frame: Array(frame.dropLast())) == [])
    }

    /// A mistake in a super-frame that otherwise is well made.
    struct Mistake: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var make: @Sendable (inout VirtioNetHeader, inout [UInt8]) -> Void

        init(_ name: String, _ make: @escaping @Sendable (inout VirtioNetHeader, inout [UInt8]) -> Void) {
            testDescription = name
            self.make = make
        }
    }

    @Test(arguments: [
        Mistake("no super-frame") { header, _ in header.gsoType = .none },
        Mistake("wrong family") { header, _ in header.gsoType = .tcpv6 },
        Mistake("wrong protocol") { header, _ in header.gsoType = .udpL4 },
        Mistake("unknown type") { header, _ in header.gsoType = .udp },
        Mistake("no segment size") { header, _ in header.gsoSize = 0 },
        Mistake("hostile segment size") { header, _ in header.gsoSize = 7 },
        Mistake("checksum elsewhere") { header, _ in header.checksumStart = 35 },
        Mistake("checksum of another protocol") { header, _ in header.checksumOffset = 6 },
        Mistake("checksum not left") { header, _ in header.flags = [] },
        Mistake("fragment") { _, frame in frame[20] = 0x20 },
        Mistake("later fragment") { _, frame in frame[21] = 1 },
        Mistake("total length beyond the frame") { _, frame in frame[17] += 1 },
        Mistake("total length without a transport header") { _, frame in
            frame[16] = 0
            frame[17] = 39
        },
        Mistake("wrong IP version") { _, frame in frame[14] = 0x65 },
        Mistake("IP header too short") { _, frame in frame[14] = 0x44 },
        Mistake("TCP header too short") { _, frame in frame[46] = 0x40 },
        Mistake("TCP header beyond the packet") { _, frame in
            frame[46] = 0xf0
            frame[17] = 79
        },
        Mistake("unknown EtherType") { _, frame in frame[13] = 1 },
        Mistake("no frame") { _, frame in frame = [] },
    ])
    func refuses(_ mistake: Mistake) throws {
        var recipe = SuperFrame()
        recipe.payload = [UInt8](repeating: 9, count: 60)
        recipe.segmentSize = 40
        var header = try #require(VirtioNetHeader.parse(recipe.virtioHeader))
        var frame = recipe.bytes
        #expect(Segmenter(header: header, frame: frame) != nil)
        mistake.make(&header, &frame)
        #expect(Segmenter(header: header, frame: frame) == nil)
    }

    @Test func boundsDatagramsOfOneSuperFrame() throws {
        var recipe = SuperFrame()
        recipe.isTCP = false
        recipe.segmentSize = 1
        recipe.payload = [UInt8](repeating: 1, count: 128)
        #expect(makeSegmenter(recipe)?.segmentCount == 128)
        recipe.payload.append(1)
        #expect(makeSegmenter(recipe) == nil)
    }

    /// 64 KiB in segments for an MTU of 1500, 576, 296 with all options that TCP has, and the last that passes; then hostile ones.
    @Test(arguments: [(1460, true), (536, true), (216, true), (128, true), (127, false), (48, false), (8, false)])
    func boundsSegmentsOfOneSuperFrame(_ size: Int, _ isHonest: Bool) throws {
        var recipe = SuperFrame()
        recipe.segmentSize = size
        recipe.payload = [UInt8](repeating: 1, count: 65_495)
        #expect((makeSegmenter(recipe) != nil) == isHonest)
        recipe.isTCP = false
        #expect((makeSegmenter(recipe) != nil) == (size >= 536))
        // Little of it is nobody's harm.
        recipe.isTCP = true
        recipe.payload = [UInt8](repeating: 1, count: 100)
        #expect(makeSegmenter(recipe)?.segmentCount == (99 + size) / size)
    }

    @Test func refusesASegmentLongerThanItsHeaderCanSay() throws {
        var recipe = SuperFrame()
        recipe.segmentSize = 65_535
        recipe.payload = [UInt8](repeating: 1, count: 65_495)
        #expect(makeSegmenter(recipe)?.segmentCount == 1)
        // Length left to the card, one byte more than a packet can have.
        let header = try #require(VirtioNetHeader.parse(recipe.virtioHeader))
        var frame = recipe.bytes + [1]
        frame[16] = 0
        frame[17] = 0
        #expect(Segmenter(header: header, frame: frame) == nil)
    }
}
