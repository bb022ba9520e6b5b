// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A program of the host that a virtual machine needs.
public enum HostProgram {
    /// Its path: in PATH, or in one of the places where packages put what is no command.
    public static func find(_ name: String, also places: [String] = []) -> String? {
        let path = CurrentProcess.environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin"
        let directories = path.split(separator: ":").map(String.init)
        return (directories.map { "\($0)/\(name)" } + places).first { path in
            guard let status = try? FileStatus(path: path) else { return false }
            return status.isRegularFile && status.mode & 0o111 != 0
        }
    }

    static func require(_ name: String, package: String) throws(GuestError) -> String {
        guard let path = find(name) else {
            throw GuestError("\(name) is not installed; Debian: apt-get install \(package)", status: 4)
        }
        return path
    }

    /// The server of virtio file systems, of QEMU's own until version 7, a project of its own since.
    public static var virtiofsd: String? {
        find("virtiofsd", also: ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd"])
    }

    /// The package that has it on this host.
    public static var virtiofsdPackage: String {
        let places = ["/etc/os-release", "/usr/lib/os-release"]
        let bytes = places.lazy.compactMap { try? FileSystem.contents($0, limit: 65536) }.first ?? []
        return virtiofsdPackage(ofHost: String(decoding: bytes, as: UTF8.self))
    }

    /// The same by os-release(5): Debian before 13 and Ubuntu before 24.04 have it with QEMU.
    static func virtiofsdPackage(ofHost release: String) -> String {
        var values: [Substring: String] = [:]
        for line in release.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { values[parts[0]] = parts[1].filter { $0 != "\"" && $0 != "'" } }
        }
        let version = values["VERSION_ID"].flatMap { Int($0.prefix { $0.isNumber }) }
        let first = ["debian": 13, "ubuntu": 24][values["ID"] ?? ""]
        guard let version, let first, version < first else { return "virtiofsd" }
        return "qemu-system-common"
    }
}
