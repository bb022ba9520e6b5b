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
        if isEnding { throw GuestError("the lab is going down") }
        if let name = deleting.sorted().first { throw GuestError("\(name) is being deleted; try again in a moment") }
        let all = guestOrder.compactMap { guests[$0] }
        if words[0] != "snapshot-restore",
            let guest = all.first(where: { $0.state == .starting || $0.state == .stopping })
        {
            throw GuestError("\(guest.name) is \(guest.state.rawValue): try again in a moment")
        }
        let answer = { [weak self] (error: GuestError?) in
            self?.isSnapshotRunning = false
            then(error.map { .failure($0) } ?? .success(KeeperAnswer()))
        }
        switch words[0] {
        case "snapshot-save":
            try roots.refuseIfThere(name)
            isSnapshotRunning = true
            save(name, all, then: answer)
        case "snapshot-restore":
            if let guest = all.first(where: { $0.state != .stopped }) {
                throw GuestError("\(guest.name) is \(guest.state.rawValue): all guests must be stopped")
            }
            isSnapshotRunning = true
            restore(name, all, then: answer)
        default:
            isSnapshotRunning = true
            let owners = all.filter { roots.hasDisk(of: $0.name, in: name) }
            removeDisks(name, owners) { [weak self] in self?.roots.removeSnapshot(name, then: answer) }
        }
    }

    // MARK: Save

    private func save(_ name: String, _ all: [KeptGuest], then: @escaping (GuestError?) -> Void) {
        let machines = all.filter { DiskSnapshots.concern($0.plan) }
        saveDisks(name, machines[...], saved: []) { [weak self] saved, error in
            guard let self else { return }
            let finish = { [weak self] (error: GuestError?) in
                guard let self, let error else { return then(error) }
                // Nothing is left of what came to nothing.
                removeDisks(name, saved.map(\.guest)) { then(error) }
            }
            if let error { return finish(error) }
            saveRoots(name, all) { [weak self] error in
                if let error { return finish(error) }
                for (guest, hasMemory) in saved {
                    self?.roots.noteDisk(of: guest.name, in: name)
                    if hasMemory { self?.roots.noteMemory(of: guest.name, in: name) }
                }
                then(nil)
            }
        }
    }

    private typealias Saved = (guest: KeptGuest, hasMemory: Bool)

    /// The disks of virtual machines, one after the other, and what they have in their memory where they run. One whose
    /// memory cannot be saved is told of, and boots after a restore.
    private func saveDisks(
        _ name: String,
        _ machines: ArraySlice<KeptGuest>,
        saved: [Saved],
        then: @escaping ([Saved], GuestError?) -> Void
    ) {
        guard let guest = machines.first else { return then(saved, nil) }
        let finish = { [weak self] (error: GuestError?, hasMemory: Bool) in
            if let error { return then(saved, error) }
            self?.saveDisks(name, machines.dropFirst(), saved: saved + [(guest, hasMemory)], then: then)
        }
        guard let driver = guest.driver else {
            return DiskSnapshots.run([.save(name)], guest) { finish($0, false) }
        }
        guard guest.state == .running else { return driver.saveDisk(name) { finish($0, false) } }
        driver.saveMemory(name) { error in
            guard let error else { return finish(nil, true) }
            guest.log("snapshot \(name): \(error.message)")
            driver.saveDisk(name) { finish($0, false) }
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

    // MARK: Restore

    private func restore(_ name: String, _ all: [KeptGuest], then: @escaping (GuestError?) -> Void) {
        let owners = all.filter { roots.hasDisk(of: $0.name, in: name) }
        let withMemory = all.filter { roots.hasMemory(of: $0.name, in: name) }.map(\.name)
        let finish = { (error: GuestError?) in
            // They can be looked at again, whatever came of it.
            Self.mount(all) { mountError in then(error ?? mountError) }
        }
        roots.restore(name, all.map(\.plan)) { [weak self] error in
            guard let self else { return }
            if let error { return finish(error) }
            restoreDisks(name, owners[...]) { [weak self] error in
                guard error == nil else { return finish(error) }
                for guest in all { guest.memory = withMemory.contains(guest.name) ? name : nil }
                for guest in owners { self?.roots.noteDisk(of: guest.name, in: RootSnapshots.beforeRestore) }
                finish(nil)
            }
        }
    }

    private func restoreDisks(
        _ name: String,
        _ owners: ArraySlice<KeptGuest>,
        then: @escaping (GuestError?) -> Void
    ) {
        guard let guest = owners.first else { return then(nil) }
        DiskSnapshots.run(DiskSnapshots.restoring(name), guest) { [weak self] error in
            if let error { return then(error) }
            self?.restoreDisks(name, owners.dropFirst(), then: then)
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

    // MARK: Remove

    /// Forgets a snapshot in the disks of these guests; what cannot be is told of, and stops nothing.
    private func removeDisks(_ name: String, _ owners: [KeptGuest], then: @escaping () -> Void) {
        guard let guest = owners.first else { return then() }
        let finish = { [weak self] (error: GuestError?) in
            if let error { guest.log("snapshot \(name): \(error.message)") }
            self?.removeDisks(name, Array(owners.dropFirst()), then: then)
        }
        if guest.memory == name { guest.memory = nil }
        guard let driver = guest.driver else { return DiskSnapshots.run([.remove(name)], guest, then: finish) }
        driver.removeMemory(name, then: finish)
    }
}
