// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A program of the host that a virtual machine needs.
enum HostProgram {
    /// Its path: in PATH, or in one of the places where packages put what is no command.
    static func find(_ name: String, also places: [String] = []) -> String? {
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
    static var virtiofsd: String? {
        find("virtiofsd", also: ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd"])
    }
}
