// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// The namespaces of a lab that its roots are in, held by a process.
public final class RootNamespaces {
    /// The process whose /proc/PID/root shows the mounts.
    public let processID: Int32
    let user, mount: OwnedDescriptor

    /// Of a process that is in them.
    public init(ofProcess processID: Int32) throws(GuestError) {
        self.processID = processID
        do throws(Errno) {
            user = try .open("/proc/\(processID)/ns/user", flags: O_RDONLY)
            mount = try .open("/proc/\(processID)/ns/mnt", flags: O_RDONLY)
        } catch {
            throw GuestError("cannot open the namespaces of process \(processID): \(error)")
        }
    }
}
