// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Model

/// The words that start a UML kernel for a guest.
///
/// Its descriptors: 0 nothing, 1 and 2 what it says before it has a console, 3 the console, 4 the agent's serial line, 5 the
/// initial RAM disk.
struct UMLCommandLine {
    static let console = 3
    static let agent = 4
    static let disk = 5

    var kernel: UMLKernel
    var plan: GuestPlan
    /// Directory of `NAME/mconsole`, ends without a slash.
    var directory: String
    var noticePath: String
    /// The merged root as the kernel sees it.
    var root: String
    /// Sockets of its interfaces, in their order: device `virtio-uml.N` is the N-th.
    var vhostPaths: [String]

    /// The kernel splits its words at blanks once more: a path with one can only be told by the plan.
    private static func isPlain(_ path: String) -> Bool {
        !path.utf8.contains { $0 <= 0x20 || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") }
    }

    /// Confined by the kernel: root of the guest can mount nothing else of the host then.
    var isConfined: Bool { Self.isPlain(root) }

    static let defaultMemory = ByteCount(bytes: 128 << 20)

    var words: [String] {
        let memory = plan.memory ?? Self.defaultMemory
        var words = [
            kernel.path, "mem=\(memory.bytes >> 10)K", "umid=\(plan.name)", "uml_dir=\(directory)",
            "mconsole=notify:\(noticePath)", "initrd=/proc/self/fd/\(Self.disk)", "con=null", "con0=fd:\(Self.console)",
            "ssl=null", "ssl0=fd:\(Self.agent)",
        ]
        if kernel.takesSeccomp { words.append("seccomp=auto") }
        if plan.processors > 1 { words.append("ncpus=\(plan.processors)") }
        if isConfined { words.append("hostfs=\(root)") }
        for (number, path) in vhostPaths.enumerated() { words.append("virtio_uml.device=\(path):1:\(number)") }
        return words + plan.arguments
    }

    /// What the agent is to make of the guest.
    var agentPlan: [String] {
        var devices: [String: String] = [:]
        for (number, interface) in plan.interfaces.enumerated() where number < vhostPaths.count {
            devices[interface.name] = Self.device(number)
        }
        let root = ["channel=/dev/ttyS0", "root=hostfs", "source=none", "options=\(isConfined ? "/" : root)"]
        return root + plan.agentWords(devices: devices)
    }

    static func device(_ number: Int) -> String { "virtio-uml.\(number)" }
}
