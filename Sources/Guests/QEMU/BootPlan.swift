// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

/// How a virtual machine comes to its root: decided from what the kernel can do and what the host has.
struct BootPlan: Equatable {
    enum Root: Equatable {
        /// The firmware, or the user's own initial RAM disk, does it all; the agent is there if the image has it.
        case own
        /// The guest stays in the initial RAM disk.
        case memory
        /// The disk with the guest's image.
        case disk(device: String, type: String)
        /// The directory, by the virtio file system or by 9P.
        case virtiofs, plan9
        /// The directory, copied into the initial RAM disk; changes are not kept.
        case packed
    }

    let root: Root
    /// Names of modules to be loaded.
    let modules: [String]
    /// Words for the agent's plan, beside those of every guest.
    let words: [String]
    /// A line for the log.
    var note: String?

    /// Word of a guest's arguments that asks for a copy of the root in memory.
    static let packWord = "etherloom.root=memory"

    /// Word of a guest's arguments that names another device for its interfaces, for guests that do not know virtio.
    static let networkWord = "etherloom.network="

    static func networkModel(_ arguments: [String]) throws(GuestError) -> String {
        guard let word = arguments.last(where: { $0.hasPrefix(networkWord) }) else { return QEMUCommandLine.usualModel }
        let name = word.dropFirst(networkWord.count)
        guard !name.isEmpty, name.utf8.allSatisfy({ Self.isOfName(Unicode.Scalar($0)) }) else {
            throw GuestError("\(word): a device of QEMU's is wanted, as e1000", status: 2)
        }
        return String(name)
    }

    /// Modules that drive such a device.
    static func networkModules(_ model: String) -> [String] {
        switch model {
        case QEMUCommandLine.usualModel: ["virtio_net"]
        case "rtl8139": ["8139cp", "8139too"]
        case "pcnet": ["pcnet32"]
        default: [model.hasPrefix("e1000-") ? "e1000" : model.replacing("-", with: "_")]
        }
    }

    private static func isOfName(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "-" || scalar == "_" || scalar.properties.isAlphabetic && scalar.isASCII || "0"..."9" ~= scalar
    }

    /// Those that every machine needs, as far as the kernel has not built them in.
    static let usualModules = ["virtio_pci", "virtio_console", "virtio_rng"]

    static func decide(
        plan: GuestPlan,
        image: DiskImage?,
        has: (String) -> Bool,
        hasVirtiofsd: Bool
    ) throws(GuestError) -> BootPlan {
        guard plan.kernel != nil else {
            guard image != nil else {
                throw GuestError("a virtual machine needs kernel: FILE or image: FILE", status: 2)
            }
            guard image?.isUnbootable != true else {
                throw GuestError("image \(plan.image ?? "") has no boot loader; say which kernel: FILE is to be booted")
            }
            return BootPlan(root: .own, modules: [], words: [])
        }
        if image != nil {
            return plan.initialRAMDisk == nil ? disk(plan, image, has) : .init(root: .own, modules: [], words: [])
        }
        guard plan.root != nil else { return BootPlan(root: .memory, modules: usualModules, words: []) }
        if plan.arguments.contains(packWord) {
            let note = "the root is copied into memory, as \(packWord) asks: changes are not kept"
            return BootPlan(root: .packed, modules: usualModules, words: [], note: note)
        }
        if has("virtiofs"), hasVirtiofsd {
            return BootPlan(
                root: .virtiofs,
                modules: usualModules + ["virtiofs"],
                words: ["root=virtiofs", "source=etherloom"]
            )
        }
        if has("9p"), has("9pnet_virtio") {
            return BootPlan(
                root: .plan9,
                modules: usualModules + ["9pnet_virtio", "9p"],
                words: ["root=9p", "source=etherloom", "options=trans=virtio,version=9p2000.L,msize=131072,cache=mmap"]
            )
        }
        let missing = "virtiofsd is not installed (package \(HostProgram.virtiofsdPackage))"
        let reason = has("virtiofs") ? missing : "nor virtiofs"
        throw GuestError(
            "kernel \(plan.kernel ?? "") has no 9P, \(reason): it cannot have a directory as its root; "
                + "argument \(packWord) copies it into memory, changes are lost then",
            status: has("virtiofs") ? 4 : 1
        )
    }

    private static func disk(_ plan: GuestPlan, _ image: DiskImage?, _ has: (String) -> Bool) -> BootPlan {
        func argument(_ name: String) -> String? {
            plan.arguments.last { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
        }
        // A disk has a table of partitions, and its first one is meant; or it has a file system from its first byte on.
        let given = argument("root")
        let isWhole = image?.isFileSystem == true
        let device = given ?? (isWhole ? "/dev/vda" : "/dev/vda1")
        let other = given == nil && !isWhole ? ["other-source=/dev/vda"] : []
        let type = argument("rootfstype") ?? "ext4"
        return BootPlan(
            root: .disk(device: device, type: type),
            modules: usualModules + ["virtio_blk", "crc32c_generic", type],
            words: ["root=\(type)", "source=\(device)"] + other
        )
    }

    /// Words for the kernel.
    static func kernelWords(
        _ arguments: [String],
        isOwn: Bool,
        _ accelerator: QEMUCommandLine.Accelerator,
        _ architecture: MachineArchitecture = .x86
    ) -> [String] {
        var words = ["console=\(architecture.console)"]
        if !isOwn { words += ["quiet", "panic=-1", "net.ifnames=0", "random.trust_cpu=on"] }
        if accelerator == .tcg { words += architecture.translatedWords }
        return words + arguments.prefix { !$0.hasPrefix("-") }.filter { !$0.hasPrefix("etherloom.") }
    }

    /// From the first word with a dash on, arguments are QEMU's.
    static func machineWords(_ arguments: [String]) -> [String] { Array(arguments.drop { !$0.hasPrefix("-") }) }
}
