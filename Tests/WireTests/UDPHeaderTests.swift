// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct UDPHeaderTests {
    let datagram = hex("00 44 00 43 00 0c ab cd  01 02 03 04")

    @Test func readsAndWrites() {
        let header = UDPHeader(sourcePort: 68, destinationPort: 67, byteCount: 12, checksum: 0xabcd)
        #expect(UDPHeader.parse(datagram) == header)
        #expect(header.payloadByteCount == 4)
        #expect(UDPHeader.parse(datagram + [0, 0]) == header)  // padding
        #expect(emitted(8) { header.emit(into: &$0, at: 0) } == Array(datagram[..<8]))
        #expect(emitted(7) { header.emit(into: &$0, at: 0) } == nil)
    }

    @Test func refusesImpossibleLengths() {
        for length in 0..<12 { #expect(UDPHeader.parse(Array(datagram[..<length])) == nil) }
        for length in [0, 7, 13, 255] as [UInt8] {
            var bytes = datagram
            bytes[5] = length
            #expect(UDPHeader.parse(bytes) == nil)
        }
        #expect(UDPHeader.parse(datagram, availableByteCount: 13) == nil)
        #expect(UDPHeader.parse(datagram, availableByteCount: -1) == nil)
        for length in [7, 65_536, -1] {
            let header = UDPHeader(sourcePort: 1, destinationPort: 2, byteCount: length)
            #expect(emitted(8) { header.emit(into: &$0, at: 0) } == nil)
        }
    }

    /// Two bytes of data are chosen so that the sum is ffff: the checksum would be 0, which means "none".
    @Test func sendsAComputedZeroAsOnes() throws {
        let header = UDPHeader(sourcePort: 0, destinationPort: 0, byteCount: 10)
        for (data, field) in [("ff eb", "ff ff"), ("ff ea", "00 01")] {
            let bytes = try #require(
                emitted(10) { span in
                    header.emit(into: &span, at: 0)
                    span.store(hex(data).span, at: 8)
                    let sum = InternetChecksum.pseudoHeader(
                        source: IPv4Address.unspecified,
                        destination: IPv4Address.unspecified,
                        protocolNumber: 0,
                        byteCount: 10
                    )
                    return header.storeChecksum(into: &span, at: 0, pseudoHeaderSum: sum) ? 10 : nil
                }
            )
            #expect(Array(bytes[6..<8]) == hex(field))
        }
        var room: [UInt8] = Array(datagram[..<9])
        func storeBeyondTheEnd() -> Bool {
            var span = room.mutableSpan
            return header.storeChecksum(into: &span, at: 0, pseudoHeaderSum: 0)
        }
        #expect(!storeBeyondTheEnd())
    }
}
