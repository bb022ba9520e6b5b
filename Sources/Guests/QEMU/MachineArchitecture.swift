// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// The processor that a virtual machine has, and what differs with it: QEMU's program, the board, names of devices.
///
/// A kernel decides it by its own format. A machine whose kernel is in its image has the host's.
public enum MachineArchitecture: Sendable, Equatable, CaseIterable {
    case x86
    case arm64

    /// This host's.
    public static var own: MachineArchitecture {
        #if arch(arm64)
        .arm64
        #else
        .x86
        #endif
    }

    /// As `uname -m` says it.
    var name: String {
        switch self {
        case .x86: "x86_64"
        case .arm64: "aarch64"
        }
    }

    public var program: String { "qemu-system-\(name)" }

    /// Debian's package of the program.
    public var package: String {
        switch self {
        case .x86: "qemu-system-x86"
        case .arm64: "qemu-system-arm"
        }
    }

    /// The board, with nothing that nobody uses: firmware and kernel would look for what is on it, and try the timer out.
    var board: String {
        switch self {
        case .x86: "q35,sata=off,smbus=off,usb=off,vmport=off,hpet=off,i8042=off"
        case .arm64: "virt,gic-version=max"
        }
    }

    /// The serial line that is the guest's console, as its kernel calls it.
    var console: String {
        switch self {
        case .x86: "ttyS0"
        case .arm64: "ttyAMA0"
        }
    }

    /// Words for a kernel on a translated processor, which needs no defence against what a real one leaks, and has no time to
    /// test its cryptography.
    var translatedWords: [String] {
        let words = ["mitigations=off", "audit=0", "cryptomgr.notests"]
        return self == .x86 ? ["no_timer_check"] + words : words
    }

    /// Where distributions put the firmware that a machine needs to boot from its image; nil: QEMU brings its own.
    var firmware: [String]? {
        switch self {
        case .x86: nil
        case .arm64: ["/usr/share/qemu-efi-aarch64/QEMU_EFI.fd", "/usr/share/AAVMF/AAVMF_CODE.fd"]
        }
    }
}
