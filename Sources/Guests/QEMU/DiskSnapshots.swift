// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Model

/// Snapshots inside of the disk of a machine that does not run, by qemu-img(1). They take room only for what differs.
enum DiskSnapshots {
    /// Whether a guest has a disk of its own, made or not.
    static func concern(_ plan: GuestPlan) -> Bool { plan.kind == .qemu && plan.image != nil }

    /// What is done to a disk: words for `qemu-img snapshot`, and whether it may fail.
    struct Step: Equatable {
        let action: String
        let name: String
        var mayFail = false

        static func save(_ name: String) -> Step { Step(action: "-c", name: name) }
        static func apply(_ name: String) -> Step { Step(action: "-a", name: name) }
        static func remove(_ name: String, mayFail: Bool = false) -> Step {
            Step(action: "-d", name: name, mayFail: mayFail)
        }
    }

    private static let before = RootSnapshots.beforeRestore

    /// Steps that bring a snapshot back, and make what there was until now the snapshot `before-restore`.
    static func restoring(_ name: String) -> [Step] {
        guard name == before else { return [.remove(before, mayFail: true), .save(before), .apply(name)] }
        // A snapshot cannot be renamed: what was is put in its place by way of two others.
        let (now, wanted) = (".now", ".wanted")
        return [
            .remove(now, mayFail: true), .remove(wanted, mayFail: true), .save(now), .apply(before), .save(wanted),
            .remove(before), .apply(now), .save(before), .apply(wanted), .remove(wanted), .remove(now),
        ]
    }

    /// Does this to the disk of a guest that does not run. A disk that was never used is made first.
    static func run(_ steps: [Step], _ host: any GuestHost, then: @escaping (GuestError?) -> Void) {
        do throws(GuestError) {
            guard let path = host.plan.image else { return then(nil) }
            let image = try DiskImage.inspect(path)
            let (disk, command) = try PreparedMachine.disk(host.plan, image)
            guard let disk else { return then(nil) }
            var commands: [(words: [String], mayFail: Bool)] = []
            if let command { commands.append((command, false)) }
            for step in steps {
                commands.append((["qemu-img", "snapshot", "-q", step.action, step.name, disk], step.mayFail))
            }
            run(commands[...], host, then: then)
        } catch {
            then(error)
        }
    }

    private static func run(
        _ commands: ArraySlice<(words: [String], mayFail: Bool)>,
        _ host: any GuestHost,
        then: @escaping (GuestError?) -> Void
    ) {
        guard let (words, mayFail) = commands.first else { return then(nil) }
        do throws(GuestError) {
            _ = try HostProgram.require(words[0], package: "qemu-utils")
            _ = try HeldProgram(words, host: host) { status, lines in
                guard status.shellStatus == 0 || mayFail else {
                    let reason = lines.last.map { ": \($0)" } ?? ""
                    return then(GuestError("\(host.plan.name): its disk cannot be saved or brought back\(reason)"))
                }
                run(commands.dropFirst(), host, then: then)
            }
        } catch {
            then(error)
        }
    }
}
