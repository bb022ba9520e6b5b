// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import TestTraits
import Testing

@testable import Guests

/// A pseudo-terminal without line discipline. Its master is a stream that cannot be opened anew by anybody: who tries gets another
/// terminal, so that it stands for one of another user's.
private final class RawTerminal {
    let master: OwnedDescriptor
    let slave: OwnedDescriptor

    init() throws {
        let descriptor = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)
        grantpt(descriptor)
        unlockpt(descriptor)
        master = OwnedDescriptor(adopting: descriptor)
        slave = try .open(String(cString: ptsname(descriptor)), flags: O_RDWR | O_NOCTTY | O_NONBLOCK)
        var settings = termios()
        tcgetattr(slave.rawValue, &settings)
        cfmakeraw(&settings)
        tcsetattr(slave.rawValue, TCSANOW, &settings)
    }

    /// Whether the description that others share makes them wait, still.
    var isBlocking: Bool { fcntl(master.rawValue, F_GETFL) & O_NONBLOCK == 0 }
}

@Suite("Streams of others", .mayRun(seconds: 60))
struct ForeignStreamTests {
    private func turn(_ loop: ControlLoop, milliseconds: UInt64) throws {
        loop.after(milliseconds: milliseconds) { [loop] in loop.stop() }
        try loop.run()
    }

    /// Takes what is there.
    private func read(_ stream: borrowing OwnedDescriptor) -> [UInt8] {
        var bytes: [UInt8] = []
        while let part = try? stream.read(atMost: 65536), !part.isEmpty { bytes += part }
        return bytes
    }

    @Test("one that nobody reads takes what there is room for, and never waits; its flags stay")
    func stopped() throws {
        let terminal = try RawTerminal()
        let stream = try UnhurriedStream(terminal.master, forWriting: true)
        #expect(stream.isRelayed)
        var written: [UInt8] = []
        let block = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var isFull = false
        while !isFull, written.count < 1 << 22 {
            do throws(Errno) {
                written += block.prefix(try stream.write(block))
            } catch {
                #expect(error == .wouldBlock)
                isFull = true
            }
        }
        #expect(isFull && terminal.isBlocking)
        stream.finish()
        var seen: [UInt8] = []
        while try !Poll.isReadable(stream.descriptor.rawValue, deadline: MonotonicClock.nanoseconds) {
            _ = try Poll.isReadable(terminal.slave.rawValue, deadline: MonotonicClock.nanoseconds + 10_000_000)
            seen += read(terminal.slave)
        }
        // At its end all had been written before.
        seen += read(terminal.slave)
        #expect(seen == written)
        #expect(try stream.read(atMost: 1).isEmpty)
    }

    @Test("what a file has to say can be waited for, and its end")
    func file() throws {
        let file = try OwnedDescriptor.open("/proc/self/status", flags: O_RDONLY)
        let loop = try ControlLoop()
        let stream = try UnhurriedStream(relaying: file, forWriting: false)
        var text = ""
        var token: ControlLoop.Token?
        token = try loop.watch(stream.descriptor.rawValue) { [loop] _ in
            guard let part = try? stream.read(atMost: 4096) else { return }
            text += String(decoding: part, as: UTF8.self)
            if part.isEmpty, let token { loop.cancel(token) }
            if part.isEmpty { loop.stop() }
        }
        try loop.run()
        #expect(text.hasPrefix("Name:"))
    }

    @Test("pipes and sockets need nobody in between, and pipes keep their flags")
    func own() throws {
        let pipe = try OwnedDescriptor.pipe()
        fcntl(pipe.second.rawValue, F_SETFL, 0)
        let stream = try UnhurriedStream(pipe.second, forWriting: true)
        #expect(!stream.isRelayed && !stream.isSocket)
        while (try? stream.write([UInt8](repeating: 1, count: 65536))) != nil {}
        #expect(fcntl(pipe.second.rawValue, F_GETFL) & O_NONBLOCK == 0)
        let pair = try UnixSocket.pair(.stream)
        let socket = try UnhurriedStream(pair.first, forWriting: true)
        #expect(!socket.isRelayed && socket.isSocket)
    }

    @Test("a machine's command that writes to a stopped terminal holds up nobody; it has ended when all is written")
    func pump() throws {
        let terminal = try RawTerminal()
        let loop = try ControlLoop()
        var count = 0
        let made = OutputPump(terminal.master, loop: loop, written: { count += $0 }, broken: { Issue.record("broken") })
        let pump = try #require(made)
        let total = 200_000
        // The one who waits here would wait for ever.
        pump.take([UInt8](repeating: 65, count: total))
        var isDrained = false
        pump.whenDrained { isDrained = true }
        try turn(loop, milliseconds: 100)
        #expect(count < total && !isDrained && pump.hasUnwritten)
        var seen = 0
        while !isDrained {
            seen += read(terminal.slave).count
            try turn(loop, milliseconds: 2)
        }
        seen += read(terminal.slave).count
        #expect(seen == total && count == total && !pump.hasUnwritten)
    }

    /// A guest's terminal with somebody at it, through a socket.
    private final class Session {
        let command: RawTerminal
        let user: OwnedDescriptor
        let relay: TerminalRelay

        init(_ loop: ControlLoop) throws {
            command = try RawTerminal()
            let pair = try UnixSocket.pair(.stream)
            UnixSocket.setSendBuffer(pair.second, byteCount: 4096)
            fcntl(command.master.rawValue, F_SETFL, O_NONBLOCK)
            let streams = GuestStreams(
                input: try pair.second.duplicate(),
                output: try pair.second.duplicate(),
                error: try pair.second.duplicate()
            )
            relay = try TerminalRelay(SharedDescriptor(try command.master.duplicate()), streams, loop: loop)
            user = try pair.first.duplicate()
        }
    }

    @Test("what a command wrote to its terminal before it ended arrives whole, however slowly it is read")
    func slowReader() throws {
        let loop = try ControlLoop()
        let session = try Session(loop)
        // As much as all buffers in between take.
        var written = 0
        for _ in 0..<200 {
            while let count = try? session.command.slave.write([UInt8](repeating: 66, count: 1024)) { written += count }
            try turn(loop, milliseconds: 1)
        }
        #expect(written > TerminalRelay.limit)
        var isDrained = false
        session.relay.onDrained = { isDrained = true }
        session.relay.commandHasEnded(patience: 20)
        try turn(loop, milliseconds: 200)
        #expect(!isDrained)
        var seen = 0
        while !isDrained {
            seen += (try? session.user.read(atMost: 1000).count) ?? 0
            try turn(loop, milliseconds: 1)
        }
        while let part = try? session.user.read(atMost: 65536), !part.isEmpty { seen += part.count }
        #expect(seen == written)
        session.relay.close()
    }

    @Test("a terminal that others write to for ever is not waited for when its command has ended")
    func floodedTerminal() throws {
        let loop = try ControlLoop()
        let session = try Session(loop)
        var isDrained = false
        session.relay.onDrained = { isDrained = true }
        session.relay.commandHasEnded(patience: 50)
        var rounds = 0
        while !isDrained, rounds < 2000 {
            rounds += 1
            _ = try? session.command.slave.write([UInt8](repeating: 67, count: 1024))
            _ = try? session.user.read(atMost: 65536)
            try turn(loop, milliseconds: 1)
        }
        #expect(isDrained)
        session.relay.close()
    }

    @Test("a terminal that is typed into from a file gets the file, and its end")
    func typedFile() throws {
        let loop = try ControlLoop()
        let terminal = try RawTerminal()
        fcntl(terminal.master.rawValue, F_SETFL, O_NONBLOCK)
        let path = "/tmp/etherloom-typed-\(getpid())"
        try FileSystem.write("typed\n", to: path)
        defer { try? FileSystem.remove(path) }
        let pair = try UnixSocket.pair(.stream)
        let streams = GuestStreams(
            input: try .open(path, flags: O_RDONLY),
            output: try pair.second.duplicate(),
            error: try pair.second.duplicate()
        )
        let relay = try TerminalRelay(SharedDescriptor(try terminal.master.duplicate()), streams, loop: loop)
        var seen: [UInt8] = []
        for _ in 0..<1000 where seen.count < 7 {
            try turn(loop, milliseconds: 2)
            seen += read(terminal.slave)
        }
        #expect(seen == Array("typed\n".utf8) + [4])
        relay.close()
    }
}

/// Without the limit of the others, as it awaits a process that has its own.
@Suite("Streams of others, and processes")
struct ForeignStreamProcessTests {
    @Test("the process in between goes with the stream: nothing is left to be waited for")
    func reaped() async {
        await #expect(processExitsWith: .success) {
            limitThisProcess(seconds: 60)
            func children() throws -> String {
                String(decoding: try FileSystem.contents("/proc/self/task/\(gettid())/children"), as: UTF8.self)
            }
            let file = try OwnedDescriptor.open("/proc/self/status", flags: O_RDONLY)
            do {
                let stream = try UnhurriedStream(relaying: file, forWriting: false)
                guard stream.isRelayed, try !children().isEmpty else { exit(2) }
            }
            guard try children().isEmpty else { exit(3) }
        }
    }
}
