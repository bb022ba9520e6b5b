// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem
import Synchronization

/// The thread that has a user's labs. Others give it jobs; nothing that it has leaves it but values.
public final class ServiceThread: Sendable {
    public typealias Job = @Sendable (LabService) -> Void

    private let jobs = Mutex<[Job]>([])
    private let event: EventFD
    public let hub: EventHub

    /// Starts the thread, which adopts what runs before it does anything else.
    public init(program: String, userDirectory: String) throws(Errno) {
        event = try EventFD()
        let hub = EventHub()
        self.hub = hub
        let handle = try Thread.start(name: "labs") { [self] in
            do throws(Errno) {
                let loop = try ControlLoop()
                let service = LabService(loop: loop, hub: hub, program: program, userDirectory: userDirectory)
                var isAdopting = true
                try loop.watch(event.rawDescriptor) { [self] _ in
                    event.drain()
                    if !isAdopting { run(service) }
                }
                service.adopt { [self] in
                    isAdopting = false
                    run(service)
                }
                try loop.run()
            } catch {
                // Nobody would answer any more. The next daemon has the labs.
                StandardStreams.writeError("etherloom: daemon: \(error)\n")
                exit(1)
            }
        }
        handle.detach()
    }

    private func run(_ service: LabService) {
        let now = jobs.withLock { jobs in
            defer { jobs = [] }
            return jobs
        }
        for job in now { job(service) }
    }

    public func post(_ job: @escaping Job) {
        jobs.withLock { $0.append(job) }
        event.signal()
    }

    /// Gives the thread a job that answers once.
    public func ask<Value: Sendable>(
        _ body: @escaping @Sendable (LabService, @escaping @Sendable (Result<Value, ControlError>) -> Void) -> Void
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            post { service in
                body(service) { result in continuation.resume(with: result.mapError { $0 as any Error }) }
            }
        }
    }
}
