// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests

/// The roots of all guests, saved and brought back together.
extension LabSession {
    /// `snapshots`, `snapshot-save NAME`, `snapshot-restore NAME`, `snapshot-remove NAME`. Guests that run are stopped for a
    /// restore, and started again after it.
    public func snapshot(_ words: [String], then: @escaping LinesThen) {
        enqueue { [weak self] done in
            guard let self else { return done() }
            let wanted = intent.wanted
            let running =
                words[0] == "snapshot-restore" ? actual.guests.filter { $0.value.state != .stopped }.map(\.key) : []
            // Also those that wait to be started again: not into what is being restored.
            if words[0] == "snapshot-restore" { for guest in wanted.union(running) { leave(guest) } }
            for guest in running { keeper.ask(["stop", guest]) { _ in } }
            wait(milliseconds: 60_000) { [weak self] in
                running.allSatisfy { self?.actual.guests[$0]?.state == .stopped }
            } then: { [weak self] isReached in
                guard let self, !hasEnded else {
                    done()
                    return then(.failure(ControlError("the lab has ended")))
                }
                guard isReached else {
                    // Nothing has been restored: those that have stopped go on as they were.
                    intent.wanted.formUnion(wanted)
                    save()
                    supervise()
                    done()
                    return then(.failure(ControlError("not all guests have stopped in time", status: 3)))
                }
                keeper.ask(words) { [weak self] answer in
                    guard let self else { return }
                    intent.wanted.formUnion(wanted)
                    save()
                    supervise()
                    done()
                    let lines = answer.map(\.words).mapError { ControlError($0) }
                    guard !running.isEmpty else { return then(lines) }
                    whenSettled(Set(running), milliseconds: 120_000) { then($0.map { .failure($0) } ?? lines) }
                }
            }
        }
    }
}
