// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct IPv4HeaderTests {
    let packet = hex(
        """
        45 b8               # version 4, 20 bytes; DSCP 46
        00 1c               # total length 28
        be ef               # identification
        40 00               # don't fragment
        40 11               # time to live 64, UDP
        4d 20               # checksum
        0a 00 00 02         # source
        c0 00 02 01         # destination
        30 39 00 35 00 08 00 00
        """
    )

    let header = IPv4Header(
        source: IPv4Address(10, 0, 0, 2),
        destination: IPv4Address(192, 0, 2, 1),
        protocolNumber: IPProtocol.udp,
        totalByteCount: 28,
        identification: 0xbeef,
        dontFragment: true,
        timeToLive: 64,
        typeOfService: 0xb8
    )

    /// `packet` with its checksum made right again.
    private func repaired(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes = packet
        change(&bytes)
        bytes[10] = 0
        bytes[11] = 0
        let length = min(Int(bytes[0] & 0x0f) * 4, bytes.count)
        let checksum = ChecksumOracle.checksum(bytes[..<length])
        bytes[10] = UInt8(checksum >> 8)
        bytes[11] = UInt8(checksum & 0xff)
        return bytes
    }

    @Test func readsAHeader() throws {
        let bytes = repaired { _ in }
        let read = try #require(IPv4Header.parse(bytes))
        #expect(read == header)
        #expect(read.payloadByteCount == 8 && !read.isFragment)
    }

    @Test func writesWhatItReads() {
        let bytes = repaired { _ in }
        #expect(emitted(20) { header.emit(into: &$0, at: 0) } == Array(bytes[..<20]))
        #expect(emitted(19) { header.emit(into: &$0, at: 0) } == nil)
    }

    @Test func readsFragments() throws {
        let bytes = repaired { $0.replaceSubrange(6..<8, with: hex("20 b9")) }
        let read = try #require(IPv4Header.parse(bytes))
        #expect(read.moreFragments && !read.dontFragment && read.isFragment)
        #expect(read.fragmentOffset == 0xb9 * 8)
        let written = emitted(20) { read.emit(into: &$0, at: 0) }
        #expect(written == Array(bytes[..<20]))
        let last = try #require(IPv4Header.parse(repaired { $0.replaceSubrange(6..<8, with: hex("00 01")) }))
        #expect(last.isFragment && !last.moreFragments)
    }

    @Test func skipsOptions() throws {
        let bytes = repaired {
            $0[0] = 0x46
            $0.insert(contentsOf: hex("01 01 01 00"), at: 20)
            $0[3] = 32
        }
        let read = try #require(IPv4Header.parse(bytes))
        #expect(read.headerByteCount == 24 && read.payloadByteCount == 8)
    }

    @Test func takesPaddingButNoMissingBytes() {
        let bytes = repaired { _ in }
        #expect(IPv4Header.parse(bytes + [0, 0, 0]) != nil)
        #expect(IPv4Header.parse(bytes, availableByteCount: 28) != nil)
        #expect(IPv4Header.parse(bytes, availableByteCount: 27) == nil)
        #expect(IPv4Header.parse(bytes, availableByteCount: 1000) != nil)
        for length in 0..<28 { #expect(IPv4Header.parse(Array(bytes[..<length])) == nil) }
    }

    @Test func refusesAWrongChecksumUnlessToldNotToLook() {
        var bytes = repaired { _ in }
        bytes[8] = 63
        #expect(IPv4Header.parse(bytes) == nil)
        #expect(IPv4Header.parse(bytes, verifyChecksum: false)?.timeToLive == 63)
    }

    @Test(arguments: [0x44, 0x40, 0x55, 0x65, 0x05, 0x4f] as [UInt8])
    func refusesWrongVersionsAndHeaderLengths(_ first: UInt8) {
        #expect(IPv4Header.parse(repaired { $0[0] = first }, verifyChecksum: false) == nil)
    }

    @Test func refusesATotalLengthBelowTheHeaderLength() {
        #expect(IPv4Header.parse(repaired { $0[3] = 19 }) == nil)
        #expect(IPv4Header.parse(repaired { $0[3] = 20 }) != nil)
    }

    @Test func readsASuperFrameOfMaximumLength() throws {
        var large = header
        large.totalByteCount = 65_535
        var bytes = try #require(emitted(20) { large.emit(into: &$0, at: 0) })
        bytes += [UInt8](repeating: 1, count: 65_515)
        #expect(IPv4Header.parse(bytes)?.totalByteCount == 65_535)
    }

    @Test func writesNothingThatCannotBeWritten() {
        for change in [
            { $0.totalByteCount = 65_536 }, { $0.totalByteCount = 19 }, { $0.totalByteCount = -1 },
            { $0.headerByteCount = 24 }, { $0.fragmentOffset = 4 }, { $0.fragmentOffset = -8 },
            { $0.fragmentOffset = 65_536 },
        ] as [(inout IPv4Header) -> Void] {
            var changed = header
            change(&changed)
            #expect(emitted(60) { changed.emit(into: &$0, at: 0) } == nil)
        }
    }
}
