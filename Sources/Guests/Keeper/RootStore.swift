// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The roots of the lab's guests, as the keeper wants them.
final class RootStore {
    private let loop: ControlLoop
    private let mounts: RootMounts
    private let worker: RootWorker
    private let snapshots: RootSnapshots
    private var mounted: [String: RootPlan] = [:]
    /// Work that goes on.
    private var jobs: [Int: RootJob] = [:]
    private var lastJob = 0

    init(_ files: RuntimeFiles, directory: String, holder: NamespaceHolder, loop: ControlLoop) throws(GuestError) {
        self.loop = loop
        let namespaces = try RootNamespaces(ofProcess: holder.processID)
        mounts = try RootMounts(loop: loop, namespaces: namespaces, directory: files.roots)
        worker = RootWorker(.lab(namespaces))
        snapshots = RootSnapshots(directory: directory + "/snapshots")
    }

    /// Mounts a guest's root, if it has one and it is not mounted as it shall be: its path inside of the lab's namespaces.
    func prepare(_ plan: GuestPlan, then: @escaping (Result<String?, GuestError>) -> Void) {
        guard let root = plan.root else { return then(.success(nil)) }
        let inside = mounts.places(plan.name).inside
        if mounted[plan.name] == root, mounts.isMounted(plan.name) { return then(.success(inside)) }
        recover(plan.name, root) { [weak self] error in
            if let error { return then(.failure(error)) }
            self?.mounts.mount(root, guest: plan.name) { error in
                if let error { return then(.failure(error)) }
                self?.mounted[plan.name] = root
                then(.success(inside))
            }
        }
    }

    /// Finishes a restore of a snapshot that was interrupted.
    private func recover(_ guest: String, _ root: RootPlan, then: @escaping (GuestError?) -> Void) {
        let parent = RootDirectories.split(root.upper).parent
        guard
            (try? FileStatus(path: parent + "/.restore")) != nil
                || (try? FileStatus(path: parent + "/.replaced")) != nil
        else { return then(nil) }
        let roots = [RootSnapshots.Root(guest: guest, upper: root.upper)]
        work(RootWorker.snapshot("recover", nil, in: snapshots, roots: roots)) { then($0.failure) }
    }

    /// Unmounts a stopped guest's root; `files`: what the guest changed is deleted too.
    func remove(_ plan: GuestPlan, files: Bool, then: @escaping (GuestError?) -> Void) {
        mounted[plan.name] = nil
        let delete = { [weak self] (error: GuestError?) in
            guard let self, error == nil, files, plan.root != nil || plan.image != nil else { return then(error) }
            work(RootWorker.removal(upper: plan.changesDirectory, others: [plan.runDirectory])) { then($0.failure) }
        }
        guard mounts.isMounted(plan.name) else { return delete(nil) }
        mounts.unmount(guest: plan.name, detach: true, then: delete)
    }

    private func work(_ words: [String], then: @escaping (Result<[String], GuestError>) -> Void) {
        lastJob += 1
        let id = lastJob
        var hasEnded = false
        let job = worker.run(words, loop: loop) { [weak self] result in
            hasEnded = true
            self?.jobs[id] = nil
            then(result)
        }
        if !hasEnded, let job { jobs[id] = job }
    }

    /// The mounts go with the lab's namespaces; the links to them lead nowhere then.
    func end() { mounts.removeLinks() }

    // MARK: Snapshots

    /// Copies of what all guests have changed. Those that run are paused by the caller meanwhile.
    func save(_ name: String, _ plans: [GuestPlan], then: @escaping (GuestError?) -> Void) {
        work(RootWorker.snapshot("save", name, in: snapshots, roots: Self.roots(plans))) { then($0.failure) }
    }

    /// Gives all guests back what they had; none runs. Their roots are mounted again.
    func restore(_ name: String, _ plans: [GuestPlan], then: @escaping (GuestError?) -> Void) {
        var left = plans.filter { mounts.isMounted($0.name) }
        func unmountNext(_ error: GuestError?) {
            if let error { return then(error) }
            guard let plan = left.popLast() else { return copy() }
            mounted[plan.name] = nil
            mounts.unmount(guest: plan.name, detach: true, then: unmountNext)
        }
        func copy() {
            work(RootWorker.snapshot("restore", name, in: snapshots, roots: Self.roots(plans))) { then($0.failure) }
        }
        unmountNext(nil)
    }

    func removeSnapshot(_ name: String, then: @escaping (GuestError?) -> Void) {
        work(RootWorker.snapshot("remove", name, in: snapshots)) { then($0.failure) }
    }

    // What a snapshot has of a guest beside its root is in the guest's own disk; here is noted that it is.

    private func mark(_ what: String, _ guest: String, _ name: String) -> String {
        "\(snapshots.directory)/\(name)/\(what)-\(guest)"
    }
    private func has(_ what: String, _ guest: String, _ name: String) -> Bool {
        (try? FileStatus(path: mark(what, guest, name))) != nil
    }

    func noteDisk(of guest: String, in name: String) {
        // A lab whose guests have no roots has no directory for this one yet.
        try? RootDirectories.make(snapshots.roots(name), mode: 0o755)
        try? FileSystem.write("", to: mark("disk", guest, name))
    }
    func hasDisk(of guest: String, in name: String) -> Bool { has("disk", guest, name) }
    func noteMemory(of guest: String, in name: String) { try? FileSystem.write("", to: mark("memory", guest, name)) }
    func hasMemory(of guest: String, in name: String) -> Bool { has("memory", guest, name) }

    func refuseIfThere(_ name: String) throws(GuestError) {
        guard snapshots.list().contains(where: { $0.name == name }) else { return }
        throw GuestError("snapshot \(name) exists; remove it first, or take another name")
    }

    /// `snapshot=NAME time=SECONDS guest=NAME …` of each.
    func listSnapshots() -> [String] {
        snapshots.list().flatMap { entry in
            ["snapshot=\(entry.name)", "time=\(entry.time)"] + entry.guests.map { "guest=\($0)" }
        }
    }

    private static func roots(_ plans: [GuestPlan]) -> [RootSnapshots.Root] {
        plans.compactMap { plan in plan.root.map { RootSnapshots.Root(guest: plan.name, upper: $0.upper) } }
    }
}
