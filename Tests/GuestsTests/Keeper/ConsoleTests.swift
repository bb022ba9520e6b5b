// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestTraits
import Testing

@testable import Guests

@Suite("A guest's console")
struct GuestConsoleTests {
    private func withLog(limit: Int, _ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("console-\(UUID())").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try body(directory + "/console.log")
    }

    @Test("the log is rotated once, and its tail crosses the border")
    func rotation() throws {
        try withLog(limit: 10) { path in
            let log = ConsoleLog(path: path, limit: 10)
            for text in ["12345", "6789", "abcdef", "gh"] { log.append(Array(text.utf8)) }
            #expect(String(decoding: log.tail(3), as: UTF8.self) == "fgh")
            #expect(String(decoding: log.tail(12), as: UTF8.self) == "6789abcdefgh")
            #expect(String(decoding: log.tail(100), as: UTF8.self) == "123456789abcdefgh")
            for text in ["0123456789", "x"] { log.append(Array(text.utf8)) }
            #expect(String(decoding: log.tail(100), as: UTF8.self) == "0123456789x")
            // Another keeper goes on where this one ended.
            ConsoleLog(path: path, limit: 10).append([UInt8(ascii: "y")])
            #expect(String(decoding: log.tail(2), as: UTF8.self) == "xy")
        }
    }

    @Test("a pipe in the log's place holds up nobody", .mayRun(seconds: 60))
    func pipe() throws {
        try withLog(limit: 10) { path in
            #expect(mkfifo(path, 0o600) == 0)
            let log = ConsoleLog(path: path)
            log.append(Array("nobody reads".utf8))
            #expect(log.tail(10).isEmpty)
            let reader = try OwnedDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK)
            for _ in 0..<100 { log.append([UInt8](repeating: 65, count: 4096)) }
            #expect(try reader.read(atMost: 10).count == 10)
        }
    }

    @Test("many read, one writes, and one who does not read is let go")
    func readers() throws {
        try withLog(limit: 1 << 22) { path in
            let loop = try ControlLoop()
            let console = GuestConsole(loop: loop, log: ConsoleLog(path: path))
            var typed: [UInt8] = []
            console.input = { typed += $0 }
            console.wrote(Array("past".utf8))
            let reader = try console.attach(.read, history: 2)
            let first = try console.attach(.write, history: 0)
            #expect(throws: GuestError.self) { try console.attach(.write, history: 0) }
            let second = try console.attach(.steal, history: 0)
            console.wrote(Array("now".utf8))
            for (stream, text) in [(first, "a"), (second, "b"), (reader, "c")] {
                #expect(Glibc.send(stream.rawValue, text, 1, 0) == 1)
            }
            for _ in 0..<4 { try loop.runPending() }
            #expect(typed == [UInt8(ascii: "b")])
            func received(_ stream: SharedDescriptor) -> String {
                var bytes = [UInt8](repeating: 0, count: 100)
                let count = recv(stream.rawValue, &bytes, 100, Int32(MSG_DONTWAIT))
                return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
            }
            #expect(received(reader) == "stnow")
            #expect(received(second) == "now")
            // Megabytes for who does not read.
            for _ in 0..<64 { console.wrote([UInt8](repeating: 65, count: 65536)) }
            for _ in 0..<4 { try loop.runPending() }
            #expect(!console.hasWriter)
        }
    }
}
