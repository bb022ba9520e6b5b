// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Testing

@testable import Guests

@Suite("A byte stream of the keeper's")
struct ByteStreamTests {
    private func turn(_ loop: ControlLoop, milliseconds: UInt64 = 50) throws {
        loop.after(milliseconds: milliseconds) { [loop] in loop.stop() }
        try loop.run()
    }

    @Test("what was written before its other end went is read when reading goes on, not lost")
    func lastWords() throws {
        let loop = try ControlLoop()
        let pair = try UnixSocket.pair(.stream)
        let stream = try ByteStream(SharedDescriptor(try pair.first.duplicate()), loop: loop, reads: true)
        var read: [UInt8] = []
        var hasEnded = false
        stream.received = { read += $0 }
        stream.ended = { hasEnded = true }
        stream.setReading(false)
        #expect(Glibc.send(pair.second.rawValue, "last", 4, 0) == 4)
        // The other end goes: whoever shares the socket sees that, and nothing can be written.
        #expect(Glibc.shutdown(pair.second.rawValue, Int32(SHUT_RDWR)) == 0)
        try turn(loop)
        #expect(read.isEmpty)
        #expect(stream.isOpen)
        stream.setReading(true)
        try turn(loop)
        #expect(String(decoding: read, as: UTF8.self) == "last")
        #expect(hasEnded)
        #expect(!stream.isOpen)
    }

    @Test("one that only writes ends with its other end")
    func writer() throws {
        let loop = try ControlLoop()
        let pair = try UnixSocket.pair(.stream)
        let stream = try ByteStream(SharedDescriptor(try pair.first.duplicate()), loop: loop, reads: false)
        var hasEnded = false
        stream.ended = { hasEnded = true }
        #expect(Glibc.shutdown(pair.second.rawValue, Int32(SHUT_RDWR)) == 0)
        try turn(loop)
        #expect(hasEnded)
    }
}
