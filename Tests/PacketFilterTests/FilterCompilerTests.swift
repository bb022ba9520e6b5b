// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import PacketFilter
import TestSupport
import Testing

/// Against libpcap's own tools on the same expressions and frames.
@Suite("Filter expressions")
struct FilterCompilerTests {
    static let expressions = [
        "arp", "ip", "tcp port 80", "udp and dst port 53", "host 10.0.0.1", "ether host 02:00:00:00:00:01",
        "vlan 5 and ip",
        "ip6 and icmp6", "len <= 100", "net 192.168.0.0/16 and not broadcast", "tcp[tcpflags] & tcp-syn != 0",
        "icmp or (udp portrange 1000-2000)", "ip[2:2] > 500", "greater 60", "ether proto 0x88cc", "",
    ]

    /// The program that tcpdump prints for an expression.
    private static func tcpdump(_ expression: String) throws -> [FilterInstruction] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/tcpdump")
        process.arguments = ["-ddd", "-y", "EN10MB", "-s", "262144"] + (expression.isEmpty ? [] : [expression])
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.split(separator: "\n").dropFirst().map { line in
            let words = line.split(separator: " ").map { UInt32($0)! }
            return FilterInstruction(
                UInt16(words[0]),
                words[3],
                jumpTrue: UInt8(words[1]),
                jumpFalse: UInt8(words[2])
            )
        }
    }

    @Test("the same programs as tcpdump's", arguments: expressions)
    func sameProgram(_ expression: String) throws {
        #expect(try FilterCompiler.compile(expression).instructions == Self.tcpdump(expression))
    }

    @Test("the same verdicts as tcpdump's on a file of frames", arguments: expressions)
    func sameVerdicts(_ expression: String) throws {
        var random = SeededGenerator(seed: 7)
        var frames: [[UInt8]] = []
        for number in 0..<400 {
            var frame = (0..<Int.random(in: 14...200, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // Types and protocols that expressions ask for, so that more than the first test is met.
            let type: [UInt8] = [[8, 0], [8, 6], [0x86, 0xdd], [0x81, 0], [0x88, 0xcc]][number % 5]
            frame.replaceSubrange(12..<14, with: type)
            if number % 5 == 0, frame.count > 40 {
                frame[14] = 0x45
                frame[20] = 0
                frame[21] = 0
                frame[23] = [6, 17, 1][number / 5 % 3]
                frame[36] = 0
                frame[37] = [80, 53][number % 2]
                if number % 3 == 0 { frame.replaceSubrange(26..<30, with: [10, 0, 0, 1]) }
            }
            if number % 7 == 0 { frame.replaceSubrange(6..<12, with: [2, 0, 0, 0, 0, 1]) }
            frames.append(frame)
        }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("filter-\(UUID()).pcap")
        defer { try? FileManager.default.removeItem(at: path) }
        var file = Data()
        func word(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { file.append(contentsOf: $0) } }
        for value in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1] as [UInt32] { word(value) }
        for (number, frame) in frames.enumerated() {
            for value in [UInt32(number), 0, UInt32(frame.count), UInt32(frame.count)] { word(value) }
            file.append(contentsOf: frame)
        }
        try file.write(to: path)

        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/tcpdump")
        process.arguments = ["-r", path.path, "-w", "-"] + (expression.isEmpty ? [] : [expression])
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let kept = [UInt8](pipe.fileHandleForReading.readDataToEndOfFile())
        process.waitUntilExit()
        var theirs: Set<Int> = []
        var place = 24
        while place + 16 <= kept.count {
            theirs.insert(Int(kept[place]) | Int(kept[place + 1]) << 8)
            place += 16 + Int(kept[place + 8]) + Int(kept[place + 9]) << 8
        }
        let program = try FilterCompiler.compile(expression)
        var ours: Set<Int> = []
        for (number, frame) in frames.enumerated() where program.accepts(frame.span) { ours.insert(number) }
        #expect(ours == theirs)
    }

    @Test("a wrong expression is told with libpcap's reason")
    func wrong() {
        let error = #expect(throws: FilterCompiler.CompileError.self) { try FilterCompiler.compile("port nonsense (") }
        #expect("\(error!)".contains("port nonsense ("))
    }
}
