// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct IPv6HeaderTests {
    let fixed = hex(
        """
        6a 51 23 45         # version 6, traffic class a5, flow label 12345
        00 08               # payload length
        11 40               # UDP, hop limit 64
        20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01
        ff 02 00 00 00 00 00 00 00 00 00 00 00 00 00 02
        """
    )

    private func header(nextHeader: UInt8 = 17, payloadByteCount: Int = 8) throws -> IPv6Header {
        IPv6Header(
            source: try #require(IPv6Address("2001:db8::1")),
            destination: try #require(IPv6Address("ff02::2")),
            nextHeader: nextHeader,
            payloadByteCount: payloadByteCount,
            hopLimit: 64,
            trafficClass: 0xa5,
            flowLabel: 0x12345
        )
    }

    @Test func readsAndWrites() throws {
        let expected = try header()
        let bytes = fixed + hex("30 39 00 35 00 08 00 00")
        #expect(IPv6Header.parse(bytes) == expected)
        #expect(emitted(40) { expected.emit(into: &$0, at: 0) } == fixed)
        #expect(emitted(39) { expected.emit(into: &$0, at: 0) } == nil)
        let tooLong = try header(payloadByteCount: 65_536)
        #expect(emitted(40) { tooLong.emit(into: &$0, at: 0) } == nil)
    }

    @Test func refusesTruncationsAndOtherVersions() {
        let bytes = fixed + hex("30 39 00 35 00 08 00 00")
        for length in 0..<48 { #expect(IPv6Header.parse(Array(bytes[..<length])) == nil) }
        #expect(IPv6Header.parse(bytes, availableByteCount: 47) == nil)
        #expect(IPv6Header.parse(bytes + [0], availableByteCount: 49) != nil)
        for version in 0..<16 where version != 6 {
            var wrong = bytes
            wrong[0] = UInt8(version) << 4 | 0x0a
            #expect(IPv6Header.parse(wrong) == nil)
        }
    }

    private func packet(nextHeader: UInt8, _ payload: [UInt8]) -> [UInt8] {
        var bytes = fixed
        bytes[4] = UInt8(payload.count >> 8)
        bytes[5] = UInt8(payload.count & 0xff)
        bytes[6] = nextHeader
        return bytes + payload
    }

    @Test func findsAnUpperLayerWithoutExtensions() {
        let bytes = packet(nextHeader: 17, hex("30 39 00 35 00 08 00 00"))
        #expect(IPv6Header.upperLayer(bytes) == IPv6UpperLayer(protocolNumber: 17, offset: 40, byteCount: 8))
    }

    @Test func skipsExtensionHeaders() {
        let payload = hex(
            """
            3c 00 05 02 00 00 01 00     # hop-by-hop: router alert; next: destination options
            2b 01 01 0c 00 00 00 00 00 00 00 00 00 00 00 00     # destination options of 16 bytes; next: routing
            06 00 00 00 00 00 00 00     # routing, no segments left; next: TCP
            """
        )
        let bytes = packet(nextHeader: 0, payload + [UInt8](repeating: 7, count: 20))
        #expect(IPv6Header.upperLayer(bytes) == IPv6UpperLayer(protocolNumber: 6, offset: 72, byteCount: 20))
    }

    @Test func tellsFragments() {
        let first = packet(nextHeader: 44, hex("11 00 00 01 de ad be ef  30 39 00 35 00 10 00 00"))
        #expect(
            IPv6Header.upperLayer(first)
                == IPv6UpperLayer(
                    protocolNumber: 17,
                    offset: 48,
                    byteCount: 8,
                    isFragment: true,
                    moreFragments: true
                )
        )
        // A later fragment's bytes are data, even if the next header says "destination options".
        let later = packet(nextHeader: 44, hex("3c 00 00 10 de ad be ef  ff ff ff ff ff ff ff ff"))
        #expect(
            IPv6Header.upperLayer(later)
                == IPv6UpperLayer(protocolNumber: 60, offset: 48, byteCount: 8, isFragment: true, fragmentOffset: 16)
        )
    }

    @Test func refusesExtensionsBeyondThePacket() {
        #expect(IPv6Header.upperLayer(packet(nextHeader: 0, hex("3a 01 00 00 00 00 00 00"))) == nil)
        #expect(IPv6Header.upperLayer(packet(nextHeader: 0, hex("3a 00 00 00 00 00 00"))) == nil)
        #expect(IPv6Header.upperLayer(packet(nextHeader: 44, hex("3a 00 00 00 00 00 00"))) == nil)
        // Bytes behind the packet do not count.
        #expect(IPv6Header.upperLayer(packet(nextHeader: 0, []) + hex("3a 00 00 00 00 00 00 00")) == nil)
    }

    @Test func givesUpOnLongChains() {
        let options = hex("3c 00 01 04 00 00 00 00")
        let last = hex("3b 00 01 04 00 00 00 00")
        func chain(_ count: Int) -> [UInt8] {
            packet(nextHeader: 60, (0..<(count - 1)).flatMap { _ in options } + last)
        }
        #expect(IPv6Header.upperLayer(chain(7))?.protocolNumber == IPProtocol.noNextHeader)
        #expect(IPv6Header.upperLayer(chain(8)) == nil)
        #expect(IPv6Header.upperLayer(chain(200)) == nil)
    }
}
