// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// Says what a kernel means that does not come up: one line for people, from what it wrote to its console.
struct UMLDiagnosis {
    let kernel: UMLKernel
    private var line: [UInt8] = []
    /// The first thing that explains an end.
    private(set) var reason: String?
    /// Set by a guest that is up: what it prints then is its own.
    var isUp = false

    private let processorHasAMX: Bool

    init(kernel: UMLKernel, processorHasAMX: Bool = UMLKernel.processorHasAMX) {
        self.kernel = kernel
        self.processorHasAMX = processorHasAMX
    }

    private static let lineLimit = 512

    mutating func take(_ bytes: [UInt8]) {
        guard reason == nil else { return }
        for byte in bytes {
            if byte == 0x0a || byte == 0x0d {
                if !line.isEmpty { look(String(decoding: line, as: UTF8.self)) }
                line = []
            } else if line.count < Self.lineLimit {
                line.append(byte)
            }
        }
    }

    private mutating func look(_ text: String) {
        if let panic = Self.rest(of: text, after: "Kernel panic - not syncing: ") {
            if !isUp, kernel.isTooOldForAMX, processorHasAMX {
                reason =
                    "kernel \(kernel.path) (\(kernel.release)) cannot run on this processor: it has AMX, which User Mode Linux "
                    + "knows from 6.16 on; use a newer kernel (it said: \(panic))"
            } else {
                reason = "the guest's kernel panicked: \(panic)"
            }
        } else if !isUp, let version = Self.rest(of: text, after: "version `"), text.contains("not found") {
            let wanted = version.split(separator: "'").first ?? ""
            reason =
                "kernel \(kernel.path) needs a newer C library than this host has (\(wanted)); give it one of its own: patchelf "
                + "--set-interpreter and --set-rpath"
        } else if !isUp, let library = Self.rest(of: text, after: "error while loading shared libraries: ") {
            reason = "kernel \(kernel.path) cannot be loaded: \(library)"
        } else if !isUp, text.contains("PTRACE") && text.contains("failed") || text.contains("check_ptrace") {
            reason = "kernel \(kernel.path) may not trace processes on this host: \(text)"
        }
    }

    private static func rest(of text: String, after sign: String) -> String? {
        let text = Array(text.utf8)
        guard let place = ByteSearch.first(sign, in: text) else { return nil }
        return String(decoding: text[(place + sign.utf8.count)...], as: UTF8.self)
    }
}
