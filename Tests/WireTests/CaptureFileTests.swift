// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Wire

@Suite("Capture files, read")
struct CaptureFileTests {
    private static func bytes(_ values: UInt32..., bigEndian: Bool = false) -> [UInt8] {
        values.flatMap { value in
            let order = bigEndian ? [24, 16, 8, 0] : [0, 8, 16, 24]
            return order.map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
        }
    }

    /// Everything that a reader finds when it gets the file in pieces of this size.
    private static func read(_ file: [UInt8], piece: Int) throws -> [CaptureFileReader.Packet] {
        var reader = CaptureFileReader()
        var packets: [CaptureFileReader.Packet] = []
        for start in stride(from: 0, to: file.count, by: piece) {
            reader.append(file[start..<min(start + piece, file.count)])
            while let packet = try reader.next() { packets.append(packet) }
        }
        return packets
    }

    @Test("what we write is read again, in pieces of any size", arguments: [1, 3, 16, 1000])
    func roundTrip(piece: Int) throws {
        var writer = PcapngWriter()
        var blocks = writer.sectionHeader(program: "test", comment: "odd") + writer.interface(.init(name: "port1"))
        var classic = PcapFile.header(snapLength: 65_535)
        var expected: [CaptureFileReader.Packet] = []
        for number in 0..<20 {
            let frame = (0..<(14 + number * 7)).map { UInt8(truncatingIfNeeded: $0 &+ number) }
            let time = 1_700_000_000_000_000_000 + UInt64(number) * 1_234_567_000
            expected.append(
                .init(time: time, bytes: frame, originalByteCount: frame.count + number % 2, isEthernet: true)
            )
            blocks += writer.packet(
                interface: 0,
                time: time,
                frame.span,
                originalByteCount: frame.count + number % 2,
                direction: .inbound,
                comment: number == 3 ? "a comment" : ""
            )
            classic += PcapFile.packet(time: time, frame.span, originalByteCount: frame.count + number % 2)
        }
        blocks += writer.statistics(interface: 0, time: 0, received: 1, dropped: 0)
        #expect(try Self.read(blocks, piece: piece) == expected)
        #expect(try Self.read(classic, piece: piece) == expected)
    }

    @Test(
        "times of every resolution",
        arguments: [
            (6, 1_500_000, 1_500_000_000), (0, 3, 3_000_000_000), (9, 42, 42), (12, 5_000, 5),
            (0x80 | 10, 1536, 1_500_000_000),
            (0x80 | 32, 1 << 31, 500_000_000), (0x80, 7, 7_000_000_000), (0x80 | 64, 1, 0), (127, 99, 0),
            (0, .max, 0),
        ] as [(UInt8, UInt64, UInt64)]
    )
    func resolution(_ code: UInt8, _ ticks: UInt64, _ nanoseconds: UInt64) throws {
        let section = Self.bytes(0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, .max, .max, 28)
        // Link type and snap length, then the option with one byte, and the end of options.
        let interface = Self.bytes(1, 32, 1, 0, 9 | 1 << 16, UInt32(code), 0, 32)
        let high = UInt32(truncatingIfNeeded: ticks >> 32)
        let packet = Self.bytes(6, 36, 0, high, UInt32(truncatingIfNeeded: ticks), 4, 4, 0x0403_0201, 36)
        let packets = try Self.read(section + interface + packet, piece: 7)
        #expect(packets.map(\.time) == [nanoseconds])
        #expect(packets.map(\.bytes) == [[1, 2, 3, 4]])
    }

    @Test("simple packets, other link types, sections of another byte order")
    func sections() throws {
        let little =
            Self.bytes(0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, .max, .max, 28)
            + Self.bytes(1, 20, 1, 60, 20) + Self.bytes(3, 20, 4, 0x0403_0201, 20)
        let big =
            Self.bytes(0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1 << 16, .max, .max, 28, bigEndian: true)
            + Self.bytes(1, 20, 113 << 16, 0, 20, bigEndian: true)
            + Self.bytes(6, 36, 0, 0, 9, 4, 4, 0x0506_0708, 36, bigEndian: true)
        let packets = try Self.read(little + big, piece: 5)
        #expect(packets.map(\.bytes) == [[1, 2, 3, 4], [5, 6, 7, 8]])
        #expect(packets.map(\.isEthernet) == [true, false])
    }

    @Test(
        "what cannot be is damage, and never a trap",
        arguments: [
            // A block of a size that is none, one shorter than its parts, one of an interface that was not described.
            bytes(0x0a0d_0d0a, 13, 0x1a2b_3c4d, 1, .max, .max, 28),
            bytes(0x0a0d_0d0a, 28, 0x1111_1111, 1, .max, .max, 28),
            bytes(0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, .max, .max, 28) + bytes(6, 12, 12),
            bytes(0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, .max, .max, 28) + bytes(6, 36, 7, 0, 0, 4, 4, 0, 36),
            bytes(0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, .max, .max, 28) + bytes(1, 20, 1, 0, 20)
                + bytes(6, 36, 0, 0, 0, 500, 500, 0, 36),
            bytes(0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, .max, .max, 28) + bytes(3, 16, 4, 16),
            bytes(0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 65_535, 1, 0, 0, 0xffff_ffff, 0),
        ]
    )
    func damage(_ file: [UInt8]) {
        #expect { try Self.read(file, piece: 11) } throws: { error in
            guard case .malformed = error as? CaptureFileReader.Damage else { return false }
            return true
        }
    }

    @Test("a file that is no capture is none; one that ends within a packet keeps the rest")
    func edges() throws {
        #expect(throws: CaptureFileReader.Damage.noCapture) { try Self.read(Array("#!/bin/sh".utf8), piece: 100) }
        var reader = CaptureFileReader()
        reader.append(PcapFile.header(snapLength: 100) + Self.bytes(0, 0, 100, 100))
        #expect(try reader.next() == nil)
        #expect(reader.unreadByteCount == 16)
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            // Random bytes behind each beginning.
            let size = Int.random(in: 0..<200, using: &generator)
            let noise = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let heads = [
                Self.bytes(0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, .max, .max, 28) + Self.bytes(1, 20, 1, 0, 20),
                PcapFile.header(snapLength: 0), [],
            ]
            for head in heads { _ = try? Self.read(head + noise, piece: 17) }
        }
    }
}
