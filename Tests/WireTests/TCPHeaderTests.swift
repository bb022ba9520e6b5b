// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

struct TCPHeaderTests {
    let syn = hex(
        """
        c0 00 01 bb         # ports 49152, 443
        ff ff ff fe         # sequence
        00 00 00 00         # acknowledgement
        a0 c2               # 40 bytes; CWR, ECE, SYN
        fa f0 00 00 00 00   # window 64240, checksum, urgent pointer
        02 04 05 b4         # maximum segment size 1460
        04 02               # selective acknowledgements permitted
        08 0a 01 02 03 04 00 00 00 00     # timestamps
        01                  # no operation
        03 03 07            # window scale 7
        """
    )

    @Test func readsASYNAsLinuxSendsIt() throws {
        let header = try #require(TCPHeader.parse(syn))
        #expect(
            header
                == TCPHeader(
                    sourcePort: 49_152,
                    destinationPort: 443,
                    sequence: 0xffff_fffe,
                    acknowledgement: 0,
                    flags: [.syn, .ece, .cwr],
                    window: 64_240,
                    headerByteCount: 40
                )
        )
        #expect(
            TCPHeader.options(syn)
                == TCPOptions(
                    maximumSegmentSize: 1460,
                    windowScale: 7,
                    sackPermitted: true,
                    timestamps: TCPOptions.Timestamps(value: 0x0102_0304, echoReply: 0)
                )
        )
    }

    @Test func refusesImpossibleLengths() {
        for length in 0..<40 { #expect(TCPHeader.parse(Array(syn[..<length])) == nil) }
        for words in 0..<5 {
            var bytes = syn
            bytes[12] = UInt8(words) << 4
            #expect(TCPHeader.parse(bytes) == nil)
        }
        var bytes = syn
        bytes[12] = 0xf0
        #expect(TCPHeader.parse(bytes) == nil)
        #expect(TCPHeader.parse(bytes + [UInt8](repeating: 0, count: 20))?.headerByteCount == 60)
        #expect(TCPHeader.parse(syn, segmentByteCount: 39) == nil)
        #expect(TCPHeader.parse(syn, segmentByteCount: 41) == nil)
        #expect(TCPHeader.parse(syn, segmentByteCount: -1) == nil)
        #expect(TCPHeader.parse(syn, at: .max, segmentByteCount: 40) == nil)
    }

    @Test func writesOptionsThatItReads() throws {
        let header = TCPHeader(
            sourcePort: 1,
            destinationPort: 2,
            sequence: 3,
            acknowledgement: 4,
            flags: [.syn, .ack],
            window: 5
        )
        let all = TCPOptions(
            maximumSegmentSize: 1400,
            windowScale: 14,
            sackPermitted: true,
            timestamps: TCPOptions.Timestamps(value: 6, echoReply: 7)
        )
        for options in [
            TCPOptions(), TCPOptions(maximumSegmentSize: 536), TCPOptions(windowScale: 0),
            TCPOptions(sackPermitted: true),
            TCPOptions(maximumSegmentSize: 9000, windowScale: 10), all,
        ] {
            let bytes = try #require(emitted(64) { header.emit(into: &$0, at: 0, options: options) })
            #expect(bytes.count == 20 + options.byteCount && bytes.count.isMultiple(of: 4))
            var expected = header
            expected.headerByteCount = bytes.count
            #expect(TCPHeader.parse(bytes) == expected)
            #expect(TCPHeader.options(bytes) == options)
            #expect(emitted(bytes.count - 1) { header.emit(into: &$0, at: 0, options: options) } == nil)
        }
    }

    @Test func storesARightChecksum() throws {
        let source = IPv4Address(10, 0, 0, 1), destination = IPv4Address(10, 0, 0, 254)
        let network = IPv4Header(source: source, destination: destination, protocolNumber: 6, totalByteCount: 63)
        let transport = TCPHeader(
            sourcePort: 1,
            destinationPort: 2,
            sequence: 3,
            acknowledgement: 4,
            flags: [.ack],
            window: 5
        )
        let packet = try #require(
            emitted(63) { span in
                network.emit(into: &span, at: 0)
                transport.emit(into: &span, at: 20)
                for index in 40..<63 { span[index] = UInt8(index) }
                let stored = TCPHeader.storeChecksum(
                    into: &span,
                    at: 20,
                    segmentByteCount: 43,
                    pseudoHeaderSum: network.pseudoHeaderSum
                )
                return stored ? 63 : nil
            }
        )
        #expect(ChecksumOracle.headerIsIntact(ipv4: packet))
        #expect(ChecksumOracle.transportIsIntact(ip: packet))
        var short = packet
        func storeIntoShort(_ length: Int) -> Bool {
            var span = short.mutableSpan
            return TCPHeader.storeChecksum(into: &span, at: 20, segmentByteCount: length, pseudoHeaderSum: 0)
        }
        #expect(!storeIntoShort(44) && !storeIntoShort(19) && !storeIntoShort(.max))
        #expect(short == packet)
    }
}

struct TCPOptionsTests {
    @Test(arguments: [
        ("02 00 03 03 07", TCPOptions()),  // a length of zero would never end
        ("02 01 03 03 07", TCPOptions()),  // a length of one neither
        ("03 03 07 02 05 05 b4", TCPOptions(windowScale: 7)),  // beyond the end; what came before counts
        ("02 04 05", TCPOptions()),
        ("02", TCPOptions()),
        ("02 03 05 03 03 07", TCPOptions(windowScale: 7)),  // wrong length for its kind: skipped
        ("00 03 03 07", TCPOptions()),  // end of list
        ("01 01 01 03 03 07", TCPOptions(windowScale: 7)),
        ("fe 06 00 00 00 00 04 02", TCPOptions(sackPermitted: true)),  // unknown kind
        ("03 03 ff", TCPOptions(windowScale: 14)),  // used as 14
        ("05 0a 00 00 00 01 00 00 00 02 02 04 05 b4", TCPOptions(maximumSegmentSize: 1460)),
        ("01 01 01 01", TCPOptions()),
        ("", TCPOptions()),
    ])
    func survives(_ text: String, _ expected: TCPOptions) {
        #expect(TCPOptions.parse(hex(text)) == expected)
    }
}

struct SequenceNumberTests {
    @Test(
        arguments: [
            (0, 1), (0xffff_ffff, 0), (0x7fff_ffff, 0x8000_0000), (0xffff_fff0, 0x7fff_ffef), (5, 0x8000_0004),
        ] as [(UInt32, UInt32)]
    )
    func earlierIsLessThanHalfTheSpaceBefore(_ early: UInt32, _ late: UInt32) {
        #expect(SequenceNumber.isBefore(early, late) && !SequenceNumber.isBefore(late, early))
        #expect(SequenceNumber.isAfter(late, early) && !SequenceNumber.isAfter(early, late))
        #expect(SequenceNumber.isBeforeOrEqual(early, late) && !SequenceNumber.isBeforeOrEqual(late, early))
        #expect(SequenceNumber.isAfterOrEqual(late, early) && !SequenceNumber.isAfterOrEqual(early, late))
        #expect(SequenceNumber.later(early, late) == late && SequenceNumber.later(late, early) == late)
        #expect(SequenceNumber.distance(from: early, to: late) > 0)
    }

    @Test func aNumberIsNeitherBeforeNorAfterItself() {
        #expect(!SequenceNumber.isBefore(7, 7) && !SequenceNumber.isAfter(7, 7))
        #expect(SequenceNumber.isBeforeOrEqual(7, 7) && SequenceNumber.isAfterOrEqual(7, 7))
    }

    @Test func windowsWrapAround() {
        #expect(SequenceNumber.isInWindow(0xffff_fffe, start: 0xffff_fffe, byteCount: 4))
        #expect(SequenceNumber.isInWindow(1, start: 0xffff_fffe, byteCount: 4))
        #expect(!SequenceNumber.isInWindow(2, start: 0xffff_fffe, byteCount: 4))
        #expect(!SequenceNumber.isInWindow(0xffff_fffd, start: 0xffff_fffe, byteCount: 4))
        #expect(!SequenceNumber.isInWindow(5, start: 5, byteCount: 0))
    }
}
