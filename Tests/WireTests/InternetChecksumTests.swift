// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct InternetChecksumTests {
    private func partialSum(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64 {
        InternetChecksum.partialSum(bytes.span, from: range.lowerBound, to: range.upperBound)
    }

    /// The example of RFC 1071 section 3: its sum is ddf2.
    @Test func agreesWithTheExampleOfRFC1071() {
        let bytes = hex("00 01 f2 03 f4 f5 f6 f7")
        #expect(InternetChecksum.fold(partialSum(bytes, 0..<8)) == 0xddf2)
        #expect(InternetChecksum.finish(partialSum(bytes, 0..<8)) == ~0xddf2)
    }

    @Test func verifiesARealHeader() {
        var header = hex("45 00 00 73 00 00 40 00 40 11 b8 61 c0 a8 00 01 c0 a8 00 c7")
        func isIntact() -> Bool { InternetChecksum.verify(header.span, from: 0, to: 20) }
        #expect(isIntact())
        header[8] -= 1
        #expect(!isIntact())
    }

    @Test func agreesWithTheOracleForEveryLengthAndAlignment() {
        var generator = SeededGenerator(seed: 1071)
        let bytes = generator.bytes(700)
        for start in 0..<9 {
            for length in 0..<400 {
                let range = start..<(start + length)
                #expect(InternetChecksum.fold(partialSum(bytes, range)) == ChecksumOracle.sum(bytes[range]))
            }
        }
    }

    @Test(arguments: [0x00, 0xff, 0x80, 0x7f] as [UInt8])
    func agreesWithTheOracleForExtremeBytes(_ byte: UInt8) {
        for length in [1, 2, 3, 63, 64, 65, 1460, 65_535, 65_536, 200_001] {
            let bytes = [UInt8](repeating: byte, count: length)
            #expect(InternetChecksum.fold(partialSum(bytes, 0..<length)) == ChecksumOracle.sum(bytes))
        }
    }

    @Test func agreesWithTheOracleForLongRandomData() {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<60 {
            let bytes = generator.bytes(generator.number(1000...70_000))
            let start = generator.number(0...100)
            let range = start..<bytes.count
            #expect(InternetChecksum.fold(partialSum(bytes, range)) == ChecksumOracle.sum(bytes[range]))
        }
    }

    @Test func foldsAnything() {
        #expect(InternetChecksum.fold(0) == 0)
        #expect(InternetChecksum.fold(0xffff) == 0xffff)
        #expect(InternetChecksum.fold(0x1_0000) == 1)
        #expect(InternetChecksum.fold(0x1_ffff_ffff) == 1)
        #expect(InternetChecksum.fold(.max) == 0xffff)
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<1000 {
            let value = generator.next()
            // A number is congruent to its ones' complement sum modulo 2^16 - 1.
            #expect(UInt64(InternetChecksum.fold(value)) % 0xffff == value % 0xffff)
        }
    }

    @Test func partialSumsAddUp() {
        var generator = SeededGenerator(seed: 4)
        let bytes = generator.bytes(1501)
        for cut in stride(from: 0, through: 1500, by: 50) {
            let sum = partialSum(bytes, 0..<cut) &+ partialSum(bytes, cut..<1501)
            #expect(InternetChecksum.fold(sum) == ChecksumOracle.sum(bytes))
        }
    }

    @Test func copyCopiesAndSums() {
        var generator = SeededGenerator(seed: 5)
        let source = generator.bytes(3000)
        for (start, length, offset) in [(0, 0, 0), (1, 1, 7), (14, 1460, 54), (3, 2048, 100), (2999, 1, 0), (7, 63, 1)]
        {
            var sum: UInt64 = 0
            let copied = emitted(offset + length) { target in
                sum = InternetChecksum.copy(source.span, start..<(start + length), into: &target, at: offset)
                return offset + length
            }
            #expect(copied.map { Array($0[offset...]) } == Array(source[start..<(start + length)]))
            #expect(copied?[..<offset].allSatisfy { $0 == 0xee } == true)
            #expect(InternetChecksum.fold(sum) == ChecksumOracle.sum(source[start..<(start + length)]))
        }
    }

    @Test func udpNeverSendsZero() {
        #expect(InternetChecksum.finish(0xffff) == 0)
        #expect(InternetChecksum.finishUDP(0xffff) == 0xffff)
        #expect(InternetChecksum.finishUDP(0x1234) == ~0x1234)
    }

    @Test func pseudoHeadersAreSummedAsBytes() throws {
        let source = IPv4Address(192, 168, 0, 1), destination = IPv4Address(255, 255, 0, 199)
        let bytes = hex("c0 a8 00 01  ff ff 00 c7  00 11  ff fe")
        let sum = InternetChecksum.pseudoHeader(
            source: source,
            destination: destination,
            protocolNumber: 17,
            byteCount: 0xfffe
        )
        #expect(InternetChecksum.fold(sum) == ChecksumOracle.sum(bytes))

        let longSource = try #require(IPv6Address("2001:db8:ffff:1::1"))
        let longDestination = try #require(IPv6Address("fe80::ffff:ffff:ffff:fffe"))
        let longBytes = hex(
            """
            20 01 0d b8 ff ff 00 01 00 00 00 00 00 00 00 01
            fe 80 00 00 00 00 00 00 ff ff ff ff ff ff ff fe
            00 01 00 05     # upper-layer length
            00 00 00 06     # next header
            """
        )
        let longSum = InternetChecksum.pseudoHeader(
            source: longSource,
            destination: longDestination,
            protocolNumber: 6,
            byteCount: 0x1_0005
        )
        #expect(InternetChecksum.fold(longSum) == ChecksumOracle.sum(longBytes))
    }

    /// RFC 1624 section 4: the case in which the older equation of RFC 1141 goes wrong.
    @Test func updatesIncrementally() {
        #expect(InternetChecksum.update(0xdd2f, replacing: 0x5555 as UInt16, with: 0x3285) == 0x0000)
        var generator = SeededGenerator(seed: 6)
        for _ in 0..<500 {
            var bytes = generator.bytes(40)
            let before = ChecksumOracle.checksum(bytes)
            let old = UInt32(bytes[8]) << 24 | UInt32(bytes[9]) << 16 | UInt32(bytes[10]) << 8 | UInt32(bytes[11])
            bytes.replaceSubrange(8..<12, with: generator.bytes(4))
            let new = UInt32(bytes[8]) << 24 | UInt32(bytes[9]) << 16 | UInt32(bytes[10]) << 8 | UInt32(bytes[11])
            let after = InternetChecksum.update(before, replacing: old, with: new)
            #expect(after == ChecksumOracle.checksum(bytes))
            let half = InternetChecksum.update(
                InternetChecksum.update(before, replacing: UInt16(old >> 16), with: UInt16(new >> 16)),
                replacing: UInt16(old & 0xffff),
                with: UInt16(new & 0xffff)
            )
            #expect(half == after)
        }
    }
}
