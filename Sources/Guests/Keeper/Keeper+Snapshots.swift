// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Model

extension Keeper {
    /// `snapshot-save`, `snapshot-restore`, `snapshot-remove`, `snapshots`.
    func snapshot(_ words: [String], then: @escaping (Outcome) -> Void) throws(GuestError) {
        if words[0] == "snapshots" { return then(.success(KeeperAnswer(roots.listSnapshots()))) }
        guard words.count == 2 else { throw GuestError("\(words[0]): one name is wanted", status: 2) }
        let name = words[1]
        try RootSnapshots.check(name)
        guard !isSnapshotRunning else { throw GuestError("another snapshot is being saved or restored") }
        let answer = { [weak self] (error: GuestError?) in
            self?.isSnapshotRunning = false
            then(error.map { .failure($0) } ?? .success(KeeperAnswer()))
        }
        let all = guestOrder.compactMap { guests[$0] }
        switch words[0] {
        case "snapshot-save": save(name, all, then: answer)
        case "snapshot-restore":
            if let guest = all.first(where: { $0.state != .stopped }) {
                throw GuestError("\(guest.name) is \(guest.state.rawValue): all guests must be stopped")
            }
            isSnapshotRunning = true
            roots.restore(name, all.map(\.plan)) { [weak self] error in
                if error == nil, let self {
                    for guest in all { guest.memory = roots.hasMemory(of: guest.name, in: name) ? name : nil }
                }
                // They can be looked at again, whatever came of it.
                Self.mount(all) { mountError in answer(error ?? mountError) }
            }
        default:
            isSnapshotRunning = true
            for guest in all where guest.state == .running && roots.hasMemory(of: guest.name, in: name) {
                guest.driver?.removeMemory(name) { error in
                    if let error { guest.log("snapshot \(name): \(error.message)") }
                }
            }
            roots.removeSnapshot(name, then: answer)
        }
    }

    private func save(_ name: String, _ all: [KeptGuest], then: @escaping (GuestError?) -> Void) {
        if let guest = all.first(where: { $0.state == .starting || $0.state == .stopping }) {
            return then(GuestError("\(guest.name) is \(guest.state.rawValue): try again in a moment"))
        }
        isSnapshotRunning = true
        saveMemories(name, all.filter { $0.state == .running && $0.plan.kind == .qemu }[...], saved: []) {
            [weak self] saved, error in
            guard let self else { return }
            if let error { return then(error) }
            saveRoots(name, all) { [weak self] error in
                if error == nil { for guest in saved { self?.roots.noteMemory(of: guest, in: name) } }
                then(error)
            }
        }
    }

    /// What virtual machines have in their memory, one after the other: whose it could be saved. One that cannot be saved is
    /// told of, and boots after a restore.
    private func saveMemories(
        _ name: String,
        _ machines: ArraySlice<KeptGuest>,
        saved: [String],
        then: @escaping ([String], GuestError?) -> Void
    ) {
        guard let guest = machines.first, let driver = guest.driver else { return then(saved, nil) }
        driver.saveMemory(name) { [weak self] error in
            if let error { guest.log("snapshot \(name): \(error.message)") }
            self?.saveMemories(
                name,
                machines.dropFirst(),
                saved: error == nil ? saved + [guest.name] : saved,
                then: then
            )
        }
    }

    private func saveRoots(_ name: String, _ all: [KeptGuest], then: @escaping (GuestError?) -> Void) {
        var paused: [KeptGuest] = []
        do throws(GuestError) {
            for guest in all where guest.state == .running {
                try guest.pause()
                paused.append(guest)
            }
        } catch {
            for guest in paused { try? guest.resume() }
            return then(error)
        }
        roots.save(name, all.map(\.plan)) { error in
            for guest in paused where guest.state == .paused { try? guest.resume() }
            then(error)
        }
    }

    private static func mount(_ guests: [KeptGuest], then: @escaping (GuestError?) -> Void) {
        var left = guests.count
        var failure: GuestError?
        if left == 0 { return then(nil) }
        for guest in guests {
            guest.withRoot { error in
                failure = failure ?? error
                left -= 1
                if left == 0 { then(failure) }
            }
        }
    }
}
