// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// An initial RAM disk: a cpio archive of the kind "newc", as the kernel's Documentation/driver-api/early-userspace/
/// buffer-format.rst describes it. Several one after the other are one.
public struct InitialRAMDisk: Sendable {
    public private(set) var bytes: [UInt8] = []
    private var nextInode: UInt32 = 1
    private var directories: Set<String> = []

    public init() {}

    private enum FileType: UInt32 {
        case directory = 0o040000
        case regular = 0o100000
        case link = 0o120000
        case characterDevice = 0o020000
    }

    /// A file at an absolute or relative path; directories above it are made.
    public mutating func addFile(_ path: String, mode: UInt32 = 0o644, contents: [UInt8]) {
        addEntry(path, type: .regular, mode: mode, contents: contents)
    }

    public mutating func addDirectory(_ path: String, mode: UInt32 = 0o755) {
        let name = Self.name(path)
        guard !name.isEmpty, directories.insert(name).inserted else { return }
        addEntry(path, type: .directory, mode: mode, contents: [])
    }

    public mutating func addLink(_ path: String, to target: String) {
        addEntry(path, type: .link, mode: 0o777, contents: Array(target.utf8))
    }

    public mutating func addCharacterDevice(_ path: String, mode: UInt32 = 0o600, major: UInt32, minor: UInt32) {
        addEntry(path, type: .characterDevice, mode: mode, contents: [], device: (major, minor))
    }

    /// The whole archive, with its end.
    public var archive: [UInt8] {
        var whole = self
        whole.append(name: "TRAILER!!!", mode: 0, inode: 0, contents: [], device: (0, 0))
        return whole.bytes
    }

    /// The archive in a file that is only in memory: `/proc/self/fd/N` of a program that gets it.
    public func memoryFile() throws(Errno) -> OwnedDescriptor {
        let archive = archive
        let file = try MemoryFile.create(name: "etherloom-initrd", byteCount: archive.count)
        try file.writeAll(archive)
        return file
    }

    private static func name(_ path: String) -> String {
        path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }

    private mutating func addEntry(
        _ path: String,
        type: FileType,
        mode: UInt32,
        contents: [UInt8],
        device: (UInt32, UInt32) = (0, 0)
    ) {
        let name = Self.name(path)
        if let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")) { addDirectory(String(name[..<slash])) }
        append(name: name, mode: type.rawValue | mode, inode: nextInode, contents: contents, device: device)
        nextInode += 1
    }

    private mutating func append(name: String, mode: UInt32, inode: UInt32, contents: [UInt8], device: (UInt32, UInt32))
    {
        let isDirectory = mode & 0o170000 == FileType.directory.rawValue
        bytes += Array("070701".utf8)
        let fields: [UInt32] = [
            inode, mode, 0, 0, isDirectory ? 2 : 1, 0, UInt32(clamping: contents.count), 0, 0, device.0, device.1,
            UInt32(clamping: name.utf8.count + 1), 0,
        ]
        for field in fields {
            let text = String(field, radix: 16)
            bytes += [UInt8](repeating: UInt8(ascii: "0"), count: 8 - text.utf8.count) + Array(text.utf8)
        }
        bytes += Array(name.utf8) + [0]
        pad()
        bytes += contents
        pad()
    }

    private mutating func pad() {
        while bytes.count % 4 != 0 { bytes.append(0) }
    }
}
