// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Endpoints
import Foundation
import LinuxSystem
import Runtime
import Synchronization
import Testing

@testable import Console

/// A switch with a console on a socket, running on a thread of its own until it is stopped.
final class LiveConsole: Sendable {
    let path: String
    let folder: String
    private let work = Mutex<[@Sendable (Console, ConsoleServer) -> Void]>([])
    private let wake: EventFD
    private let state = Mutex<(isEnded: Bool, wasShutDown: Bool)>((false, false))

    /// Something that holds objects of the loop's thread, and is used there only.
    private struct Confined<Value>: @unchecked Sendable {
        let value: Value
    }

    init(limits: ConsoleSession.Limits = ConsoleSession.Limits()) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("c" + UUID().uuidString.prefix(8)).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        path = folder + "/mgmt"
        wake = try EventFD()
        let confined = Confined(value: limits)
        let ready = DispatchSemaphore(value: 0)
        _ = try LinuxSystem.Thread.start(name: "console-test") { [self] in
            do {
                try run(limits: confined.value, ready)
            } catch {
                Issue.record("the console did not start: \(error)")
            }
            state.withLock { $0.isEnded = true }
        }
        ready.wait()
    }

    private func run(limits: ConsoleSession.Limits, _ ready: DispatchSemaphore) throws {
        defer { ready.signal() }
        let fixture = try ConsoleFixture()
        let loop = fixture.loop
        let server = try ConsoleServer(fixture.console, path: path, mode: 0o600, groupID: nil, limits: limits)
        fixture.target.onShutdown = { [self] in
            state.withLock { $0.wasShutDown = true }
            loop.stop()
        }
        try loop.watch(wake.rawDescriptor) { [self] _ in
            wake.drain()
            for job in takeWork() { job(fixture.console, server) }
        }
        ready.signal()
        try loop.run()
        server.close()
    }

    private func takeWork() -> [@Sendable (Console, ConsoleServer) -> Void] {
        work.withLock { jobs in
            let taken = jobs
            jobs = []
            return taken
        }
    }

    /// Runs `body` on the loop's thread and waits for its result.
    func perform<Result: Sendable>(_ body: @escaping @Sendable (Console, ConsoleServer) -> Result) -> Result {
        let done = DispatchSemaphore(value: 0)
        let confined = Confined(value: (result: ResultBox<Result>(), done: done))
        work.withLock {
            $0.append { console, server in
                confined.value.result.value = body(console, server)
                confined.value.done.signal()
            }
        }
        wake.signal()
        done.wait()
        return confined.value.result.value!
    }

    private final class ResultBox<Result> {
        var value: Result?
    }

    var wasShutDown: Bool { state.withLock { $0.wasShutDown } }

    /// Ends the loop and waits for it.
    func stop() throws {
        if !state.withLock({ $0.isEnded }) {
            work.withLock { $0.append { console, _ in console.target.loop.stop() } }
            wake.signal()
        }
        try eventually { state.withLock { $0.isEnded } }
        try? FileManager.default.removeItem(atPath: folder)
    }
}

/// Waits until a condition that another thread brings about holds.
func eventually(
    within seconds: Double = 10,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
) throws {
    let deadline = MonotonicClock.nanoseconds + UInt64(seconds * 1e9)
    while try !condition() {
        try #require(MonotonicClock.nanoseconds < deadline, "never happened", sourceLocation: sourceLocation)
        usleep(2000)
    }
}

/// A client of a console that shows bytes as they come.
final class ConsoleProbe {
    let socket: OwnedDescriptor
    private(set) var isAtEnd = false

    init(_ path: String) throws {
        // What is sent to a session that was dropped shall fail, not kill.
        signal(SIGPIPE, SIG_IGN)
        let address = try #require(UnixSocketAddress(path: path))
        let made = try UnixSocket.make(.stream)
        try UnixSocket.connect(made, to: address)
        socket = made
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            if let count = try? socket.write(bytes[sent...]) {
                sent += count
            } else {
                let isWritable = try Readiness.wait(socket, for: 4, milliseconds: 10_000)
                try #require(isWritable)
            }
        }
    }

    /// Sends what the socket takes at once; nil when it takes nothing.
    func sendSome(_ text: String) -> Int? { try? socket.write(Array(text.utf8)) }

    /// Everything up to and with `ending`, or to the end of the stream.
    func read(until ending: String = "\nvde$ ", seconds: Int = 10) throws -> String {
        var bytes: [UInt8] = []
        let wanted = Array(ending.utf8)
        while !bytes.suffix(wanted.count).elementsEqual(wanted) {
            guard try Readiness.wait(socket, milliseconds: Int32(seconds * 1000)) else {
                Issue.record("nothing more after \(String(decoding: bytes, as: UTF8.self).debugDescription)")
                break
            }
            // One by one, so that nothing behind the ending is taken.
            let part = try socket.read(atMost: 1)
            if part.isEmpty {
                isAtEnd = true
                break
            }
            bytes += part
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func readToEnd() throws -> String {
        let text = try read(until: "\u{0}never")
        #expect(isAtEnd)
        return text
    }
}
