// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization

/// A program that is to be a UML kernel: what can be known before it runs.
struct UMLKernel: Equatable {
    let path: String
    /// `7.2.7`; empty where it does not say.
    var release = ""
    var takesSeccomp = false

    /// Machine numbers of ELF, elf.h.
    private static let machines: [UInt16: String] = [
        3: "i386", 40: "ARM", 62: "x86_64", 183: "aarch64", 243: "RISC-V", 21: "PowerPC", 22: "S/390", 8: "MIPS",
    ]

    /// Looks at a file. Throws what a user is to know when it cannot be one.
    init(inspecting path: String) throws(GuestError) {
        let name = "kernel \(path)"
        let bytes: [UInt8]
        do {
            guard try FileStatus(path: path).isRegularFile else { throw GuestError("\(name): not a file", status: 2) }
            bytes = try FileSystem.contents(path, limit: 256 << 20)
        } catch let error as Errno {
            throw GuestError(
                error == .noEntry
                    ? "\(name) does not exist; Debian has one in the package user-mode-linux (/usr/bin/linux.uml)"
                    : "\(name): \(error)",
                status: 2
            )
        } catch let error as GuestError {
            throw error
        } catch {
            throw GuestError("\(name): \(error)")
        }
        guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]), bytes.count > 64 else {
            throw GuestError("\(name): not a program (no ELF file); a UML kernel is one", status: 2)
        }
        let machine = UInt16(bytes[18]) | UInt16(bytes[19]) << 8
        guard machine == Self.ownMachine else {
            let other = Self.machines[machine] ?? "machine \(machine)"
            let own = Self.machines[Self.ownMachine] ?? "machine \(Self.ownMachine)"
            throw GuestError("\(name): for \(other), but this host is \(own)", status: 4)
        }
        // The default is a link to a kernel, whose modules lie where it is itself.
        self.path = (try? FileSystem.canonicalPath(path)) ?? path
        // What only a UML kernel says of itself: the option that names it.
        guard ByteSearch.first("umid=<name>", in: bytes) != nil else {
            throw GuestError(
                "\(name): a program, but no User Mode Linux kernel (a kernel for machines needs kind: qemu)",
                status: 2
            )
        }
        takesSeccomp = ByteSearch.first("seccomp=<on/auto/off>", in: bytes) != nil
        if let place = ByteSearch.first("Linux version ", in: bytes) {
            let text = bytes[(place + 14)...].prefix(64).prefix { $0 > 0x20 && $0 < 0x7f }
            release = String(decoding: text, as: UTF8.self)
        }
    }

    #if arch(x86_64)
    private static let ownMachine: UInt16 = 62
    #elseif arch(arm64)
    private static let ownMachine: UInt16 = 183
    #else
    private static let ownMachine: UInt16 = 0
    #endif

    /// First two numbers of the release; nil where it does not say.
    var version: (major: Int, minor: Int)? {
        let parts = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        return parts.count == 2 ? (parts[0], parts[1]) : nil
    }

    /// Kernels before this one keep less of a process's registers than a processor with AMX has, and panic when the first
    /// process runs.
    var isTooOldForAMX: Bool {
        guard let version else { return false }
        return (version.major, version.minor) < (6, 16)
    }

    static var processorHasAMX: Bool {
        guard let bytes = try? FileSystem.contents("/proc/cpuinfo", limit: 16384) else { return false }
        return ByteSearch.first("amx_tile", in: bytes) != nil
    }

    // MARK: Modules

    /// The modules that an interface by vhost-user needs, in order: from a directory beside the kernel, where its
    /// distribution puts them, or none where they are built in.
    func networkModules() -> [String] {
        let directory = path.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        if let flat = Self.flatModules("\(directory)/modules") { return flat }
        guard !release.isEmpty else { return [] }
        for place in [
            "\(directory)/lib/modules", "\(directory)/../lib/uml/modules", "/usr/lib/uml/modules", "/lib/modules",
        ] {
            let tree = "\(place)/\(release)"
            guard let text = try? FileSystem.contents("\(tree)/modules.dep", limit: 4 << 20) else { continue }
            return Self.dependencies(of: "virtio_net", in: String(decoding: text, as: UTF8.self)).map {
                "\(tree)/\($0)"
            }
        }
        return []
    }

    private static let wanted = ["failover", "net_failover", "virtio_net"]

    /// `NN-NAME.ko` or `NAME.ko` in one directory; nil when it has no virtio_net.
    private static func flatModules(_ directory: String) -> [String]? {
        guard let names = try? FileSystem.names(in: directory) else { return nil }
        let found = wanted.compactMap { module in
            names.first { name in
                let stem = name.split(separator: ".").first ?? ""
                let plain = stem.drop { $0.isNumber || $0 == "-" }
                return plain == module
            }
        }
        guard found.last.map({ $0.contains("virtio_net") }) == true else { return nil }
        return found.map { "\(directory)/\($0)" }
    }

    /// A module and what it needs, which comes first: modules.dep(5) lists it the other way round.
    static func dependencies(of module: String, in text: String) -> [String] {
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let file = parts[0].split(separator: "/").last,
                file.split(separator: ".").first.map(String.init) == module
            else { continue }
            return parts[1].split(separator: " ").reversed().map(String.init) + [String(parts[0])]
        }
        return []
    }

    /// Files are big and do not change: looked at once.
    private static let known = Mutex<[String: (status: FileStatus, kernel: UMLKernel)]>([:])

    /// As `init(inspecting:)`, remembered for the same file.
    static func at(_ path: String) throws(GuestError) -> UMLKernel {
        let status = try? FileStatus(path: path)
        if let status, let entry = known.withLock({ $0[path] }), entry.status == status { return entry.kernel }
        let kernel = try UMLKernel(inspecting: path)
        if let status { known.withLock { $0[path] = (status, kernel) } }
        return kernel
    }
}
