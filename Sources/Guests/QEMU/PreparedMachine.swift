// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Model

/// All that is known of a machine before it runs.
struct PreparedMachine {
    let program: String
    let architecture: MachineArchitecture
    /// For a machine that boots from its image.
    let firmware: String?
    let boot: BootPlan
    let kernel: String?
    /// Of our own making, in memory; or the user's file.
    let initialRAMDisk: SharedDescriptor?
    /// The guest's own disk, and the command that makes it right.
    let disk: String?
    let diskCommand: [String]?
    /// Where the root is, inside of the lab's namespaces.
    let root: String?
    let memory: UInt64

    /// MiB of a guest that says nothing.
    static let usualMemory: UInt64 = 256

    init(plan: GuestPlan, mergedRoot: (inside: String, outside: String)?) throws(GuestError) {
        kernel = plan.kernel
        root = mergedRoot?.inside
        memory = plan.memory.map { max(UInt64($0.bytes) >> 20, 1) } ?? Self.usualMemory
        let image = try plan.image.map { path throws(GuestError) in try DiskImage.inspect(path) }
        var modules = KernelModules(places: [])
        var architecture = MachineArchitecture.own
        if let path = plan.kernel {
            let kernel = try KernelFile.inspect(path)
            architecture = kernel.architecture
            modules = KernelModules(
                places: KernelModules.places(kernel: path, release: kernel.release, root: mergedRoot?.outside),
                root: mergedRoot?.outside
            )
        }
        self.architecture = architecture
        program = try HostProgram.require(architecture.program, package: architecture.package)
        firmware = plan.kernel == nil ? try Self.firmware(architecture) : nil
        boot = try BootPlan.decide(
            plan: plan,
            image: image,
            has: modules.has,
            hasVirtiofsd: HostProgram.virtiofsd != nil
        )
        if plan.root != nil, plan.kernel != nil, mergedRoot == nil { throw GuestError("its root is not mounted") }
        initialRAMDisk = try Self.initialRAMDisk(plan, boot, architecture, modules, mergedRoot?.outside)
        (disk, diskCommand) = try Self.disk(plan, image)
    }

    private static func firmware(_ architecture: MachineArchitecture) throws(GuestError) -> String? {
        guard let places = architecture.firmware else { return nil }
        guard let path = places.first(where: { (try? FileStatus(path: $0)) != nil }) else {
            throw GuestError(
                "no firmware to boot an image for \(architecture.name) with: \(places[0]) is missing; Debian: apt-get "
                    + "install qemu-efi-aarch64",
                status: 4
            )
        }
        return path
    }

    private static func initialRAMDisk(
        _ plan: GuestPlan,
        _ boot: BootPlan,
        _ architecture: MachineArchitecture,
        _ modules: KernelModules,
        _ root: String?
    ) throws(GuestError) -> SharedDescriptor? {
        do {
            if boot.root == .own {
                guard let path = plan.initialRAMDisk else { return nil }
                return SharedDescriptor(try OwnedDescriptor.open(path, flags: O_RDONLY))
            }
            let disk = try AgentProgram.initialRAMDisk(
                plan: ["channel=virtio:etherloom.agent"] + boot.words + plan.agentWords(),
                modules: modules.load(
                    boot.modules + BootPlan.networkModules(try BootPlan.networkModel(plan.arguments))
                ),
                machine: architecture == .own ? nil : architecture.name
            )
            // The kernel unpacks archives that follow one another, each at a multiple of four bytes; a later file wins.
            var bytes: [UInt8] = []
            if let path = plan.initialRAMDisk { bytes = try FileSystem.contents(path, limit: 1 << 30) }
            while bytes.count % 4 != 0 { bytes.append(0) }
            if boot.root == .packed, let root { bytes += try PackedRoot.archive(root) }
            bytes += disk.archive
            let file = try MemoryFile.create(name: "etherloom-initrd", byteCount: bytes.count)
            try file.writeAll(bytes)
            return SharedDescriptor(file)
        } catch let error as GuestError {
            throw error
        } catch {
            throw GuestError("initial RAM disk: \(error)")
        }
    }

    /// A guest's own disk is beside the roots of other guests: `host/GUEST/disk.qcow2` of the lab.
    static func disk(_ plan: GuestPlan, _ image: DiskImage?) throws(GuestError) -> (String?, [String]?) {
        guard let image, let path = plan.image else { return (nil, nil) }
        let directory = plan.changesDirectory
        let disk = directory + "/disk.qcow2"
        do {
            let absolute = try FileSystem.canonicalPath(path)
            try makeDirectories(directory)
            let present = (try? FileStatus(path: disk)) != nil
            let overlay = present ? DiskImage(head: try FileSystem.contents(disk, limit: 65536)) : nil
            return (
                disk,
                try DiskImage.prepare(overlayPath: disk, overlay: overlay, image: absolute, format: image.format)
            )
        } catch let error as GuestError {
            throw error
        } catch {
            throw GuestError("\(disk): \(error)")
        }
    }

    private static func makeDirectories(_ path: String) throws(Errno) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/\(part)"
            if (try? FileStatus(path: made)) != nil { continue }
            do throws(Errno) {
                try FileSystem.makeDirectory(made, mode: 0o755)
            } catch  where error == .exists {
                continue
            }
        }
    }
}
