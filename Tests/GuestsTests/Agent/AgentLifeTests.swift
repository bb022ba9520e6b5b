// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import TestTraits
import Testing

@testable import Guests

/// A guest that begins anew over the channel that it had: what was said in one life is not taken for the other's.
@Suite("Lives of an agent", .serialized, .mayRun(seconds: 60))
struct AgentLifeTests {
    /// The guest's end of a channel, played by the test.
    final class Guest {
        let loop: ControlLoop
        let session: AgentSession
        private let end: OwnedDescriptor
        private var reader = AgentFrameReader()
        var lost: [String] = []

        init() throws {
            loop = try ControlLoop()
            let pair = try UnixSocket.pair(.stream)
            end = try pair.second.duplicate()
            try end.setNonblocking()
            session = try AgentSession(channel: pair.takeFirst(), loop: loop)
        }

        func say(_ bytes: some Collection<UInt8>) throws { try end.writeAll(Array(bytes)) }
        func say(_ kind: AgentFrame.Kind, _ payload: [UInt8], stream: UInt32 = 0) throws {
            try say(AgentFrame(kind, stream: stream, payload: payload).bytes)
        }
        func announce(_ life: UInt64) throws { try say(.announce, [0, 2] + AgentFrame.number(long: life)) }
        func welcome(_ hello: AgentFrame) throws { try say(.welcome, [0, 2] + hello.payload[2..<10]) }

        /// Lets the host take what is there.
        func turn() throws {
            loop.after(milliseconds: 20) { [loop] in loop.stop() }
            try loop.run()
        }

        /// What the host has said since.
        func heard() throws -> [AgentFrame] {
            try turn()
            if let bytes = try? end.read(atMost: 1 << 20) { reader.append(bytes) }
            var frames: [AgentFrame] = []
            while let frame = reader.next() { frames.append(frame) }
            return frames
        }

        /// The last hello that the host has said.
        func hello() throws -> AgentFrame { try #require(try heard().last { $0.kind == .hello }) }

        func comeUp(_ life: UInt64) throws {
            try announce(life)
            try welcome(try hello())
            try turn()
            #expect(session.welcome != nil)
        }

        func run(_ words: [String] = ["true"]) throws {
            func null() throws -> OwnedDescriptor { try OwnedDescriptor.open("/dev/null", flags: O_RDWR) }
            let streams = GuestStreams(input: try null(), output: try null(), error: try null())
            _ = session.run(GuestCommand(words), streams: streams) { [self] result in
                if case .failure(let error) = result { lost.append(error.message) }
            }
        }

        func life(_ hello: AgentFrame) -> UInt64? { AgentFrame.number(hello.payload, at: 10, byteCount: 8) }
    }

    @Test("a hello repeats the life that was announced, and an announcement that is repeated changes nothing")
    func echo() throws {
        let guest = try Guest()
        #expect(guest.life(try guest.hello()) == 0)
        try guest.comeUp(77)
        try guest.run()
        try guest.announce(77)
        try guest.turn()
        #expect(guest.session.welcome != nil)
        #expect(guest.lost == [])
        // Another life: what ran has ended.
        try guest.announce(78)
        #expect(guest.life(try guest.hello()) == 78)
        #expect(guest.session.welcome == nil)
        #expect(guest.lost == ["the guest's agent was started anew"])
    }

    @Test("after the end of a life nothing of it is believed, and its commands end with a reason")
    func between() throws {
        let guest = try Guest()
        try guest.comeUp(5)
        try guest.run()
        let old = try guest.heard().first { $0.kind == .run }
        #expect(old != nil)
        guest.session.endLife(GuestError("dave was reset"))
        #expect(guest.lost == ["dave was reset"])
        // It goes on for a while.
        try guest.announce(6)
        try guest.turn()
        #expect(guest.session.welcome == nil)
        #expect(try guest.heard().isEmpty)
        guest.session.request(["sync"]) { result in
            #expect(result == .failure(AgentSession.silent))
        }
        // What it said last is still in the socket when the machine begins anew, half of a frame among it.
        try guest.announce(7)
        let output = AgentFrame(.output, channel: 1, stream: 1, payload: [UInt8](repeating: 1, count: 9000))
        try guest.say(output.bytes.prefix(5000))
        guest.session.beginLife(after: GuestError("dave was reset"))
        #expect(guest.life(try guest.hello()) == 0)
        #expect(guest.session.welcome == nil)
        try guest.comeUp(8)
        try guest.run()
        #expect(guest.lost == ["dave was reset"])
    }

    @Test("a life that did not end after all goes on with a session of its own")
    func goesOn() throws {
        let guest = try Guest()
        try guest.comeUp(5)
        let before = guest.session.welcome?.session
        guest.session.endLife(GuestError("reset"))
        guest.session.goOn()
        let hello = try guest.hello()
        #expect(guest.life(hello) == 5)
        try guest.welcome(hello)
        try guest.turn()
        #expect(guest.session.welcome != nil && guest.session.welcome?.session != before)
    }

    @Test("a frame that has begun to go out goes out whole, and nothing behind it does")
    func halfFrame() throws {
        let loop = try ControlLoop()
        let pair = try UnixSocket.pair(.stream)
        let far = try pair.second.duplicate()
        try far.setNonblocking()
        let channel = try AgentChannel(pair.takeFirst(), loop: loop, unreadLimit: 1000)
        let first = AgentFrame(.data, stream: 1, payload: [UInt8](repeating: 7, count: 3000))
        channel.send(first)
        channel.send(AgentFrame(.run, stream: 2, payload: [1, 2, 3]))
        channel.beginAnew()
        channel.send(AgentFrame(.hello, payload: [9]))
        var reader = AgentFrameReader()
        var kinds: [AgentFrame.Kind] = []
        for _ in 0..<8 {
            if let bytes = try? far.read(atMost: 65536) { reader.append(bytes) }
            channel.taken(nil)
        }
        while let frame = reader.next() { kinds.append(frame.kind) }
        #expect(kinds == [.data, .hello])
        #expect(reader.skippedByteCount == 0)
    }

    // MARK: The agent's own program

    /// Speaks with the real agent by frames.
    final class Agent {
        private let end: OwnedDescriptor
        /// The agent's own end, to see how full it is.
        private let other: OwnedDescriptor
        private let program: ChildProgram
        private var reader = AgentFrameReader()
        private var frames: [AgentFrame] = []

        init() throws {
            let pair = try UnixSocket.pair(.stream)
            let words = [AgentBinary.path, "--service", "--channel", "fd:3"]
            program = try ChildProgram(words, third: pair.second.rawValue)
            other = try pair.second.duplicate()
            end = pair.takeFirst()
        }

        func say(_ frame: AgentFrame) throws { try end.writeAll(frame.bytes) }
        func hello(session: UInt64, life: UInt64?) throws {
            let echo = life.map { AgentFrame.number(long: $0) } ?? []
            try say(AgentFrame(.hello, payload: [0, life == nil ? 1 : 2] + AgentFrame.number(long: session) + echo))
        }
        func run(_ line: String, stream: UInt32 = 1) throws {
            try say(AgentFrame(.run, stream: stream, payload: try WordMessage(["--", "sh", "-c", line]).encoded()))
        }

        /// The next frame of these kinds; others are passed over. Nil after so long.
        func next(_ kinds: AgentFrame.Kind..., seconds: Double = 10) throws -> AgentFrame? {
            let deadline = MonotonicClock.nanoseconds + UInt64(seconds * 1e9)
            while true {
                while !frames.isEmpty {
                    let frame = frames.removeFirst()
                    if kinds.contains(frame.kind) { return frame }
                }
                guard try Poll.isReadable(end.rawValue, deadline: deadline) else { return nil }
                reader.append(try end.read(atMost: 65536))
                while let frame = reader.next() { frames.append(frame) }
            }
        }

        /// Waits until what the agent writes has filled its socket.
        func waitUntilNothingFits() throws {
            let deadline = MonotonicClock.nanoseconds + 10_000_000_000
            var state = pollfd(fd: other.rawValue, events: Int16(POLLOUT), revents: 0)
            while unsafe poll(&state, 1, 0) > 0 {
                try #require(MonotonicClock.nanoseconds < deadline)
                usleep(1000)
            }
        }

        func life() throws -> UInt64 {
            let frame = try #require(try next(.announce))
            return try #require(AgentFrame.number(frame.payload, at: 2, byteCount: 8))
        }
    }

    @Test("what was meant for an agent before it is not done by the next one")
    func stale() throws {
        let agent = try Agent()
        let place = "/tmp/etherloom-life-\(UUID().uuidString)"
        defer { unlink(place) }
        let life = try agent.life()
        #expect(life != 0)
        // Left over in the channel from the life before: a hello, and a command.
        try agent.hello(session: 1, life: life &+ 1)
        try agent.run("echo old >\(place)")
        try agent.say(AgentFrame(.request, stream: 9, payload: try WordMessage(["network", "addr"]).encoded()))
        #expect(try agent.life() == life)
        try agent.hello(session: 2, life: life)
        let welcome = try #require(try agent.next(.welcome))
        #expect(AgentFrame.number(welcome.payload, at: 2, byteCount: 8) == 2)
        try agent.run("echo new >\(place)", stream: 2)
        let end = try agent.next(.exited, .failed, .result)
        #expect(end?.kind == .exited && end?.stream == 2)
        #expect(try String(contentsOfFile: place, encoding: .utf8) == "new\n")
    }

    @Test("a hello that is said again ends nothing, one of another session ends what runs")
    func again() throws {
        let agent = try Agent()
        let life = try agent.life()
        try agent.hello(session: 2, life: life)
        _ = try #require(try agent.next(.welcome))
        try agent.run("echo here; read line; echo $line")
        let first = try agent.next(.output)
        #expect(first?.payload == Array("here\n".utf8))
        try agent.hello(session: 2, life: life)
        _ = try #require(try agent.next(.welcome))
        try agent.say(AgentFrame(.data, stream: 1, payload: Array("on\n".utf8)))
        #expect(try agent.next(.output)?.payload == Array("on\n".utf8))
        #expect(try agent.next(.exited)?.value == 0)
        try agent.run("echo here; read line; echo $line", stream: 3)
        _ = try agent.next(.output)
        try agent.hello(session: 3, life: life)
        _ = try #require(try agent.next(.welcome))
        try agent.run("true", stream: 4)
        #expect(try agent.next(.exited)?.stream == 4)
    }

    @Test("another session begins behind a whole frame, though much was on its way")
    func wholeFrames() throws {
        let agent = try Agent()
        let life = try agent.life()
        try agent.hello(session: 2, life: life)
        _ = try #require(try agent.next(.welcome))
        for stream in 1...8 { try agent.run("head -c 60000 /dev/zero; exec sleep 100", stream: UInt32(stream)) }
        // Nobody reads: some frame is cut by what the socket takes.
        try agent.waitUntilNothingFits()
        try agent.hello(session: 3, life: life)
        let welcome = try #require(try agent.next(.welcome, seconds: 5))
        #expect(AgentFrame.number(welcome.payload, at: 2, byteCount: 8) == 3)
    }

    @Test("a host that knows no lives is welcomed")
    func firstVersion() throws {
        let agent = try Agent()
        try agent.hello(session: 4, life: nil)
        let welcome = try #require(try agent.next(.welcome))
        #expect(AgentFrame.number(welcome.payload, at: 2, byteCount: 8) == 4)
    }
}
