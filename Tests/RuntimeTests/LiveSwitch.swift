// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Endpoints
import Foundation
import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import Runtime

private let directoryCount = Atomic<Int>(0)

/// A directory that goes with the test.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = "/tmp/etherloom-test-\(getpid())-\(directoryCount.add(1, ordering: .relaxed).newValue)"
        try FileSystem.makeDirectory(path, mode: 0o700)
    }

    deinit { remove() }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    var names: Set<String> { Set((try? FileSystem.names(in: path)) ?? []) }
}

/// A whole switch with both of its sockets, whose control loop runs on a thread of its own, as in the program.
final class LiveSwitch: @unchecked Sendable {
    // The lock keeps `jobs`; everything else is made before the thread and only read afterwards, or is the thread's alone.
    private let parent: TemporaryDirectory
    let directory: String
    private let wakeUp: EventFD
    private let lock = NSLock()
    private var jobs: [(Parts) -> Void] = []
    private var thread: LinuxSystem.Thread.Handle?

    /// What lives on the control thread.
    final class Parts {
        let loop: ControlLoop
        let element: Switch
        let vde: VDEServer
        let attach: AttachServer
        var log: [String] = []

        init(_ options: SwitchOptions, _ directory: borrowing SwitchDirectory) throws {
            loop = try ControlLoop()
            var configuration = EngineConfiguration(portCount: options.portCount + 1, isHub: options.isHub)
            configuration.isMultiplexer = options.isMultiplexer
            let dataPlane = try DataPlane(configuration: configuration)
            element = try Switch(options: options, loop: loop, dataPlane: dataPlane)
            vde = try VDEServer(element, directory: directory)
            attach = try AttachServer(element, directory: directory)
            element.log = { [unowned self] in log.append($0) }
        }
    }

    init(_ change: (inout SwitchOptions) -> Void = { _ in }) throws {
        let parent = try TemporaryDirectory()
        self.parent = parent
        directory = parent.path + "/switch"
        wakeUp = try EventFD()
        var options = SwitchOptions(directory: directory)
        change(&options)
        let ready = DispatchSemaphore(value: 0)
        let failure = Failure()
        thread = try LinuxSystem.Thread.start(name: "control") { [self, options] in
            do {
                let directory = try SwitchDirectory.open(options)
                let parts = try Parts(options, directory)
                try parts.loop.watch(wakeUp.rawDescriptor) { [self] _ in runJobs(parts) }
                ready.signal()
                try parts.loop.run()
                parts.element.detachAll()
                if options.isMultiplexer { parts.element.interfaces.stop() }
                parts.element.dataPlane.stop()
                directory.remove()
                withExtendedLifetime(parts) {}
            } catch {
                failure.error.withLock { $0 = error }
                ready.signal()
            }
        }
        ready.wait()
        if let error = failure.error.withLock({ $0 }) { throw error }
    }

    private final class Failure: Sendable {
        let error = Mutex<(any Error)?>(nil)
    }

    private func runJobs(_ parts: Parts) {
        wakeUp.drain()
        while true {
            let job = lock.withLock { jobs.isEmpty ? nil : jobs.removeFirst() }
            guard let job else { return }
            job(parts)
        }
    }

    /// Runs `body` on the control thread and returns what it says.
    @discardableResult
    func perform<Result: Sendable>(_ body: @escaping @Sendable (Parts) -> Result) -> Result {
        let answer = Answer<Result>()
        lock.withLock {
            jobs.append { parts in
                answer.value.withLock { $0 = body(parts) }
                answer.done.signal()
            }
        }
        wakeUp.signal()
        answer.done.wait()
        return answer.value.withLock { $0 }!
    }

    private final class Answer<Result: Sendable>: Sendable {
        let value = Mutex<Result?>(nil)
        let done = DispatchSemaphore(value: 0)
    }

    /// Ends the loop and waits for the thread.
    func stop() {
        guard let thread = thread.take() else { return }
        perform { $0.loop.stop() }
        thread.join()
        // Not left to the last reference: a test in a process of its own ends with exit(3).
        parent.remove()
    }

    // MARK: What the console would show

    var portNumbers: [Int] { perform { $0.element.sortedPorts.filter(\.isActive).map(\.number) } }
    var log: [String] { perform { $0.log } }
    func counters(_ port: Int) -> PortCounters { perform { $0.element.table.counters(port: port) } }

    /// Frames that the endpoints of a port lost for this cause.
    func drops(_ port: Int, _ cause: DropCause) -> UInt64 {
        perform { parts in
            (parts.element.ports[port]?.endpoints ?? [])
                .reduce(0) { $0 + parts.element.table.drops(endpoint: $1.place.index, cause) }
        }
    }

    /// Looks again and again until it is so; a failure when that takes too long.
    func waitUntil(
        seconds: Double = 60,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ isSo: () -> Bool
    ) throws {
        let deadline = MonotonicClock.nanoseconds + UInt64(seconds * 1e9)
        var pause: UInt32 = 200
        while !isSo() {
            try #require(MonotonicClock.nanoseconds < deadline, "waited in vain", sourceLocation: sourceLocation)
            // Asking is work for the thread that is waited for.
            usleep(pause)
            pause = min(pause * 2, 20_000)
        }
    }

    deinit { stop() }
}

/// Makes a live switch, stops it afterwards.
func withSwitch(
    _ change: (inout SwitchOptions) -> Void = { _ in },
    _ body: (LiveSwitch) throws -> Void
) throws {
    let live = try LiveSwitch(change)
    defer { live.stop() }
    try body(live)
}
