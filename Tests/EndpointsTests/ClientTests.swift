// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Foundation
import Glibc
import LinuxSystem
import TestTraits
import Testing

/// A directory for sockets that goes with the test.
final class SocketDirectory: Sendable {
    let path: String

    init() throws {
        path = "/tmp/etherloom-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try FileSystem.makeDirectory(path, mode: 0o700)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Listens there; `serve` gets the first connection, on a thread of its own.
    func serve(
        _ name: String,
        _ kind: UnixSocket.Kind,
        _ body: @escaping @Sendable (borrowing OwnedDescriptor) -> Void
    ) throws {
        let listener = try UnixSocket.make(kind)
        try UnixSocket.bind(listener, to: try #require(UnixSocketAddress(path: path + "/" + name)))
        try UnixSocket.listen(listener)
        let number = listener.release()
        Foundation.Thread.detachNewThread { [self] in
            let listener = OwnedDescriptor(adopting: number)
            _ = try? Poll.isReadable(listener.rawValue, deadline: MonotonicClock.nanoseconds + 20_000_000_000)
            if let connection = try? UnixSocket.accept(listener) {
                _ = try? Poll.isReadable(connection.rawValue, deadline: MonotonicClock.nanoseconds + 20_000_000_000)
                body(connection)
            }
            withExtendedLifetime(self) {}
        }
    }
}

@Suite("Joining switches", .mayRun(seconds: 60))
struct ClientTests {
    private func joinError(_ directory: String) -> VDEClient.JoinError? {
        do {
            _ = try VDEClient(directory: directory, description: "test")
            return nil
        } catch {
            return error
        }
    }

    @Test("a directory without a switch, or none at all, is told from a dead switch")
    func nobody() throws {
        let directory = try SocketDirectory()
        #expect(joinError(directory.path)?.reason == .notASwitch)
        #expect(joinError(directory.path + "/nowhere")?.reason == .notASwitch)
        let dead = try UnixSocket.make(.stream)
        try UnixSocket.bind(dead, to: try #require(UnixSocketAddress(path: directory.path + "/ctl")))
        let error = try #require(joinError(directory.path))
        #expect(error.reason == .nobodyListens)
        #expect(error.description.contains(directory.path))
        #expect(joinError("/" + String(repeating: "x", count: 200))?.reason == .pathTooLong)
    }

    @Test("a switch that closes without an answer has refused")
    func refused() throws {
        let directory = try SocketDirectory()
        try directory.serve("ctl", .stream) { connection in
            // With and without the request read, the kernel reports the end differently.
            _ = try? connection.read(atMost: 4096)
        }
        #expect(joinError(directory.path)?.reason == .refused)
        let rude = try SocketDirectory()
        try rude.serve("ctl", .stream) { _ in }
        #expect(joinError(rude.path)?.reason == .refused)
    }

    @Test("an answer that is no address is a refusal", arguments: [1, 109])
    func shortAnswer(count: Int) throws {
        let directory = try SocketDirectory()
        try directory.serve("ctl", .stream) { try? UnixSocket.send([UInt8](repeating: 1, count: count), to: $0) }
        #expect(joinError(directory.path)?.reason == .refused)
    }

    @Test("frames pass between a client and a switch that answered")
    func joins() throws {
        let directory = try SocketDirectory()
        let path = directory.path
        try directory.serve("ctl", .stream) { connection in
            guard let bytes = try? connection.read(atMost: 4096), let request = try? VDERequest.parse(bytes),
                request.description == "test", request.port == 3,
                let data = try? UnixSocket.make(.datagram), let own = UnixSocketAddress(path: path + "/data")
            else { return }
            try? UnixSocket.bind(data, to: own)
            try? UnixSocket.connect(data, to: request.address)
            try? UnixSocket.send(own.bytes, to: connection)
            try? UnixSocket.send(testFrame(1), to: data)
            _ = try? Poll.isReadable(data.rawValue, deadline: MonotonicClock.nanoseconds + 20_000_000_000)
            if let frame = try? receiveMessage(data) { try? UnixSocket.send(frame + [0xaa], to: data) }
            // Until the client has gone.
            _ = try? Poll.isReadable(connection.rawValue, deadline: MonotonicClock.nanoseconds + 20_000_000_000)
        }
        var client = try VDEClient(directory: directory.path, port: 3, description: "test")
        let data = client.takeData()
        let control = client.takeControl()
        let deadline = MonotonicClock.nanoseconds + 20_000_000_000
        #expect(try Poll.isReadable(data.rawValue, deadline: deadline))
        #expect(try receiveMessage(data) == testFrame(1))
        try UnixSocket.send(testFrame(2), to: data)
        #expect(try Poll.isReadable(data.rawValue, deadline: deadline))
        #expect(try receiveMessage(data) == testFrame(2) + [0xaa])
        try control.close()
    }

    private func attachError(_ directory: String) -> String {
        do {
            _ = try AttachClient(directory: directory, request: AttachRequest(transport: .channel, description: "test"))
            return "none"
        } catch {
            switch error {
            case .notOurs: return "not ours"
            case .refused(let errno, let message): return "refused \(errno.rawValue) \(message)"
            case .nobodyListens: return "nobody listens"
            case .noAnswer: return "no answer"
            case .system(let errno): return "system \(errno.rawValue)"
            }
        }
    }

    @Test("a switch of another kind is told from a dead or refusing one of ours")
    func attachErrors() throws {
        let directory = try SocketDirectory()
        #expect(attachError(directory.path) == "not ours")
        let dead = try UnixSocket.make(.sequencedPacket)
        try UnixSocket.bind(dead, to: try #require(UnixSocketAddress(path: directory.path + "/attach")))
        #expect(attachError(directory.path) == "nobody listens")
        // A plain socket where a directory would be: uml_switch's.
        #expect(attachError(directory.path + "/attach") == "not ours")
        #expect(attachError("/" + String(repeating: "x", count: 200)) == "system \(ENAMETOOLONG)")
    }

    @Test("answers that are none, and answers without the channel asked for, are errors and leak nothing")
    func attachAnswers() throws {
        for (answer, expected) in [
            (AttachAnswer(status: EPERM, message: "not you").encoded(), "refused \(EPERM) not you"),
            (AttachAnswer(status: 0, port: 1).encoded(), "system \(EINVAL)"),
            (Array("rubbish".utf8), "refused \(EINVAL) the switch's answer is malformed"),
        ] {
            let directory = try SocketDirectory()
            try directory.serve("attach", .sequencedPacket) { connection in
                _ = try? receiveMessage(connection)
                try? UnixSocket.send(answer, to: connection)
            }
            #expect(attachError(directory.path) == expected)
        }
    }

    @Test("the channel that a switch passes carries frames")
    func attaches() throws {
        let directory = try SocketDirectory()
        try directory.serve("attach", .sequencedPacket) { connection in
            guard let message = try? UnixSocket.receive(from: connection, limit: 4096),
                let request = try? AttachRequest.parse(message.bytes), request.transport == .channel,
                let pair = try? UnixSocket.pair(.sequencedPacket)
            else { return }
            let ours = pair.first
            let theirs = pair.second
            try? UnixSocket.send(
                AttachAnswer(status: 0, port: 9).encoded(),
                descriptors: [theirs.rawValue],
                to: connection
            )
            try? UnixSocket.send([UInt8](repeating: 0, count: 12) + testFrame(4), to: ours)
            _ = try? Poll.isReadable(connection.rawValue, deadline: MonotonicClock.nanoseconds + 20_000_000_000)
        }
        var client = try AttachClient(
            directory: directory.path,
            request: AttachRequest(transport: .channel, description: "test")
        )
        #expect(client.port == 9)
        guard let taken = client.takeChannel() else {
            Issue.record("no channel came")
            return
        }
        let channel = Endpoint.channel(ChannelEndpoint(taken))
        let deadline = MonotonicClock.nanoseconds + 20_000_000_000
        #expect(try Poll.isReadable(channel.descriptor(channel: 0), deadline: deadline))
        var bench = EndpointBench()
        _ = bench.receive(channel)
        #expect(bench.takeFrames() == [testFrame(4)])
    }
}
