// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Runtime
import TestTraits
import Testing

@Suite("Acceptors", .mayRun(seconds: 60))
struct AcceptorTests {
    /// What has been accepted.
    private final class Guests {
        var numbers: [Int32] = []
        /// Connections that cannot be taken, as without descriptors.
        var refusalCount = 0
        var attemptCount = 0

        func take(_ connection: consuming OwnedDescriptor) throws(Errno) {
            attemptCount += 1
            if refusalCount > 0 {
                refusalCount -= 1
                throw Errno(rawValue: EMFILE)
            }
            numbers.append(connection.release())
        }

        deinit { for number in numbers { _ = close(number) } }
    }

    private let folder: TemporaryDirectory
    private let loop: ControlLoop
    private var path: String { folder.path + "/socket" }

    init() throws {
        folder = try TemporaryDirectory()
        loop = try ControlLoop()
    }

    private func call() throws -> OwnedDescriptor {
        try UnixSocket.connection(.stream, to: try #require(UnixSocketAddress(path: path)))
    }

    /// Runs the loop until it is so; after five seconds it never will be.
    private func run(until isSo: @escaping () -> Bool) throws {
        let deadline = MonotonicClock.nanoseconds + 5_000_000_000
        func check() {
            if isSo() || MonotonicClock.nanoseconds > deadline { return loop.stop() }
            loop.after(milliseconds: 5) { check() }
        }
        loop.after(milliseconds: 1) { check() }
        try loop.run()
        #expect(isSo())
    }

    @Test("all who wait are taken, until it is closed")
    func accepts() throws {
        let guests = Guests()
        let file = try SocketPath(path)
        let acceptor = try Acceptor(at: file, mode: 0o600, loop: loop) { connection throws(Errno) in
            try guests.take(connection)
        }
        let first = try call()
        let second = try call()
        try run { guests.numbers.count == 2 }
        acceptor.close()
        file.remove()
        #expect(throws: Errno.noEntry) { _ = try call() }
        withExtendedLifetime(first) {}
        withExtendedLifetime(second) {}
    }

    @Test("a flood is taken a few at a time")
    func limited() throws {
        let guests = Guests()
        let file = try SocketPath(path)
        let listener = try file.makeSocket(.stream, mode: 0o600)
        try UnixSocket.listen(listener)
        let acceptor = try Acceptor(listener, loop: loop, limit: 4) { connection throws(Errno) in
            try guests.take(connection)
        }
        let callers = try (0..<12).map { _ in try call().release() }
        defer { for number in callers { _ = close(number) } }
        let start = MonotonicClock.nanoseconds
        try run { guests.numbers.count == 12 }
        // Two rests.
        #expect(MonotonicClock.nanoseconds - start >= 350_000_000)
        acceptor.close()
        file.remove()
    }

    @Test("without descriptors it rests instead of spinning, and comes back")
    func rests() throws {
        let guests = Guests()
        guests.refusalCount = 2
        let file = try SocketPath(path)
        let acceptor = try Acceptor(at: file, mode: 0o600, loop: loop) { connection throws(Errno) in
            try guests.take(connection)
        }
        let callers = [try call().release(), try call().release(), try call().release()]
        defer { for number in callers { _ = close(number) } }
        let start = MonotonicClock.nanoseconds
        try run { guests.numbers.count == 1 }
        // Two rests of a fifth of a second, and no attempt in between.
        #expect(MonotonicClock.nanoseconds - start >= 350_000_000)
        #expect(guests.attemptCount == 3)
        acceptor.close()
    }
}
