// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Testing

@testable import Console

@Suite struct ConsoleSessionTests {
    static let showinfo = "0000 DATA END WITH '.'\nNumports=32\nHUB=false\ncounters=true\n.\n1000 Success\n\nvde$ "
    static let unknown = "1038 Function not implemented\n\nvde$ "

    private func withConsole(
        _ limits: ConsoleSession.Limits = ConsoleSession.Limits(),
        _ body: (LiveConsole) throws -> Void
    ) throws {
        let live = try LiveConsole(limits: limits)
        defer { #expect(throws: Never.self) { try live.stop() } }
        try body(live)
    }

    @Test func `greets, prompts, answers, leaves`() throws {
        try withConsole { live in
            let probe = try ConsoleProbe(live.path)
            let identity = ConsoleIdentity()
            #expect(
                try probe.read(until: "vde$ ")
                    == "\(identity.product) V.\(identity.version)\n\(identity.copyright)\n\nvde$ "
            )
            try probe.send("port/showinfo\n")
            #expect(try probe.read() == Self.showinfo)
            try probe.send("\n# nothing\n   \n")
            for _ in 0..<3 { #expect(try probe.read() == "\nvde$ ") }
            try probe.send("logout\nport/showinfo\n")
            #expect(try probe.readToEnd() == "9999 END OF SESSION")
        }
    }

    @Test func `several lines in one piece are all answered, in order`() throws {
        try withConsole { live in
            let probe = try ConsoleProbe(live.path)
            _ = try probe.read(until: "vde$ ")
            try probe.send("bogus\nport/showinfo\nhelp zz\nport/showinfo\n")
            #expect(try probe.read() == Self.unknown)
            #expect(try probe.read() == Self.showinfo)
            _ = try probe.read()
            #expect(try probe.read() == Self.showinfo)
        }
    }

    @Test func `a line in two pieces is one line`() throws {
        try withConsole { live in
            let probe = try ConsoleProbe(live.path)
            _ = try probe.read(until: "vde$ ")
            for piece in ["port/sh", "owin", "fo\n"] { try probe.send(piece) }
            #expect(try probe.read() == Self.showinfo)
        }
    }

    @Test(arguments: [("port/showinfo", showinfo), ("bogus", unknown)])
    func `a line without a line feed is answered after a silence`(_ line: String, _ answer: String) throws {
        try withConsole { live in
            let probe = try ConsoleProbe(live.path)
            _ = try probe.read(until: "vde$ ")
            try probe.send(line)
            #expect(try probe.read() == answer)
            // The line feed that never came is not missed.
            try probe.send("port/showinfo\n")
            #expect(try probe.read() == Self.showinfo)
        }
    }

    @Test func `a command behind an unfinished line that is none is a line of its own`() throws {
        var limits = ConsoleSession.Limits()
        limits.unknownCommandMilliseconds = 60_000
        try withConsole(limits) { live in
            let probe = try ConsoleProbe(live.path)
            _ = try probe.read(until: "vde$ ")
            try probe.send("bogus")
            // The session must have read it before the next piece comes.
            try eventually { live.perform { console, _ in console.sessions.first?.hasUnfinishedLine == true } }
            try probe.send("port/showinfo")
            #expect(try probe.read() == Self.unknown)
            #expect(try probe.read() == Self.showinfo)
        }
    }

    @Test func `what stands unfinished at the end is answered, then the connection ends`() throws {
        try withConsole { live in
            let probe = try ConsoleProbe(live.path)
            _ = try probe.read(until: "vde$ ")
            try probe.send("port/showinfo\nport/showinfo")
            #expect(shutdown(probe.socket.rawValue, Int32(SHUT_WR)) == 0)
            #expect(try probe.readToEnd() == Self.showinfo + Self.showinfo)
        }
    }

    @Test func `a line of a megabyte is refused once, and the next one is answered`() throws {
        try withConsole { live in
            let probe = try ConsoleProbe(live.path)
            _ = try probe.read(until: "vde$ ")
            try probe.send([UInt8](repeating: 97, count: 1 << 20) + [10])
            #expect(try probe.read() == "1090 Message too long\n\nvde$ ")
            try probe.send("port/showinfo\n")
            #expect(try probe.read() == Self.showinfo)
        }
    }

    @Test func `NUL, control characters and broken UTF-8 are unknown commands at worst`() throws {
        try withConsole { live in
            let probe = try ConsoleProbe(live.path)
            _ = try probe.read(until: "vde$ ")
            try probe.send([0x80, 0xff, 10, 0, 10, 0x1b, 0x5b, 10])
            #expect(try probe.read() == Self.unknown)
            #expect(try probe.read() == "\nvde$ ")
            #expect(try probe.read() == Self.unknown)
        }
    }

    @Test func `a client that never reads stalls itself only, and gets every answer once it reads`() throws {
        try withConsole { live in
            let greedy = try ConsoleProbe(live.path)
            var count = 0
            var rest = ""
            // Until the kernel takes no more: answers fill one direction, then commands the other.
            try eventually {
                for _ in 0..<1000 {
                    let text = rest.isEmpty ? "help\n" : rest
                    guard let taken = greedy.sendSome(text) else { return live.isStalled }
                    rest = String(text.dropFirst(taken))
                    if rest.isEmpty { count += 1 }
                }
                return false
            }
            let limit = ConsoleSession.Limits().stallByteCount + 8192
            #expect(live.perform { console, _ in console.sessions.first?.unsentByteCount ?? 0 } < limit)
            let other = try ConsoleProbe(live.path)
            _ = try other.read(until: "vde$ ")
            try other.send("port/showinfo\n")
            #expect(try other.read() == Self.showinfo)

            #expect(shutdown(greedy.socket.rawValue, Int32(SHUT_WR)) == 0)
            var byteCount = 0
            while true {
                try #require(try Readiness.wait(greedy.socket, milliseconds: 10_000))
                let part = try greedy.socket.read(atMost: 65_536)
                if part.isEmpty { break }
                byteCount += part.count
            }
            // The greeting, every answer, and perhaps one to the piece of a command that the socket still took.
            let answer = try ConsoleFixture().answer("help").utf8.count
            #expect((count * answer..<(count + 1) * answer + 200).contains(byteCount))
            #expect(count > 100)
        }
    }

    @Test func `a client that takes nothing for too long is dropped`() throws {
        var limits = ConsoleSession.Limits()
        limits.patienceMilliseconds = 100
        try withConsole(limits) { live in
            let greedy = try ConsoleProbe(live.path)
            try eventually {
                while greedy.sendSome("help\n") != nil {}
                return live.perform { console, _ in console.sessions.isEmpty }
            }
        }
    }

    @Test func `events reach the sessions that asked, between answers`() throws {
        try withConsole { live in
            let one = try ConsoleProbe(live.path)
            let two = try ConsoleProbe(live.path)
            for probe in [one, two] { _ = try probe.read(until: "vde$ ") }
            let category = ConsoleEventCategory(tag: 0o21, path: "port/+", help: "new port")
            let isWanted = live.perform { console, _ in
                let before = console.isWanted(category)
                console.sessions.first?.subscriptions.insert(category.path)
                console.post(category, "15")
                console.post(ConsoleEventCategory(tag: 0o22, path: "port/-", help: ""), "15")
                return [before, console.isWanted(category)]
            }
            #expect(isWanted == [false, true])
            #expect(try one.read(until: "\n") == "3021 port/+ 15\n")
            for probe in [one, two] {
                try probe.send("port/showinfo\n")
                #expect(try probe.read() == Self.showinfo)
            }
        }
    }

    @Test func `a session that lets its events lie is dropped`() throws {
        var limits = ConsoleSession.Limits()
        limits.unsentByteCount = 100_000
        try withConsole(limits) { live in
            let probe = try ConsoleProbe(live.path)
            _ = try probe.read(until: "vde$ ")
            let category = ConsoleEventCategory(tag: 0o21, path: "port/+", help: "new port")
            let isDropped = live.perform { console, _ in
                console.sessions.first?.subscriptions.insert(category.path)
                // The kernel keeps some hundreds of kilobytes for the socket.
                for number in 0..<1_000_000 where !console.sessions.isEmpty { console.post(category, "\(number)") }
                return console.sessions.isEmpty
            }
            #expect(isDropped)
        }
    }

    @Test func `shutdown ends the session and the switch`() throws {
        try withConsole { live in
            let probe = try ConsoleProbe(live.path)
            _ = try probe.read(until: "vde$ ")
            try probe.send("shutdown\n")
            #expect(try probe.readToEnd() == "9999 END OF SESSION")
            try eventually { live.wasShutDown }
        }
    }

    @Test func `a client that vanishes leaves nothing behind`() throws {
        try withConsole { live in
            for text in ["", "help\nhelp\nhelp\n", "port/pri"] {
                let probe = try ConsoleProbe(live.path)
                try probe.send(text)
            }
            try eventually { live.perform { console, server in console.sessions.isEmpty && server.sessionCount == 0 } }
        }
    }

    @Test func `one too many is told so`() throws {
        try withConsole { live in
            var probes: [ConsoleProbe] = []
            for _ in 0..<ConsoleServer.maximumSessionCount {
                probes.append(try ConsoleProbe(live.path))
                _ = try probes.last?.read(until: "vde$ ")
            }
            #expect(try ConsoleProbe(live.path).readToEnd() == "1024 Too many open files\n")
            probes.removeLast()
            try eventually {
                live.perform { _, server in server.sessionCount } < ConsoleServer.maximumSessionCount
            }
            #expect(try ConsoleProbe(live.path).read(until: "vde$ ").hasSuffix("\n\nvde$ "))
        }
    }

    @Test func `who does not read gives his place to somebody who comes`() throws {
        var limits = ConsoleSession.Limits()
        limits.courtesyMilliseconds = 1
        try withConsole(limits) { live in
            let deaf = try (0..<ConsoleServer.maximumSessionCount).map { _ in try ConsoleProbe(live.path) }
            try eventually {
                live.perform { console, server in
                    server.sessionCount == ConsoleServer.maximumSessionCount
                        && console.sessions.contains { $0.idleMilliseconds >= 1 }
                }
            }
            let late = try ConsoleProbe(live.path)
            #expect(try late.read(until: "vde$ ").hasSuffix("\n\nvde$ "))
            #expect(deaf.count == live.perform { _, server in server.sessionCount })
            withExtendedLifetime(late) {}
        }
    }
}

extension LiveConsole {
    /// The one session waits for its client to read.
    var isStalled: Bool {
        perform { console, _ in
            (console.sessions.first?.unsentByteCount ?? 0) > ConsoleSession.Limits().stallByteCount
        }
    }
}
