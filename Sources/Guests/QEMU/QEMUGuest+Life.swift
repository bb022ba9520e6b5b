// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

extension QEMUGuest {
    /// By the agent; where there is none, or it refuses, by the power button.
    func stop() {
        isWanted = false
        guard machine != nil else { return end(WaitStatus(rawValue: 0)) }
        guard let session, session.welcome != nil else { return pressPowerButton() }
        session.request(["power", "off"]) { [weak self] result in
            if case .failure = result { self?.pressPowerButton() }
        }
    }

    private func pressPowerButton() {
        guard machine != nil else { return }
        monitor?.send("system_powerdown")
    }

    /// Milliseconds that QEMU may take to write back its disks when it is to end at once.
    private static let quitLimit: UInt64 = 1_000

    func kill() {
        isWanted = false
        guard let machine else { return end(WaitStatus(rawValue: SIGKILL)) }
        // What the guest has written is kept; what it has not is lost.
        monitor?.send("quit", timeout: Self.quitLimit)
        host.loop.after(milliseconds: Self.quitLimit) { [weak machine] in machine?.send(signal: SIGKILL) }
    }

    func pause() throws(GuestError) {
        try tell("stop")
        isPaused = true
    }

    func resume() throws(GuestError) {
        try tell("cont")
        isPaused = false
    }

    /// The monitor answers before its machine begins anew, and the guest goes on for a while: what runs in it is ended here, and
    /// it runs again when the agent of its next life welcomes us.
    func reset() throws(GuestError) {
        guard let monitor, monitor.isOpen else { throw GuestError("QEMU's monitor is gone") }
        isResetting = true
        hasAgent = session?.welcome != nil
        session?.endLife(GuestError("\(name) was reset"))
        monitor.send("system_reset") { [weak self] result in
            guard case .failure(let error) = result, let self, !hasEnded, isResetting else { return }
            host.log("system_reset: \(error)")
            session?.goOn()
            tellStarted()
        }
    }

    /// The machine has begun anew, by itself or because it was to.
    func hasBegunAnew(byGuest: Bool) {
        session?.beginLife(after: GuestError("\(name) was reset"))
        programStatus = nil
        // The plan in the RAM disk is as old as the machine.
        known = []
        lifeCount += 1
        if isResetting {
            if isPaused { monitor?.send("cont") }
            isPaused = false
            // A guest that boots in its own way need not have an agent that tells when it is up.
            if prepared?.boot.root == .own, !hasAgent { return tellStarted() }
            expectAgent()
        } else if hasStarted {
            host.log("the guest boots anew")
        } else if isWanted, byGuest {
            // `panic=-1`, for one.
            fail(GuestError("the guest gives up while it boots; its console says why"))
        }
    }

    private func tell(_ command: String) throws(GuestError) {
        guard let monitor, monitor.isOpen else { throw GuestError("QEMU's monitor is gone") }
        monitor.send(command) { [weak self] result in
            if case .failure(let error) = result { self?.host.log("\(command): \(error)") }
        }
    }

    func run(
        _ command: GuestCommand,
        streams: GuestStreams,
        ended: @escaping (Result<WaitStatus, GuestError>) -> Void
    ) -> (any RunningCommand)? {
        guard let session, session.welcome != nil else {
            ended(.failure(noAgent))
            return nil
        }
        var command = command
        command.user = command.user ?? host.plan.user
        command.environment = host.plan.environment + command.environment
        return session.run(command, streams: streams, ended: ended)
    }

    func configureNetwork(_ words: [String], then: @escaping (Result<[String], GuestError>) -> Void) {
        guard let session, session.welcome != nil else { return then(.failure(noAgent)) }
        session.request(["network"] + words, then: then)
    }

    var noAgent: GuestError {
        guard prepared?.boot.root == .own else { return AgentSession.silent }
        return GuestError(
            "no agent answers in the guest; its image must run: etherloom-agent --service",
            status: 1
        )
    }

    func monitor(_ line: String, then: @escaping (Result<[String], GuestError>) -> Void) {
        let parsed: MonitorLine
        do throws(GuestError) {
            parsed = try MonitorLine(line)
        } catch {
            return then(.failure(error))
        }
        guard let monitor, monitor.isOpen else { return then(.failure(GuestError("QEMU's monitor is gone"))) }
        monitor.send(parsed.command, parsed.arguments) { result in
            switch result {
            case .success(let answer): then(.success(parsed.lines(answer)))
            case .failure(let error):
                then(.failure(GuestError(error.text, status: error.errorClass == "Timeout" ? 3 : 1)))
            }
        }
    }
}
