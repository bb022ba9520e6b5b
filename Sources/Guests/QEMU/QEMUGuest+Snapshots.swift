// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

// A snapshot of a running machine (memory, devices, disk) is one of QEMU's own, inside of the guest's disk: it needs no other
// file, and shares with the disk what has not changed. Interfaces are taken out before and put in again after, because a
// device whose rings somebody else works on cannot be saved (it would need a log of what that one writes); the guest sees
// them go and come, its connections last. A root by the virtio file system cannot be saved at all.

extension QEMUGuest {
    var noDisk: GuestError {
        GuestError("\(name) has no disk image, into which its memory would be saved; its files can be", status: 4)
    }

    func saveMemory(_ name: String, then: @escaping (GuestError?) -> Void) {
        guard diskPath != nil else { return then(noDisk) }
        // What is just being put in is taken out when it is there.
        plugInAll { [weak self] in self?.saveMemoryOfAll(name, then: then) }
    }

    private func saveMemoryOfAll(_ name: String, then: @escaping (GuestError?) -> Void) {
        takeOutAll(plugged.sorted()) { [weak self] error in
            guard let self else { return then(error) }
            // Whoever waits may begin with something else at once: not before all is as it was.
            if let error { return plugInAll { then(error) } }
            let arguments: [String: JSONValue] = ["tag": .string(name), "vmstate": "disk", "devices": ["disk"]]
            start(job: "snapshot-save", arguments) { [weak self] error in
                guard let self, !hasEnded else { return then(error) }
                plugInAll { then(error) }
            }
        }
    }

    /// The disk alone, as if the power had failed now.
    func saveDisk(_ name: String, then: @escaping (GuestError?) -> Void) {
        guard diskPath != nil else { return then(noDisk) }
        let arguments: [String: JSONValue] = ["device": "disk", "name": .string(name)]
        sequence([Command("blockdev-snapshot-internal-sync", arguments)], then: then)
    }

    func removeMemory(_ name: String, then: @escaping (GuestError?) -> Void) {
        guard diskPath != nil else { return then(noDisk) }
        start(job: "snapshot-delete", ["tag": .string(name), "devices": ["disk"]], then: then)
    }

    private func takeOutAll(_ names: [String], then: @escaping (GuestError?) -> Void) {
        guard let name = names.first else { return then(nil) }
        let rest = Array(names.dropFirst())
        guard let place = places[name] else { return takeOutAll(rest, then: then) }
        takeOut(name, place) { [weak self] error in
            if let error { return then(error) }
            self?.takeOutAll(rest, then: then)
        }
    }

    /// Puts in what the guest shall have and has not.
    func plugInAll(then: @escaping () -> Void = {}) {
        let missing = host.plan.interfaces.filter { !plugged.contains($0.name) && places[$0.name] != nil }
        var left = missing.count
        if left == 0 { return then() }
        for interface in missing {
            plugIn(interface, places[interface.name] ?? 0) { [weak self] error in
                if let error { self?.host.log("\(interface.name): \(error)") }
                left -= 1
                if left == 0 { then() }
            }
        }
    }

    /// Milliseconds that a monitor may take to begin or to tell of a job.
    private static let jobLimit: UInt64 = 120_000

    /// Something that QEMU does beside its guest, and tells the end of.
    private func start(
        job command: String,
        _ arguments: [String: JSONValue],
        then: @escaping (GuestError?) -> Void
    ) {
        guard let monitor else { return then(GuestError("QEMU's monitor is gone")) }
        let job = "job-\(jobs.count)-\(MonotonicClock.nanoseconds)"
        jobs[job] = then
        var arguments = arguments
        arguments["job-id"] = .string(job)
        monitor.send(command, arguments, timeout: Self.jobLimit) { [weak self] result in
            guard case .failure(let error) = result else { return }
            self?.jobs.removeValue(forKey: job)?(GuestError("\(command): \(error)"))
        }
    }

    /// A job is over: how, only its description tells.
    func conclude(_ job: String) {
        guard jobs[job] != nil else { return }
        monitor?.send("query-jobs", timeout: Self.jobLimit) { [weak self] result in
            guard let self else { return }
            monitor?.send("job-dismiss", ["id": .string(job)])
            let list = (try? result.get())?.array ?? []
            // One that nothing is known of may have failed.
            let found = list.first { $0["id"]?.string == job }
            let error = found == nil ? "how it ended is not known" : found?["error"]?.string
            jobs.removeValue(forKey: job)?(error.map { GuestError($0) })
        }
    }
}
