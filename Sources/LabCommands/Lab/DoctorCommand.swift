// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Guests
import LinuxSystem
import Model

/// `etherloom doctor`: what this host can and cannot, how to mend it, and what a crash has left.
struct DoctorCommand: ParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "doctor",
            abstract: "Say what this host can and cannot, how to mend it, and sweep what a crash has left.",
            discussion: "Ends with 4 when not even guests of kind process can run."
        )
    }

    @Flag(name: .customLong("fix"), help: "Remove what is left of labs whose keepers were killed.")
    var fixes = false
    @OptionGroup var format: FormatOption

    mutating func run() throws {
        let findings = HostCheck.all()
        let leftovers = Leftovers.find()
        if fixes { for leftover in leftovers { try leftover.remove() } }
        let json: JSON = [
            "checks": .array(findings.map(\.json)),
            "leftovers": .texts(leftovers.map(\.directory)), "swept": .boolean(fixes),
        ]
        try format.print(json) {
            findings.map { "\($0.line)\n" }.joined()
                + leftovers.map {
                    fixes
                        ? "swept    \($0.directory) (lab \"\($0.lab)\")\n"
                        : "left     \($0.directory) (lab \"\($0.lab)\"); remove it: etherloom doctor --fix\n"
                }.joined()
        }
        if findings.contains(where: { !$0.isFine && $0.isNeeded }) { throw ExitCode(ExitStatus.unsupported) }
    }
}

/// One thing that a host has or lacks.
struct HostCheck {
    let name: String
    let isFine: Bool
    /// Nothing works without it.
    let isNeeded: Bool
    /// What was found.
    let note: String
    /// What to do when it is not fine.
    let mend: String

    var line: String {
        let mark = isFine ? "ok      " : isNeeded ? "MISSING " : "missing "
        return "\(mark) \(name): \(note)" + (isFine || mend.isEmpty ? "" : "; \(mend)")
    }

    var json: JSON {
        [
            "name": .string(name), "fine": .boolean(isFine), "needed": .boolean(isNeeded), "note": .string(note),
            "mend": .string(mend),
        ]
    }

    static func all() -> [HostCheck] {
        [
            kernel, userNamespaces, restriction, landlock, tun, overlay, subordinate,
        ] + machines + [runtime]
    }

    private static func text(_ path: String) -> String? {
        guard let bytes = try? FileSystem.contents(path, limit: 4096) else { return nil }
        return String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)
    }

    private static var kernel: HostCheck {
        let release = text("/proc/sys/kernel/osrelease") ?? "?"
        let parts = release.split { !$0.isNumber }.compactMap { Int($0) }
        let isFine = parts.count >= 2 && (parts[0], parts[1]) >= (5, 11)
        return HostCheck(
            name: "kernel",
            isFine: isFine,
            isNeeded: true,
            note: release,
            mend: "5.11 is the first that mounts overlays in user namespaces"
        )
    }

    private static var userNamespaces: HostCheck {
        let count = text("/proc/sys/user/max_user_namespaces").flatMap { Int($0) } ?? 0
        let isAllowed = text("/proc/sys/kernel/unprivileged_userns_clone") != "0"
        return HostCheck(
            name: "user namespaces",
            isFine: count > 0 && (isAllowed || CurrentProcess.userID == 0),
            isNeeded: true,
            note: isAllowed ? "up to \(count)" : "for root only",
            mend: "as root: sysctl user.max_user_namespaces=65536 kernel.unprivileged_userns_clone=1"
        )
    }

    private static var restriction: HostCheck {
        let isRestricted = text("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1"
        return HostCheck(
            name: "rights in user namespaces",
            isFine: !isRestricted || CurrentProcess.userID == 0,
            isNeeded: true,
            note: isRestricted ? "AppArmor takes them away" : "not restricted",
            mend: "as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        )
    }

    private static var landlock: HostCheck {
        let version = Privileges.landlockVersion
        return HostCheck(
            name: "Landlock",
            isFine: version > 0,
            isNeeded: false,
            note: version > 0 ? "version \(version)" : "not there: a lab's fabric has seccomp alone",
            mend: "boot with landlock in lsm="
        )
    }

    private static var tun: HostCheck {
        device("/dev/net/tun", isNeeded: true, "as root: modprobe tun; chmod 666 /dev/net/tun")
    }

    private static var overlay: HostCheck {
        let list = (try? FileSystem.contents("/proc/filesystems")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let isThere = list.contains("overlay") || (try? FileStatus(path: "/sys/module/overlay")) != nil
        return HostCheck(
            name: "overlayfs",
            isFine: isThere,
            isNeeded: false,
            note: isThere ? "there" : "not loaded",
            mend: "copy-on-write roots need it; as root: modprobe overlay"
        )
    }

    private static var subordinate: HostCheck {
        let user = CurrentProcess.userName(CurrentProcess.userID)
        let list = (try? FileSystem.contents("/etc/subuid")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let has = list.split(separator: "\n").contains {
            $0.hasPrefix("\(user):") || $0.hasPrefix("\(CurrentProcess.userID):")
        }
        let canMap = ["/usr/bin/newuidmap", "/bin/newuidmap"].contains { (try? FileStatus(path: $0)) != nil }
        return HostCheck(
            name: "sub-uids",
            isFine: has && canMap || CurrentProcess.userID == 0,
            isNeeded: false,
            note: has ? (canMap ? "granted" : "granted, but newuidmap is missing") : "none for \(user)",
            mend: "guests have one user without them; as root: apt install uidmap; "
                + "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \(user)"
        )
    }

    /// A device that is to open for reading and writing.
    private static func device(_ path: String, isNeeded: Bool, _ mend: String) -> HostCheck {
        let isFine = (try? OwnedDescriptor.open(path, flags: O_RDWR)) != nil
        return HostCheck(
            name: path,
            isFine: isFine,
            isNeeded: isNeeded,
            note: isFine ? "opens" : "does not open",
            mend: mend
        )
    }

    private static var runtime: HostCheck {
        let directory = LabPlaces.userDirectory
        // What follows is an identifier of eight digits, a segment's name, and a socket's.
        let left = UnixSocketAddress.maximumPathByteCount - directory.utf8.count - "/01234567/s//attach".utf8.count
        return HostCheck(
            name: "runtime directory",
            isFine: left >= 15,
            isNeeded: false,
            note: "\(directory), \(left) bytes left for a segment's name",
            mend: "set XDG_RUNTIME_DIR to a shorter path"
        )
    }
}

/// What a lab whose keeper was killed has left.
struct Leftovers {
    let directory: String
    let lab: String

    static func find() -> [Leftovers] {
        let user = LabPlaces.userDirectory
        return ((try? FileSystem.names(in: user)) ?? []).sorted().compactMap { name in
            let files = RuntimeFiles(directory: "\(user)/\(name)")
            // Ours only: with our mark, and nobody behind it.
            guard let owner = files.owner(), (try? KeeperClient(runtimeDirectory: files.directory)) == nil,
                !isStarting(files)
            else { return nil }
            return Leftovers(directory: files.directory, lab: owner.name)
        }
    }

    /// A keeper that does not listen yet has its process file already.
    private static func isStarting(_ files: RuntimeFiles) -> Bool {
        guard let bytes = try? FileSystem.contents(files.keeperProcess, limit: 32),
            let process = Int32(String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self))
        else { return false }
        // proc(5): the state is behind the name, which is in parentheses. One that is dead may not have been waited for.
        guard let status = try? FileSystem.contents("/proc/\(process)/stat", limit: 4096) else { return false }
        let state = String(decoding: status, as: UTF8.self).split(separator: ")").last?.split(separator: " ").first
        return state != "Z" && state != "X"
    }

    func remove() throws {
        RuntimeFiles(directory: directory).sweepBridges()
        do throws(Errno) {
            try Self.remove(directory, depth: 0)
        } catch {
            throw Failure("\(directory): \(error)")
        }
    }

    private static func remove(_ path: String, depth: Int) throws(Errno) {
        let status = try FileStatus(path: path, followLinks: false)
        guard status.isDirectory, depth < 4 else { return try FileSystem.remove(path) }
        for name in try FileSystem.names(in: path) { try remove("\(path)/\(name)", depth: depth + 1) }
        try FileSystem.removeDirectory(path)
    }
}
