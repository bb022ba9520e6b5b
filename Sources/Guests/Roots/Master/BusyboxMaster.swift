// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// A root of a few files: the host's busybox, its names, and what such a system needs in /etc.
enum BusyboxMaster {
    /// Fills an empty directory.
    static func create(_ path: String) throws(GuestError) {
        guard let program = ProgramSearch.path("busybox") else {
            throw GuestError("busybox is missing; as root: apt-get install busybox-static", status: 4)
        }
        guard isStatic(program) else {
            throw GuestError(
                "\(program) needs libraries, which the master would not have; as root: apt-get install busybox-static",
                status: 4
            )
        }
        guard let list = DebianMaster.output([program, "--list"]) else {
            throw GuestError("\(program): does not list its names")
        }
        let names = String(decoding: list, as: UTF8.self).split(separator: "\n").map(String.init)
        do throws(Errno) {
            for name in ["bin", "dev", "etc", "home", "mnt", "proc", "root", "run", "sys", "tmp", "usr", "var"] {
                try FileSystem.makeDirectory("\(path)/\(name)", mode: 0o755)
            }
            try FileSystem.setMode("\(path)/tmp", 0o1777)
            try FileSystem.setMode("\(path)/root", 0o700)
            for (name, target) in [
                ("sbin", "bin"), ("usr/bin", "../bin"), ("usr/sbin", "../bin"), ("var/run", "../run"),
                ("var/tmp", "../tmp"), ("etc/mtab", "../proc/self/mounts"),
            ] { try FileSystem.makeLink("\(path)/\(name)", to: target) }
            try copy(program, to: "\(path)/bin/busybox")
            for name in names where name != "busybox" && !name.contains("/") {
                try FileSystem.makeLink("\(path)/bin/\(name)", to: "busybox")
            }
            if !names.contains("init") { try FileSystem.makeLink("\(path)/bin/init", to: "busybox") }
            for (name, text) in files { try write(text, to: "\(path)/etc/\(name)") }
        } catch {
            throw GuestError("\(path): \(RootDirectories.reason(error))")
        }
    }

    private static let files = [
        ("passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
        ("group", "root:x:0:\nnogroup:x:65534:\n"),
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
        ("resolv.conf", ""),
        ("profile", "export PATH=/bin\nexport PS1='\\h:\\w\\$ '\n"),
        (
            "inittab",
            """
            ::sysinit:/bin/mount -t proc proc /proc
            ::sysinit:/bin/mount -t sysfs sysfs /sys
            ::sysinit:/bin/mount -t tmpfs tmpfs /run
            ::sysinit:/bin/ip link set lo up
            ::respawn:-/bin/sh
            ::ctrlaltdel:/bin/poweroff
            ::shutdown:/bin/umount -a -r

            """
        ),
    ]

    private static func copy(_ source: String, to target: String) throws(Errno) {
        let bytes = try FileSystem.contents(source, limit: 64 << 20)
        let into = try OwnedDescriptor.open(target, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o755)
        try into.writeAll(bytes)
        try FileSystem.setMode(target, 0o755)
    }

    private static func write(_ text: String, to path: String) throws(Errno) {
        let file = try OwnedDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        try file.writeAll(Array(text.utf8))
    }

    /// Whether an ELF program asks for no interpreter: elf(5), PT_INTERP. Of 64 or 32 bits, of this machine's byte order.
    static func isStatic(_ path: String) -> Bool {
        guard let head = try? FileSystem.contents(path, limit: 4096), head.count >= 64,
            head.starts(with: [0x7f, 0x45, 0x4c, 0x46])
        else { return false }
        let isWide = head[4] == 2
        func number(_ offset: Int, _ count: Int) -> Int {
            guard offset >= 0, offset + count <= head.count else { return 0 }
            return (0..<count).reduce(0) { $0 | Int(head[offset + $1]) << (8 * $1) }
        }
        let table = isWide ? number(32, 4) : number(28, 4)
        let size = isWide ? number(54, 2) : number(42, 2)
        let count = isWide ? number(56, 2) : number(44, 2)
        guard size >= 32, count > 0 else { return false }
        return !(0..<count).contains { number(table + $0 * size, 4) == 3 }
    }
}
