// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The processor's virtualisation, kvm(4).
public enum KVM {
    /// Really makes a virtual machine, which says more than the device file's presence: throws why that cannot be done.
    public static func attempt() throws(Errno) { try systemCall { cel_kvm_try() } }
}
