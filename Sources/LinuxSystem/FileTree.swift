// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A name in a directory: bytes, of no encoding that one could rely on.
public struct FileName: Sendable, Hashable, CustomStringConvertible {
    /// Ended by NUL.
    let bytes: [CChar]

    public init(_ text: String) { bytes = Array(text.utf8CString) }
    fileprivate init(terminated bytes: [CChar]) { self.bytes = bytes }

    /// From bytes without a NUL.
    public init(bytes: some Sequence<UInt8>) { self.bytes = bytes.map { CChar(bitPattern: $0) } + [0] }

    /// Without its first bytes.
    public func dropping(_ count: Int) -> FileName {
        FileName(terminated: Array(bytes.dropLast().dropFirst(count)) + [0])
    }

    /// Names of directories, one in the other, and of what is in the last: a path.
    public static func path(_ names: [FileName]) -> FileName {
        FileName(terminated: Array(names.map { $0.bytes.dropLast() }.joined(separator: [CChar(47)])) + [0])
    }

    /// For people: what is no UTF-8 is replaced.
    public var description: String {
        String(decoding: bytes.dropLast().lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Type, owner, times and size of a file, for copying it.
public struct TreeStatus: Sendable {
    var raw: cel_file_status

    public enum Kind: Sendable, Equatable {
        case directory, regular, link
        /// A device, a pipe with a name, a socket.
        case node
    }

    public var kind: Kind {
        switch raw.mode & S_IFMT {
        case S_IFDIR: .directory
        case S_IFREG: .regular
        case S_IFLNK: .link
        default: .node
        }
    }
    public var isDevice: Bool { [S_IFCHR, S_IFBLK].contains(raw.mode & S_IFMT) }
    /// Permission bits.
    public var mode: UInt32 { raw.mode & 0o7777 }
    public var size: Int { Int(clamping: raw.size) }
    public var links: Int { Int(clamping: raw.links) }
    public var userID: UInt32 { raw.uid }
    public var groupID: UInt32 { raw.gid }
    /// What makes two names one file.
    public var identity: [UInt64] { [raw.device, raw.inode] }
}

/// An open directory. What is named below is in it at that moment, wherever the directory itself was moved to.
public struct DirectoryHandle: ~Copyable, Sendable {
    let descriptor: OwnedDescriptor
    private var fd: Int32 { descriptor.rawValue }

    private init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// Follows links.
    public static func open(_ path: String) throws(Errno) -> DirectoryHandle {
        DirectoryHandle(try .open(path, flags: O_RDONLY | O_DIRECTORY))
    }

    /// A directory in this one: no link, and on the same mount (`crossesMount` otherwise).
    public func openDirectory(_ name: FileName) throws(Errno) -> DirectoryHandle {
        let fd = fd
        let opened = try systemCall { unsafe cel_open_directory_at(fd, name.bytes) }
        return DirectoryHandle(OwnedDescriptor(adopting: opened))
    }

    public func open(_ name: FileName, flags: Int32, mode: UInt32 = 0) throws(Errno) -> OwnedDescriptor {
        let fd = fd
        return OwnedDescriptor(
            adopting: try systemCall { unsafe cel_open_at(fd, name.bytes, flags | O_NOFOLLOW, mode) }
        )
    }

    /// A second handle of it.
    public func duplicate() throws(Errno) -> DirectoryHandle { DirectoryHandle(try descriptor.duplicate()) }

    /// Its names, but for `.` and `..`, from the first on.
    public func names() throws(Errno) -> [FileName] {
        let fd = fd
        _ = try systemCall { Int(lseek(fd, 0, SEEK_SET)) < 0 ? -Int(errno) : 0 }
        var names: [FileName] = []
        var buffer = [CChar](repeating: 0, count: 32768)
        while true {
            let size = buffer.count
            let count = try systemCall { unsafe cel_read_names(fd, &buffer, size) }
            if count == 0 { return names }
            for part in buffer[..<(count - 1)].split(separator: 0) { names.append(FileName(terminated: part + [0])) }
        }
    }

    public func status(_ name: FileName) throws(Errno) -> TreeStatus {
        var status = TreeStatus(raw: cel_file_status())
        try call { unsafe cel_status_at($0, name.bytes, &status.raw) }
        return status
    }

    public func removeFile(_ name: FileName) throws(Errno) { try call { unsafe cel_remove_at($0, name.bytes, 0) } }
    public func removeDirectory(_ name: FileName) throws(Errno) { try call { unsafe cel_remove_at($0, name.bytes, 1) } }
    public func makeDirectory(_ name: FileName, mode: UInt32) throws(Errno) {
        try call { unsafe cel_make_directory_at($0, name.bytes, mode) }
    }
    /// A device, pipe or socket as another one is.
    public func makeNode(_ name: FileName, as status: TreeStatus) throws(Errno) {
        try call { unsafe cel_make_node_at($0, name.bytes, status.raw.mode, status.raw.device_number) }
    }
    public func makeLink(_ name: FileName, to target: FileName) throws(Errno) {
        try call { unsafe cel_make_link_at($0, name.bytes, target.bytes) }
    }
    public func linkTarget(_ name: FileName) throws(Errno) -> FileName {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let (fd, size) = (fd, buffer.count - 1)
        let count = try systemCall { unsafe cel_read_link_at(fd, name.bytes, &buffer, size) }
        return FileName(terminated: Array(buffer[..<count]) + [0])
    }
    /// Another name for a file of `from`.
    public func makeHardLink(
        _ name: FileName,
        to old: FileName,
        in from: borrowing DirectoryHandle
    ) throws(Errno) {
        let other = from.fd
        try call { unsafe cel_hard_link(other, old.bytes, $0, name.bytes) }
    }
    public func move(_ name: FileName, to newName: FileName, in other: borrowing DirectoryHandle) throws(Errno) {
        let target = other.fd
        try call { unsafe renameat($0, name.bytes, target, newName.bytes) < 0 ? -errno : 0 }
    }

    public func setOwner(_ name: FileName, as status: TreeStatus) throws(Errno) {
        try call { unsafe cel_set_owner_at($0, name.bytes, status.raw.uid, status.raw.gid) }
    }
    /// Not for links: theirs leads elsewhere.
    public func setMode(_ name: FileName, _ mode: UInt32) throws(Errno) {
        try call { unsafe cel_set_mode_at($0, name.bytes, mode) }
    }
    public func setTimes(_ name: FileName, as status: TreeStatus) throws(Errno) {
        var raw = status.raw
        try call { unsafe cel_set_times_at($0, name.bytes, &raw) }
    }

    /// Gives it the attributes of another one.
    public func copyAttributes(from other: borrowing DirectoryHandle) throws(Errno) {
        try ExtendedAttributes.copy(from: other.fd, to: fd)
    }
    /// A note on the directory itself: an extended attribute, without its `user.`.
    public func setNote(_ name: String, _ text: String) throws(Errno) {
        let value = Array(text.utf8)
        try call { unsafe cel_set_attribute($0, "user.\(name)", value, value.count) }
    }
    /// Nil without one.
    public func note(_ name: String) -> String? {
        var value = [UInt8](repeating: 0, count: 4096)
        let count = unsafe cel_attribute(fd, "user.\(name)", &value, value.count)
        return count < 0 ? nil : String(decoding: value[..<count], as: UTF8.self)
    }
    /// All that was written to its file system is on the disk from now on.
    public func synchronize() throws(Errno) { try call { cel_sync_file_system($0) } }

    private func call(_ body: (Int32) -> Int32) throws(Errno) {
        let fd = fd
        try systemCall { body(fd) }
    }
}

extension Errno {
    /// Another file system, or another mount of the same.
    public static var crossesMount: Errno { Errno(rawValue: EXDEV) }
    public static var noSpace: Errno { Errno(rawValue: ENOSPC) }
    public static var isDirectory: Errno { Errno(rawValue: EISDIR) }
}
