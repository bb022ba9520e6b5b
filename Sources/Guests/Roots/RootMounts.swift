// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import LinuxSystem

// Theory of Operation
//
// A guest's root is an overlay of its upper directory, its layers and its master, mounted in the lab's own mount namespace
// at DIRECTORY/GUEST. DIRECTORY has there a small file system of its own, so that nothing of it appears on the host; the
// host sees the merged tree through /proc/HOLDER/root, where the link `mount/<guest>` of the lab points. The path is the
// same whatever the lab's directory is called, and stays right when that is renamed.
//
// Each arrangement is one short-lived process (CLinux/root_mount.c); the keeper's loop hears of its end.

/// The roots of a lab's guests.
public final class RootMounts {
    private let loop: ControlLoop
    private let namespaces: RootNamespaces
    /// Below which the roots are mounted: the same path inside of the namespaces and outside.
    public let directory: String
    /// The kernel is told of directories as before Linux 6.13.
    var usesOptions = false
    private var mounted: [String: RootPlan] = [:]
    private var running: [String: Running] = [:]

    /// A process that mounts.
    private final class Running {
        var operation: RootMount.Operation
        var token: ControlLoop.Token?
        init(_ operation: consuming RootMount.Operation) { self.operation = operation }
    }

    /// - Parameters:
    ///   - directory: an empty directory of the host that is the lab's alone; made when missing.
    public init(loop: ControlLoop, namespaces: RootNamespaces, directory: String) throws(GuestError) {
        self.loop = loop
        self.namespaces = namespaces
        self.directory = directory
        try RootDirectories.make(directory, mode: 0o700)
        // Its file system, once, before two of the processes could both find none.
        let failure: RootMount.Failure?
        do throws(Errno) {
            var operation = try start(unmount: nil, detach: false, overlays: [])
            failure = operation.finish()
        } catch {
            throw GuestError("cannot start what mounts the roots of guests: \(error)")
        }
        if let failure { throw RootFailure.error(failure, overlays: []) }
    }

    /// Where a guest's root is: inside of the namespaces, and for everybody else.
    public func places(_ guest: String) -> (inside: String, outside: String) {
        let inside = "\(directory)/\(guest)"
        return (inside, "/proc/\(namespaces.processID)/root\(inside)")
    }

    public func isMounted(_ guest: String) -> Bool { mounted[guest] != nil }

    /// Mounts a guest's root, in the place of the one that it has, and points the plan's `mountPoint` at it. One at a time
    /// for each guest.
    public func mount(_ plan: RootPlan, guest: String, then: @escaping (GuestError?) -> Void) {
        let overlays: [RootMount.Overlay]
        do throws(GuestError) {
            overlays = try RootDirectories.prepare(plan, target: places(guest).inside, skeleton: directory + ".host")
        } catch {
            return then(GuestError("\(guest): \(error.message)", status: error.status))
        }
        run(guest, unmount: places(guest).inside, detach: false, overlays: overlays) { [self] failure in
            if let failure {
                // The old one has gone by the time that the new one fails.
                if failure.step != .unmount, let old = mounted.removeValue(forKey: guest) {
                    RootDirectories.unlink(old.mountPoint, from: places(guest).outside)
                }
                return then(RootFailure.error(failure, overlays: overlays, guest: guest))
            }
            mounted[guest] = plan
            // Overlayfs makes a directory of mode 0 in there, at which whoever copies the lab would stumble.
            for overlay in overlays where !overlay.work.isEmpty {
                try? FileSystem.setMode(overlay.work + "/work", 0o700)
            }
            do throws(GuestError) {
                try RootDirectories.link(plan.mountPoint, to: places(guest).outside)
                then(nil)
            } catch {
                then(error)
            }
        }
    }

    /// Takes a guest's root away, and the link to it.
    ///
    /// - Parameter detach: even if somebody uses it, who may go on doing so.
    public func unmount(guest: String, detach: Bool = false, then: @escaping (GuestError?) -> Void) {
        guard let plan = mounted[guest] else { return then(nil) }
        run(guest, unmount: places(guest).inside, detach: detach, overlays: []) { [self] failure in
            if let failure { return then(RootFailure.error(failure, overlays: [], guest: guest)) }
            mounted[guest] = nil
            RootDirectories.unlink(plan.mountPoint, from: places(guest).outside)
            then(nil)
        }
    }

    /// Removes the links to all roots, which are about to go with their namespaces.
    public func removeLinks() {
        for (guest, plan) in mounted { RootDirectories.unlink(plan.mountPoint, from: places(guest).outside) }
    }

    private func run(
        _ guest: String,
        unmount: String,
        detach: Bool,
        overlays: [RootMount.Overlay],
        then: @escaping (RootMount.Failure?) -> Void
    ) {
        func refuse(_ error: Errno) {
            then(RootMount.Failure(step: .execute, error: error))
        }
        guard running[guest] == nil else { return refuse(.inProgress) }
        do throws(Errno) {
            let entry = Running(try start(unmount: unmount, detach: detach, overlays: overlays))
            entry.token = try loop.watch(entry.operation.rawDescriptor) { [weak self] _ in
                guard let self, let entry = running.removeValue(forKey: guest) else { return }
                if let token = entry.token { loop.cancel(token) }
                then(entry.operation.finish())
            }
            running[guest] = entry
        } catch {
            refuse(error)
        }
    }

    private func start(
        unmount: String?,
        detach: Bool,
        overlays: [RootMount.Overlay]
    ) throws(Errno) -> RootMount.Operation {
        try RootMount.start(
            user: namespaces.user.rawValue,
            mount: namespaces.mount.rawValue,
            directory: directory,
            unmount: unmount,
            detach: detach,
            overlays: overlays,
            byOptions: usesOptions
        )
    }
}
