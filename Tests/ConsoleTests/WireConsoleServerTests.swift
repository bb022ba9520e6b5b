// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Glibc
import LinuxSystem
import Runtime
import TestTraits
import Testing

@testable import Console

@Suite("Sessions of a wire's console", .mayRun(seconds: 60))
struct WireConsoleServerTests {
    /// A wire that listens; the test turns its loop while it waits.
    private final class Listening {
        let fixture: WireFixture
        let server: WireConsoleServer
        var path: String { fixture.folder + "/mgmt" }

        init(_ change: (inout WireConsoleSession.Limits) -> Void = { _ in }) throws {
            fixture = try WireFixture()
            var limits = WireConsoleSession.Limits()
            change(&limits)
            server = try WireConsoleServer(fixture.console, path: fixture.folder + "/mgmt", mode: 0o640, limits: limits)
        }

        /// As many clients as there are places.
        func fill() throws -> [ConsoleProbe] {
            let clients = try (0..<WireConsoleServer.maximumSessionCount).map { _ in
                let client = try ConsoleProbe(path)
                try fixture.loop.runPending()
                return client
            }
            try #require(fixture.console.sessions.count == clients.count)
            return clients
        }

        deinit { server.close() }

        /// What a client gets, up to and with `ending`, or to the end of the stream.
        func read(_ client: ConsoleProbe, until ending: String = WireConsole.prompt) throws -> String {
            var bytes: [UInt8] = []
            let deadline = MonotonicClock.nanoseconds + 20_000_000_000
            while !bytes.suffix(ending.utf8.count).elementsEqual(ending.utf8) {
                try #require(MonotonicClock.nanoseconds < deadline, "nothing more after \(bytes)")
                try fixture.loop.runPending()
                guard try Readiness.wait(client.socket, milliseconds: 2) else { continue }
                let part = try client.socket.read(atMost: 1)
                if part.isEmpty { break }
                bytes += part
            }
            return String(decoding: bytes, as: UTF8.self)
        }

        func isAtEnd(_ client: ConsoleProbe) throws -> Bool { try read(client, until: "never").isEmpty }
    }

    @Test("a client is greeted, answered and prompted, and may leave")
    func session() throws {
        let wire = try Listening()
        let client = try ConsoleProbe(wire.path)
        let greeting = try wire.read(client)
        #expect(greeting.hasPrefix("\nEtherloom wire V."))
        #expect(greeting.hasSuffix("\n\nVDEwf$ "))
        try client.send("delay 5\n\nnonsense\n")
        #expect(try wire.read(client) == "1000 Success\n\nVDEwf$ ")
        #expect(try wire.read(client) == "\nVDEwf$ ")
        #expect(try wire.read(client) == "1038 Function not implemented\n\nVDEwf$ ")
        try client.send("logout\n")
        #expect(try wire.read(client, until: "SESSION\n") == "9999 END OF SESSION\n")
        #expect(try wire.isAtEnd(client))
        #expect(wire.fixture.console.sessions.isEmpty)
    }

    @Test("the socket has the mode asked for, and is gone after the end")
    func socket() throws {
        let wire = try Listening()
        #expect(try FileStatus(path: wire.path).mode & 0o777 == 0o640)
        #expect(throws: ConsoleServer.SetupError.self) {
            try WireConsoleServer(wire.fixture.console, path: wire.path, mode: 0o600)
        }
        wire.server.close()
        #expect((try? FileStatus(path: wire.path)) == nil)
    }

    @Test("changes of the state are told to those who asked")
    func transitions() throws {
        let wire = try Listening()
        let curious = try ConsoleProbe(wire.path)
        let other = try ConsoleProbe(wire.path)
        _ = try wire.read(curious)
        _ = try wire.read(other)
        try curious.send("markov-debug 1\nmarkov-numnodes 2\nmarkov-name 1,bad\nmarkov-time 1\n")
        for _ in 0..<4 { #expect(try wire.read(curious) == "1000 Success\n\nVDEwf$ ") }
        try curious.send("setedge 0,1,100\n")
        #expect(
            try wire.read(curious, until: "\"bad\"\n")
                == "1000 Success\n\nVDEwf$ 3801 Node 0 \"\" -> 1 \"bad\"\n"
        )
        #expect(try Readiness.wait(other.socket, milliseconds: 50) == false)
        #expect(wire.fixture.wire.chain.current == 1)
    }

    @Test("a line that does not end counts after a moment; one that is too long is refused")
    func lines() throws {
        let wire = try Listening()
        let client = try ConsoleProbe(wire.path)
        _ = try wire.read(client)
        try client.send("delay 7")
        #expect(try wire.read(client) == "1000 Success\n\nVDEwf$ ")
        #expect(wire.fixture.settings().right.delay == ImpairmentValue(7))
        try client.send("delay " + String(repeating: "9", count: 2000) + "\n")
        #expect(try wire.read(client) == "1090 Message too long\n\nVDEwf$ ")
        #expect(wire.fixture.settings().right.delay == ImpairmentValue(7))
    }

    @Test("a client that reads nothing is not read from; what it sent is answered when it reads, also behind its end")
    func deafClient() throws {
        let wire = try Listening()
        let client = try ConsoleProbe(wire.path)
        _ = try wire.read(client)
        let line = "showinfo\n"
        let text = String(repeating: line, count: 500)
        var sent = 0
        var turnsFull = 0
        // A hundred turns in which nothing more is taken: it is not read from any more.
        while turnsFull < 100, sent < 8 << 20 {
            if let count = client.sendSome(String(text.dropFirst(sent % line.count))) {
                sent += count
                turnsFull = 0
            } else {
                turnsFull += 1
            }
            try wire.fixture.loop.runPending()
        }
        #expect(sent < 2 << 20)
        #expect(endWriting(client.socket.rawValue) == 0)
        var received: [UInt8] = []
        let deadline = MonotonicClock.nanoseconds + 40_000_000_000
        while true {
            try #require(MonotonicClock.nanoseconds < deadline, "\(received.count) bytes, and no end")
            try wire.fixture.loop.runPending()
            guard try Readiness.wait(client.socket, milliseconds: 2) else { continue }
            let part = try client.socket.read(atMost: 65_536)
            if part.isEmpty { break }
            received += part
        }
        let answers = String(decoding: received, as: UTF8.self).split(separator: "\n").count { $0 == "Fifoness TRUE" }
        #expect(answers == sent / line.count)
    }

    @Test("who does not read gives his place to somebody who comes; who does keeps it")
    func crowd() throws {
        let wire = try Listening { $0.courtesyMilliseconds = 1 }
        let deaf = try wire.fill()
        try eventually { wire.fixture.console.sessions.first.map { $0.idleMilliseconds >= 1 } == true }
        let late = try ConsoleProbe(wire.path)
        try late.send("delay 5\n")
        #expect(try wire.read(late).hasSuffix("VDEwf$ "))
        #expect(try wire.read(late) == "1000 Success\n\nVDEwf$ ")
        #expect(wire.fixture.console.sessions.count == deaf.count)
        // Now all of those who are still there read; of one the place was given away.
        for client in deaf { #expect(try wire.read(client).hasSuffix("VDEwf$ ")) }
        #expect(try wire.isAtEnd(deaf[0]))
        let refused = try ConsoleProbe(wire.path)
        #expect(try wire.read(refused, until: "never") == "1024 Too many open files\n")
        #expect(wire.fixture.console.sessions.count == deaf.count)
    }

    @Test("who does not read for long is given up")
    func patience() throws {
        let wire = try Listening { $0.patienceMilliseconds = 20 }
        let client = try ConsoleProbe(wire.path)
        let deadline = MonotonicClock.nanoseconds + 20_000_000_000
        var hasBeenThere = false
        while !hasBeenThere || !wire.fixture.console.sessions.isEmpty {
            try #require(MonotonicClock.nanoseconds < deadline, "it is still there")
            _ = client.sendSome(String(repeating: "showinfo\n", count: 500))
            try wire.fixture.loop.runPending()
            hasBeenThere = hasBeenThere || !wire.fixture.console.sessions.isEmpty
        }
    }

    @Test("shutdown ends the session and tells the program")
    func shutdown() throws {
        let wire = try Listening()
        let client = try ConsoleProbe(wire.path)
        _ = try wire.read(client)
        var isOver = false
        wire.fixture.console.onShutdown = { isOver = true }
        try client.send("shutdown\n")
        #expect(try wire.read(client, until: "SESSION\n") == "9999 END OF SESSION\n")
        #expect(try wire.isAtEnd(client))
        #expect(isOver)
    }
}

/// The other side sees the end of what is sent, and may still answer.
private func endWriting(_ descriptor: Int32) -> Int32 { shutdown(descriptor, Int32(SHUT_WR)) }
