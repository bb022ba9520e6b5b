// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct VirtioNetHeaderTests {
    let bytes = hex(
        """
        01          # needs checksum
        81          # TCP over IPv4, ECN
        42 00       # 66 bytes of headers
        a8 05       # segments of 1448
        22 00       # checksum starts at 34
        10 00       # checksum stands 16 behind
        01 00       # one buffer
        """
    )

    let header = VirtioNetHeader(
        flags: .needsChecksum,
        gsoType: VirtioNetHeader.GSOType(rawValue: 0x81),
        headerLength: 66,
        gsoSize: 1448,
        checksumStart: 34,
        checksumOffset: 16,
        bufferCount: 1
    )

    @Test func readsAndWritesLittleEndian() {
        #expect(VirtioNetHeader.parse(bytes) == header)
        #expect(emitted(12) { header.emit(into: &$0) } == bytes)
        #expect(emitted(11) { header.emit(into: &$0) } == nil)
        for length in 0..<12 { #expect(VirtioNetHeader.parse(Array(bytes[..<length])) == nil) }
    }

    @Test func tellsWhatIsLeftToDo() {
        #expect(header.needsChecksum && header.isSuperFrame && !header.isComplete)
        #expect(header.gsoType.kind == .tcpv4 && header.gsoType.hasECN)
        #expect(VirtioNetHeader.plain.isComplete && !VirtioNetHeader.plain.isSuperFrame)
        #expect(VirtioNetHeader(flags: .dataValid).isComplete)
    }

    @Test func acceptsWhatLinuxSends() {
        #expect(header.validate(frameByteCount: 65_549))
        #expect(VirtioNetHeader.plain.validate(frameByteCount: 14))
        #expect(VirtioNetHeader(flags: .dataValid).validate(frameByteCount: 60))
        #expect(
            VirtioNetHeader(flags: .needsChecksum, checksumStart: 34, checksumOffset: 6).validate(frameByteCount: 42)
        )
        #expect(
            VirtioNetHeader(
                flags: .needsChecksum,
                gsoType: .udpL4,
                headerLength: 62,
                gsoSize: 1,
                checksumStart: 54,
                checksumOffset: 6
            ).validate(frameByteCount: 100)
        )
    }

    @Test(
        arguments: [
            { $0.checksumStart = 13 }, { $0.checksumStart = 0 }, { $0.checksumStart = 83 }, { $0.checksumOffset = 65 },
            { $0.checksumOffset = 0xffff }, { $0.checksumStart = 0xffff }, { $0.headerLength = 101 },
            { $0.gsoSize = 0 },
            { $0.gsoSize = 7 }, { $0.flags = [] }, { $0.gsoType = .udp }, { $0.gsoType = .init(rawValue: 2) },
            { $0.gsoType = .init(rawValue: 0x7f) }, { $0.gsoType = .ecn }, { $0.gsoType = .init(rawValue: 0x85) },
        ] as [@Sendable (inout VirtioNetHeader) -> Void]
    )
    func refusesWhatDoesNotFitTheFrame(_ change: @Sendable (inout VirtioNetHeader) -> Void) {
        #expect(header.validate(frameByteCount: 100))
        var wrong = header
        change(&wrong)
        #expect(!wrong.validate(frameByteCount: 100))
    }

    @Test func refusesFramesWithoutAHeader() {
        #expect(!VirtioNetHeader.plain.validate(frameByteCount: 13))
        #expect(!VirtioNetHeader.plain.validate(frameByteCount: 0))
    }
}

struct ChecksumCompletionTests {
    private func complete(_ header: VirtioNetHeader, _ frame: inout [UInt8]) -> Bool {
        var span = frame.mutableSpan
        return ChecksumCompletion.complete(header, frame: &span)
    }

    /// What a tap hands over: the pseudo-header's sum in the checksum field.
    private func partial(_ recipe: SuperFrame) -> (VirtioNetHeader, [UInt8])? {
        guard var header = VirtioNetHeader.parse(recipe.virtioHeader) else { return nil }
        header.gsoType = .none
        header.gsoSize = 0
        var frame = recipe.bytes
        let packet = Array(frame[recipe.networkOffset...])
        let length = frame.count - recipe.transportOffset
        let addresses = recipe.isIPv6 ? Array(packet[8..<40]) : Array(packet[12..<20])
        let sum = ChecksumOracle.sum(
            addresses + [UInt8(length >> 8), UInt8(length & 0xff), 0, recipe.isTCP ? 6 : 17]
        )
        let position = recipe.transportOffset + (recipe.isTCP ? 16 : 6)
        frame[position] = UInt8(sum >> 8)
        frame[position + 1] = UInt8(sum & 0xff)
        return (header, frame)
    }

    @Test(arguments: [0, 1, 2, 3, 100, 1459, 1460], [(false, false), (false, true), (true, false), (true, true)])
    func completesWhatTheKernelLeaves(_ length: Int, _ kind: (isIPv6: Bool, isTCP: Bool)) throws {
        var generator = SeededGenerator(seed: UInt64(length))
        for tagCount in 0...2 {
            var recipe = SuperFrame()
            recipe.isIPv6 = kind.isIPv6
            recipe.isTCP = kind.isTCP
            recipe.tagCount = tagCount
            recipe.payload = generator.bytes(length)
            var (header, frame) = try #require(partial(recipe))
            #expect(complete(header, &frame))
            #expect(ChecksumOracle.transportIsIntact(ip: Array(frame[recipe.networkOffset...])))
        }
    }

    @Test func sendsAComputedZeroOfUDPAsOnes() {
        var frame = [UInt8](repeating: 0, count: 44)
        frame[43] = 0xff
        frame[42] = 0xff
        #expect(complete(VirtioNetHeader(flags: .needsChecksum, checksumStart: 34, checksumOffset: 6), &frame))
        #expect(Array(frame[40..<42]) == [0xff, 0xff])
        var segment = [UInt8](repeating: 0, count: 54)
        segment[53] = 0xff
        segment[52] = 0xff
        #expect(complete(VirtioNetHeader(flags: .needsChecksum, checksumStart: 34, checksumOffset: 16), &segment))
        #expect(Array(segment[50..<52]) == [0, 0])
    }

    @Test func leavesCompleteFramesAlone() {
        var frame: [UInt8] = Array(0..<60)
        #expect(complete(VirtioNetHeader(flags: .dataValid, checksumStart: 34, checksumOffset: 16), &frame))
        #expect(frame == Array(0..<60))
    }

    @Test func changesNothingForHostileOffsets() {
        var generator = SeededGenerator(seed: 9)
        let interesting: [UInt16] = [0, 1, 13, 14, 15, 57, 58, 59, 60, 61, 0x7fff, 0x8000, 0xfffe, 0xffff]
        for length in [0, 1, 13, 14, 15, 16, 60] {
            let bytes = generator.bytes(length)
            for start in interesting {
                for offset in interesting {
                    let header = VirtioNetHeader(flags: .needsChecksum, checksumStart: start, checksumOffset: offset)
                    var frame = bytes
                    let fits = start >= 14 && Int(start) + Int(offset) + 2 <= length
                    #expect(complete(header, &frame) == fits)
                    let outside = frame.indices.filter { !fits || ($0 - Int(start) - Int(offset)) / 2 != 0 }
                    #expect(outside.allSatisfy { frame[$0] == bytes[$0] })
                }
            }
        }
    }
}
