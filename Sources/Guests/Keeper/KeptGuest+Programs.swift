// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A guest's root, and programs of the host that run for it, as its driver asks for them.
extension KeptGuest {
    var mergedRoot: (inside: String, outside: String)? {
        root.map { ($0, "/proc/\(keeper.holder.processID)/root" + $0) }
    }

    func spawn(
        _ words: [String],
        environment: [String],
        descriptors: [Int32],
        insideNamespaces: Bool
    ) throws(GuestError) -> SpawnedProgram {
        guard let image = CommandImage(arguments: words, environment: environment) else {
            throw GuestError(words.isEmpty ? "no program to run" : "a NUL in the words of \(words[0])", status: 2)
        }
        let process: Int32
        if insideNamespaces {
            process = try keeper.holder.startProgram(image, name: words[0], descriptors: descriptors)
        } else {
            do {
                process = try OwnedProgram.start(image, descriptors: descriptors)
            } catch {
                throw GuestError("cannot run \(words[0]): \(error)")
            }
        }
        do {
            let handle = try ProcessHandle(process)
            keeper.children.own(process)
            return SpawnedProgram(processID: process, handle: handle)
        } catch {
            // Nobody's now, it is reaped as orphans are.
            OwnedProgram.send(SIGKILL, to: process)
            throw GuestError("cannot watch \(words[0]): \(error)")
        }
    }
}
