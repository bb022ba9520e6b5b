// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Guests
import LinuxSystem
import Model

/// Taking over labs whose keepers run.
extension LabService {
    /// Takes over all labs whose keepers run. One that does not answer keeps nobody from the others for long.
    public func adopt(then: @escaping () -> Void) {
        var open = 1
        var then = Optional(then)
        func finish() { then.take()?() }
        func close() {
            open -= 1
            if open == 0 { finish() }
        }
        loop.after(milliseconds: 3000, run: finish)
        for name in (try? FileSystem.names(in: userDirectory)) ?? [] {
            let files = RuntimeFiles(directory: "\(userDirectory)/\(name)")
            guard let owner = files.owner(), sessions[owner.name] == nil else { continue }
            open += 1
            connect(owner.name, owner.directory, isNew: false) { _ in close() }
        }
        close()
    }

    /// The same with one that does not answer yet, tried until a time, in monotonic nanoseconds.
    func connect(
        _ name: String,
        _ directory: String,
        isNew: Bool,
        until deadline: UInt64,
        then: @escaping (Result<LabSession, ControlError>) -> Void
    ) {
        connect(name, directory, isNew: isNew) { [weak self] result in
            guard case .failure = result, MonotonicClock.nanoseconds < deadline else { return then(result) }
            self?.loop.after(milliseconds: 20) { [weak self] in
                self?.connect(name, directory, isNew: isNew, until: deadline, then: then)
            }
        }
    }

    /// A session with a keeper that runs.
    ///
    /// - Parameter isNew: it was told nothing yet; what was written down for one before it, which was killed, is over.
    private func connect(
        _ name: String,
        _ directory: String,
        isNew: Bool,
        then: @escaping (Result<LabSession, ControlError>) -> Void
    ) {
        let layout = layout(name, directory)
        do throws(GuestError) {
            let keeper = try KeeperConnection.keeper(runtimeDirectory: layout.runtime, loop: loop)
            let intent =
                (isNew ? nil : Intent.load(layout.intentFile)) ?? Intent(lab: Lab(name: name), directory: directory)
            let session = LabSession(
                intent,
                layout: layout,
                keeper: keeper,
                loop: loop,
                hub: hub,
                program: program
            )
            sessions[name] = session
            session.onEnd = { [weak self, weak session] in
                guard let self, sessions[name] === session else { return }
                sessions[name] = nil
                touch()
            }
            session.begin { error in
                if let error { return then(.failure(error)) }
                then(.success(session))
            }
        } catch {
            then(.failure(ControlError(error)))
        }
    }
}
