// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A directory as an initial RAM disk: for kernels that can have no directory of the host as their root.
enum PackedRoot {
    /// Most bytes that are copied.
    static let limit = 1 << 30

    static func archive(_ root: String) throws(GuestError) -> [UInt8] {
        var disk = InitialRAMDisk()
        do throws(Errno) {
            try add("", of: root, to: &disk)
        } catch {
            let reason = error == .messageTooLarge ? "it is larger than 1 GiB" : "\(error)"
            throw GuestError("\(root) cannot be copied into memory: \(reason)")
        }
        return disk.archive
    }

    private static func add(_ path: String, of root: String, to disk: inout InitialRAMDisk) throws(Errno) {
        for name in try FileSystem.names(in: root + path).sorted() {
            let inner = path + "/" + name
            let status = try FileStatus(path: root + inner, followLinks: false)
            switch status.mode & 0o170000 {
            case 0o040000:
                disk.addDirectory(inner, mode: status.mode & 0o7777)
                try add(inner, of: root, to: &disk)
            case 0o100000:
                let contents = try FileSystem.contents(root + inner, limit: limit)
                disk.addFile(inner, mode: status.mode & 0o7777, contents: contents)
            case 0o120000: disk.addLink(inner, to: try FileSystem.linkTarget(root + inner))
            // Devices and sockets are made by whoever needs them.
            default: break
            }
            guard disk.bytes.count < limit else { throw .messageTooLarge }
        }
    }
}
