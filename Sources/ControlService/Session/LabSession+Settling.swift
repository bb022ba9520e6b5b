// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model

/// When guests that were to come up have come up, or will not.
///
/// A guest has come up when it is ready: when its own check says so, and where it has none when its command was executed. What
/// becomes of it afterwards is its own life, and nothing that a request to start it answers for; otherwise the answer would
/// depend on who is faster. One that ends, or cannot be started, before it was ready has failed, also where its policy has it
/// tried again.
extension LabSession {
    /// Why guests, or those who are to be ready before them, will not be ready, a line each.
    private func failures(_ names: Set<String>) -> [ControlError] {
        var failures: [ControlError] = []
        let all = intent.lab.withThoseBefore(names)
        for guest in intent.lab.guests where all.contains(guest.name) {
            let run = run(of: guest.name)
            if let failure = run.failure, !run.isAskedFor, !run.hasBeenReady {
                let text = Self.line(failure.message, of: guest.name)
                failures.append(ControlError(text, status: failure.status))
            }
        }
        return failures
    }

    /// A failure with the guest's name, unless it has that already.
    static func line(_ failure: String, of guest: String) -> String {
        let isNamed = failure.contains("\"\(guest)\"") || ["\(guest):", "\(guest) "].contains { failure.hasPrefix($0) }
        if isNamed { return failure }
        // What this file says of it is the rest of a sentence; what the keeper says is one.
        let isRest = ["did not ", "ended", "was killed ", "is not "].contains { failure.hasPrefix($0) }
        return "guest \"\(guest)\"\(isRest ? "" : ":") \(failure)"
    }

    /// Calls back when these guests are ready, or one of them cannot be, or after the time.
    public func whenSettled(
        _ names: Set<String>,
        milliseconds: UInt64?,
        then: @escaping (ControlError?) -> Void
    ) {
        wait(milliseconds: milliseconds) { [weak self] in
            guard let self else { return true }
            if !failures(names).isEmpty { return true }
            return !intent.wanted.intersection(names).contains { !self.run(of: $0).hasBeenReady }
        } then: { [weak self] isReached in
            guard let self, !hasEnded else { return then(ControlError("the lab has ended")) }
            let failures = failures(names)
            if isReached || !failures.isEmpty {
                guard let first = failures.first else { return then(nil) }
                // Of the same sort, or just failed.
                let status = failures.allSatisfy { $0.status == first.status } ? first.status : 1
                return then(ControlError(failures.map(\.message).joined(separator: "\n"), status: status))
            }
            // Those that were tried again and again.
            let setbacks = intent.lab.guests.filter { names.contains($0.name) && !self.run(of: $0.name).hasBeenReady }
                .compactMap { guest in
                    self.run(of: guest.name).setback.map { "; " + Self.line($0.message, of: guest.name) }
                }
            let open = intent.wanted.intersection(names).filter { !self.run(of: $0).hasBeenReady }.sorted().joined(
                separator: ", "
            )
            then(ControlError("not ready in time: \(open)\(setbacks.joined())", status: 3))
        }
    }
}
