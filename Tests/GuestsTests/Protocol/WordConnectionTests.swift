// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TestTraits
import Testing

@testable import Guests

@Suite("Connections of words", .mayRun(seconds: 60))
struct WordConnectionTests {
    private func turn(_ loop: ControlLoop, milliseconds: UInt64 = 20) throws {
        loop.after(milliseconds: milliseconds) { [loop] in loop.stop() }
        try loop.run()
    }

    private func received(_ socket: borrowing OwnedDescriptor) -> [String]? {
        guard let message = try? UnixSocket.receive(from: socket, limit: WordMessage.maximumByteCount) else {
            return nil
        }
        return WordMessage(bytes: message.bytes)?.words
    }

    @Test("an answer that cannot be sent is an error for who waits; an event that cannot be is not one")
    func unsendable() throws {
        let pair = try UnixSocket.pair(.sequencedPacket)
        let connection = try WordConnection(try pair.first.duplicate(), loop: try ControlLoop())
        let long = String(repeating: "x", count: WordMessage.maximumByteCount)
        connection.send(["event", "log", long])
        connection.send(["event", "log", "a\0b"])
        connection.send(["ok", long])
        connection.send(
            ["ok", "word"],
            descriptors: (0..<20).map { _ in SharedDescriptor(try! pair.first.duplicate()) }
        )
        connection.send(["ok"])
        #expect(received(pair.second) == ["error", "1", "the answer is too long"])
        #expect(received(pair.second)?.prefix(2) == ["error", "1"])
        #expect(received(pair.second) == ["ok"])
        #expect(received(pair.second) == nil)
    }

    @Test(
        "what is no message ends a connection",
        arguments: [[], [1, 2, 3], [0xff, 0xfe, 0], [65, 66]] as [[UInt8]]
    )
    func nonsense(bytes: [UInt8]) throws {
        let loop = try ControlLoop()
        let pair = try UnixSocket.pair(.sequencedPacket)
        let connection = try WordConnection(try pair.first.duplicate(), loop: loop)
        var count = 0
        connection.received = { _, _ in Issue.record("it is none") }
        connection.ended = { count += 1 }
        #expect(Glibc.send(pair.second.rawValue, bytes, bytes.count, 0) == bytes.count)
        try turn(loop)
        #expect(count == 1 && !connection.isOpen)
    }

    @Test("one who does not read is given up, and nothing of his is kept")
    func flood() throws {
        let loop = try ControlLoop()
        let pair = try UnixSocket.pair(.sequencedPacket)
        let connection = try WordConnection(try pair.first.duplicate(), loop: loop)
        var hasEnded = false
        connection.ended = { hasEnded = true }
        let line = String(repeating: "x", count: 100_000)
        for _ in 0..<200 { connection.send(["event", "log", line]) }
        #expect(hasEnded && !connection.isOpen)
    }

    @Test("a message whose descriptors did not come is told from one that has none")
    func lostDescriptors() throws {
        let loop = try ControlLoop()
        let pair = try UnixSocket.pair(.sequencedPacket)
        let connection = try WordConnection(try pair.first.duplicate(), loop: loop)
        var seen: [Bool] = []
        connection.received = { [unowned connection] _, _ in seen.append(connection.hasLostDescriptors) }
        try WordMessage(["a"]).send(to: pair.second)
        try WordMessage(["b"]).send(to: pair.second, descriptors: [0, 1, 2])
        try turn(loop)
        #expect(seen == [false, false])
    }
}

@Suite("The keeper's connection with a guest's first process", .mayRun(seconds: 60))
struct InitChannelTests {
    @Test("what a first process does not take is kept up to a limit, and refused beyond")
    func frozen() throws {
        let loop = try ControlLoop()
        let pair = try UnixSocket.pair(.sequencedPacket)
        let channel = try InitChannel(try pair.first.duplicate(), loop: loop)
        var (sent, refused) = (0, 0)
        let message = [UInt8](repeating: 1, count: 1 << 16)
        while refused == 0, sent < 1000 {
            sent += 1
            channel.send(message) { error in
                #expect(error == .noBuffers)
                refused += 1
            }
        }
        #expect(refused == 1 && sent > InitChannel.waitingLimit >> 16)
        // When it goes on all that was kept arrives, and there is room again.
        var arrived = 0
        for _ in 0..<2000 where arrived < sent - 1 {
            while (try? UnixSocket.receive(from: pair.second, limit: 1 << 16)) != nil { arrived += 1 }
            loop.after(milliseconds: 1) { [loop] in loop.stop() }
            try loop.run()
        }
        #expect(arrived == sent - 1)
        channel.send([2]) { _ in Issue.record("there is room") }
        channel.close()
    }

    @Test("what cannot be sent is told, but for the other end's end")
    func unsendable() throws {
        let loop = try ControlLoop()
        let pair = try UnixSocket.pair(.sequencedPacket)
        let channel = try InitChannel(try pair.first.duplicate(), loop: loop)
        let descriptors = (0..<20).map { _ in SharedDescriptor(try! pair.first.duplicate()) }
        var error: Errno?
        channel.send([1], descriptors: descriptors) { error = $0 }
        #expect(error == .invalid)
        #expect(Glibc.shutdown(pair.second.rawValue, Int32(SHUT_RDWR)) == 0)
        channel.send([1]) { _ in Issue.record("its end is told by itself") }
        channel.close()
    }
}
