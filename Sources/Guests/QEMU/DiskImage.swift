// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// A disk image, as far as one must know it to lay another one over it.
struct DiskImage: Equatable {
    enum Format: String {
        case raw, qcow2, vmdk, vdi, vpc, vhdx, qed
    }

    let format: Format
    /// What a qcow2 image is laid over, as it says.
    let backing: String?
    /// A file system of the family ext begins with the disk: there is no table of partitions.
    let isFileSystem: Bool
    /// A raw image whose first sector is no boot sector: firmware finds nothing there.
    let isUnbootable: Bool

    /// - Parameter head: the file's first 64 KiB.
    init(head: [UInt8]) {
        func begins(_ text: String, at offset: Int = 0) -> Bool {
            head.dropFirst(offset).starts(with: Array(text.utf8))
        }
        isFileSystem = head.count > 1081 && head[1080] == 0x53 && head[1081] == 0xef
        var backing: String?
        if head.starts(with: [0x51, 0x46, 0x49, 0xfb]) {
            // docs/interop/qcow2.rst: bytes 8 to 15 where the backing file's name is, 16 to 19 its length.
            format = .qcow2
            let offset = head.dropFirst(8).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
            let count = head.dropFirst(16).prefix(4).reduce(0) { $0 << 8 | UInt64($1) }
            if offset > 0, count > 0, count < 1024, offset < 65536, Int(offset + count) <= head.count {
                backing = String(decoding: head[Int(offset)..<Int(offset + count)], as: UTF8.self)
            }
        } else if begins("KDMV") || begins("# Disk DescriptorFile") {
            format = .vmdk
        } else if begins("<<< ") {
            format = .vdi
        } else if begins("conectix") {
            format = .vpc
        } else if begins("vhdxfile") {
            format = .vhdx
        } else if begins("QED\0") {
            format = .qed
        } else {
            format = .raw
        }
        self.backing = backing
        let hasBootSector = head.count > 511 && head[510] == 0x55 && head[511] == 0xaa
        isUnbootable = format == .raw && !hasBootSector
    }

    static func inspect(_ path: String) throws(GuestError) -> DiskImage {
        do {
            guard try FileStatus(path: path).isDirectory == false else {
                throw GuestError("image \(path) is a directory; a root directory is given by master:")
            }
            return DiskImage(head: try FileSystem.contents(path, limit: 65536))
        } catch let error as GuestError {
            throw error
        } catch {
            throw GuestError("image \(path): \(error)")
        }
    }

    /// The command that makes the guest's own disk right: makes it, or tells it where its image is now; nil when it is.
    ///
    /// - Parameters:
    ///   - overlay: what the guest changes, nil where there is none yet.
    ///   - image: what it is laid over, an absolute path.
    static func prepare(
        overlayPath: String,
        overlay: DiskImage?,
        image: String,
        format: Format
    ) throws(GuestError) -> [String]? {
        guard let overlay else {
            // Small clusters: an untouched disk takes 20 KB instead of 200, and a small change little more.
            return [
                "qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4096", "-F", format.rawValue, "-b",
                image,
                overlayPath,
            ]
        }
        guard overlay.format == .qcow2 else {
            throw GuestError("\(overlayPath) is no disk of a guest (qcow2); move it away")
        }
        if overlay.backing == image { return nil }
        // The lab was moved, or the image: what the guest has changed is kept.
        return ["qemu-img", "rebase", "-q", "-u", "-F", format.rawValue, "-b", image, overlayPath]
    }
}
