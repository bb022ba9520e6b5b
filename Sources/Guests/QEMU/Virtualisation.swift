// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization

/// What is known of virtualisation by this host's processor. A machine that failed by it is not the last one that would: it is
/// remembered for as long as the keeper lives, or until /dev/kvm is another file (its modules were loaded anew, or somebody
/// was given access to it).
struct Virtualisation {
    static let device = "/dev/kvm"

    private var failure: (reason: String, device: FileStatus?)?

    /// Why it cannot be had; nil: it can be tried.
    mutating func objection(_ device: FileStatus?, attempt: () throws(Errno) -> Void) -> String? {
        if let failure, failure.device == device {
            return "\(failure.reason); it is tried again when \(Self.device) has changed, or with the next keeper"
        }
        failure = nil
        do throws(Errno) {
            try attempt()
            return nil
        } catch {
            // Cheap to be asked again, and gone as soon as what is missing is there.
            return "\(Self.device): \(error)"
        }
    }

    mutating func hasFailed(_ reason: String, _ device: FileStatus?) { failure = (reason, device) }

    // MARK: This process's

    private static let known = Mutex(Virtualisation())
    private static var present: FileStatus? { try? FileStatus(path: device) }

    static func objection() -> String? {
        let present = present
        return known.withLock { known in
            known.objection(present) { () throws(Errno) in try KVM.attempt() }
        }
    }

    /// A machine could not be run by it: what QEMU said.
    static func hasFailed(_ reason: String) {
        let present = present
        known.withLock { $0.hasFailed(reason, present) }
    }
}
