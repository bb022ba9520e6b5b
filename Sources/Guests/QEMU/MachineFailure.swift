// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// Why a virtual machine ended, in one line for people: made of what QEMU wrote last and of how it ended.
enum MachineFailure {
    /// What QEMU says that is of no use to anybody.
    static func isNoise(_ line: String) -> Bool {
        line.contains("vhost-user backend supports VHOST_USER_PROTOCOL_F_CONFIG but QEMU does not")
            || line.contains("vhost_user_backend_init") || line.hasPrefix("qemu: module ui-")
            || line.contains("terminating on signal")
    }

    static func explain(_ lines: [String], status: WaitStatus, memory: UInt64, image: String?) -> String? {
        let text = lines.joined(separator: " ")
        if text.contains("Failed to get \"write\" lock") || text.contains("Failed to get shared \"write\" lock") {
            return "the disk image \(image ?? "") is in use by another machine"
        }
        if text.contains("Cannot allocate memory") || text.contains("cannot set up guest memory") {
            return "the host has no \(memory) MiB of memory for it"
        }
        if let signal = status.signal {
            return signal == 9
                ? "QEMU was killed; if nobody did, the host's memory was short" : "QEMU ended by signal \(signal)"
        }
        guard status.exitCode != 0 else { return nil }
        guard let last = lines.last(where: { $0.contains("qemu") }) ?? lines.last else { return nil }
        // What it calls itself is of no interest.
        let parts = last.split(separator: ":", maxSplits: 1)
        let first = parts.first.map(String.init) ?? ""
        return first.hasPrefix("qemu-system") && parts.count > 1 ? String(parts[1].drop { $0 == " " }) : last
    }

    /// It was the processor's virtualisation that failed: translation may do.
    static func isOfKVM(_ lines: [String], status: WaitStatus) -> Bool {
        let text = lines.joined(separator: " ")
        return text.contains("KVM") || text.contains("kvm") || text.contains("MSR") || status.signal == 6
    }
}
