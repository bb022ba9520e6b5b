// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The roots of the lab's guests, as the keeper wants them.
final class RootStore {
    private let mounts: RootMounts
    private var mounted: [String: RootPlan] = [:]

    init(loop: ControlLoop, holder: NamespaceHolder, directory: String) throws(GuestError) {
        mounts = try RootMounts(
            loop: loop,
            namespaces: try RootNamespaces(ofProcess: holder.processID),
            directory: directory
        )
    }

    /// Mounts a guest's root, if it has one and it is not mounted as it shall be: its path inside of the lab's namespaces.
    func prepare(_ plan: GuestPlan, then: @escaping (Result<String?, GuestError>) -> Void) {
        guard let root = plan.root else { return then(.success(nil)) }
        let inside = mounts.places(plan.name).inside
        if mounted[plan.name] == root, mounts.isMounted(plan.name) { return then(.success(inside)) }
        mounts.mount(root, guest: plan.name) { [weak self] error in
            if let error { return then(.failure(error)) }
            self?.mounted[plan.name] = root
            then(.success(inside))
        }
    }

    /// Unmounts a stopped guest's root; `files`: what the guest changed is deleted too.
    func remove(_ plan: GuestPlan, files: Bool, then: @escaping (GuestError?) -> Void) {
        mounted[plan.name] = nil
        guard mounts.isMounted(plan.name) else { return then(nil) }
        mounts.unmount(guest: plan.name, then: then)
    }

    /// Answers to `snapshot-save` and the like.
    func snapshot(
        _ words: [String],
        guests: [GuestPlan],
        then: @escaping (Result<[String], GuestError>) -> Void
    ) {
        then(.failure(GuestError("\(words[0]): this version has no snapshots", status: 4)))
    }
}
