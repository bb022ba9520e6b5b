// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing
import Wire

@Suite("Captures in the pcapng format")
struct PcapngWriterTests {
    private static let frame = hex("ff ff ff ff ff ff 02 00 00 00 00 01 08 06 01 02 03")

    @Test("a section begins with its byte order, version and the program's name")
    func section() {
        #expect(
            PcapngWriter().sectionHeader(program: "etherloom", comment: "a")
                == hex(
                    """
                    0a 0d 0d 0a  38 00 00 00        # type, size
                    4d 3c 2b 1a  01 00 00 00        # byte order magic, version 1.0
                    ff ff ff ff ff ff ff ff         # section length: not known
                    04 00 09 00                     # shb_userappl
                    65 74 68 65 72 6c 6f 6f 6d 00 00 00
                    01 00 01 00  61 00 00 00        # opt_comment
                    00 00 00 00                     # opt_endofopt
                    38 00 00 00                     # size
                    """
                )
        )
    }

    @Test("an interface has a link type, a snap length, a name, a resolution and a filter")
    func interface() {
        var writer = PcapngWriter()
        let block = writer.interface(
            .init(name: "port3", description: "x", snapLength: 96, filter: "arp")
        )
        #expect(
            block
                == hex(
                    """
                    01 00 00 00  3c 00 00 00        # type, size
                    01 00 00 00  60 00 00 00        # Ethernet, snap length
                    02 00 05 00  70 6f 72 74 33 00 00 00  # if_name
                    03 00 01 00  78 00 00 00        # if_description
                    09 00 01 00  09 00 00 00        # if_tsresol: nanoseconds
                    0b 00 04 00  00 61 72 70        # if_filter: a libpcap expression
                    00 00 00 00
                    3c 00 00 00
                    """
                )
        )
        #expect(writer.interfaceCount == 1)
        #expect(writer.interface(.init(name: "")).count == 36)
        #expect(writer.interfaceCount == 2)
    }

    @Test("a packet has its interface, time, both lengths, padding, direction and comment")
    func packet() {
        let block = PcapngWriter().packet(
            interface: 2,
            time: 0x0123_4567_89ab_cdef,
            Self.frame.span,
            originalByteCount: 1500,
            direction: .outbound,
            comment: "cut"
        )
        #expect(
            block
                == hex(
                    """
                    06 00 00 00  48 00 00 00        # type, size
                    02 00 00 00                     # interface
                    67 45 23 01  ef cd ab 89        # time: high, low
                    11 00 00 00  dc 05 00 00        # captured, original
                    ff ff ff ff ff ff 02 00 00 00 00 01 08 06 01 02 03 00 00 00
                    02 00 04 00  02 00 00 00        # epb_flags: outbound
                    01 00 03 00  63 75 74 00        # opt_comment
                    00 00 00 00
                    48 00 00 00
                    """
                )
        )
    }

    @Test("a packet of which nothing more is known has no options", arguments: 0...9)
    func plainPacket(_ count: Int) throws {
        let bytes = (0..<count).map { UInt8($0) }
        let block = PcapngWriter().packet(
            interface: 0,
            time: 5,
            bytes.span,
            originalByteCount: count,
            direction: .unknown
        )
        let padded = (count + 3) & ~3
        #expect(block.count == 32 + padded)
        #expect(Array(block[28..<28 + padded]) == bytes + [UInt8](repeating: 0, count: padded - count))
    }

    @Test("statistics say what came and what was lost")
    func statistics() {
        #expect(
            PcapngWriter().statistics(interface: 1, time: 7, received: 0x1_0000_0002, dropped: 3)
                == hex(
                    """
                    05 00 00 00  34 00 00 00
                    01 00 00 00  00 00 00 00  07 00 00 00
                    04 00 08 00  02 00 00 00 01 00 00 00   # isb_ifrecv
                    05 00 08 00  03 00 00 00 00 00 00 00   # isb_ifdrop
                    00 00 00 00
                    34 00 00 00
                    """
                )
        )
    }

    @Test("every block begins and ends with its size, a multiple of four", arguments: [0, 1, 255, 65_520, 70_000])
    func framing(_ length: Int) {
        var writer = PcapngWriter()
        let text = String(repeating: "é", count: length / 2) + (length % 2 == 1 ? "x" : "")
        let blocks = [
            writer.sectionHeader(program: text, comment: text),
            writer.interface(.init(name: text, description: text, filter: text)),
            writer.packet(
                interface: 0,
                time: .max,
                Self.frame.span,
                originalByteCount: .max,
                direction: .inbound,
                comment: text
            ),
        ]
        for block in blocks {
            let size = Self.word(block, 4)
            #expect(size == block.count && size % 4 == 0)
            #expect(Self.word(block, block.count - 4) == size)
        }
    }

    private static func word(_ bytes: [UInt8], _ offset: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }
}

@Suite("Captures in libpcap's format")
struct PcapFileTests {
    @Test("a file begins with its magic, version, snap length and link type")
    func header() {
        #expect(
            PcapFile.header(snapLength: 262_144)
                == hex(
                    """
                    d4 c3 b2 a1  02 00 04 00        # magic: microseconds; version 2.4
                    00 00 00 00  00 00 00 00        # time zone and accuracy, never used
                    00 00 04 00  01 00 00 00        # snap length, Ethernet
                    """
                )
        )
    }

    @Test("a packet has seconds, microseconds and both lengths")
    func packet() {
        let bytes: [UInt8] = [1, 2, 3]
        #expect(
            PcapFile.packet(time: 1_700_000_001_999_999_999, bytes.span, originalByteCount: 60)
                == hex(
                    """
                    01 f1 53 65  3f 42 0f 00        # 1700000001 s, 999999 us
                    03 00 00 00  3c 00 00 00
                    01 02 03
                    """
                )
        )
    }
}
