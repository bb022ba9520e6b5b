// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// What stat(2) says of a file.
public struct FileStatus: Sendable, Equatable {
    public let device: UInt64
    public let inode: UInt64
    /// Type and permission bits.
    public let mode: UInt32
    public let userID: UInt32
    public let groupID: UInt32
    public let deviceNumber: UInt64
    /// Last change of the contents, nanoseconds since 1970.
    public let modifiedNanoseconds: Int64

    public var isSocket: Bool { mode & 0o170000 == 0o140000 }
    public var isDirectory: Bool { mode & 0o170000 == 0o040000 }
    public var isPipe: Bool { mode & 0o170000 == 0o010000 }
    /// It can be waited for with epoll(7): no file.
    public var isPollable: Bool { isSocket || isPipe || isCharacterDevice && deviceNumber != 0x103 }
    public var isRegularFile: Bool { mode & 0o170000 == 0o100000 }
    public var isCharacterDevice: Bool { mode & 0o170000 == 0o020000 }

    /// Of what the path leads to, or of a symbolic link itself when not followed.
    public init(path: String, followLinks: Bool = true) throws(Errno) {
        var status = cel_status()
        try systemCall { unsafe cel_stat(path, followLinks ? 1 : 0, &status) }
        self.init(status)
    }

    public init(_ descriptor: borrowing OwnedDescriptor) throws(Errno) {
        var status = cel_status()
        let fd = descriptor.rawValue
        try systemCall { unsafe cel_fstat(fd, &status) }
        self.init(status)
    }

    /// Of a descriptor that somebody else owns.
    public init(descriptor: Int32) throws(Errno) {
        var status = cel_status()
        try systemCall { unsafe cel_fstat(descriptor, &status) }
        self.init(status)
    }

    private init(_ status: cel_status) {
        device = status.device
        inode = status.inode
        mode = status.mode
        userID = status.uid
        groupID = status.gid
        deviceNumber = status.device_number
        modifiedNanoseconds = status.modified_nanoseconds
    }
}

/// Files and directories, for the control plane.
public enum FileSystem {
    public static func makeDirectory(_ path: String, mode: UInt32) throws(Errno) {
        try call { unsafe mkdir(path, mode) }
    }
    public static func removeDirectory(_ path: String) throws(Errno) { try call { unsafe rmdir(path) } }
    public static func remove(_ path: String) throws(Errno) { try call { unsafe unlink(path) } }
    public static func rename(_ path: String, to newPath: String) throws(Errno) {
        try call { unsafe Glibc.rename(path, newPath) }
    }
    public static func setMode(_ path: String, _ mode: UInt32) throws(Errno) { try call { unsafe chmod(path, mode) } }
    /// Changes owner and group; `UInt32.max` leaves one as it is.
    public static func setOwner(_ path: String, user: UInt32, group: UInt32) throws(Errno) {
        try call { unsafe lchown(path, user, group) }
    }

    /// A new symbolic link.
    public static func makeLink(_ path: String, to target: String) throws(Errno) {
        try call { unsafe symlink(target, path) }
    }
    /// What a symbolic link says; readlink(2).
    public static func linkTarget(_ path: String) throws(Errno) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = unsafe readlink(path, &buffer, buffer.count)
        guard length >= 0 else { throw Errno(rawValue: errno) }
        return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether this process may read a file; access(2).
    public static func isReadable(_ path: String) -> Bool { unsafe access(path, R_OK) == 0 }

    /// The absolute path without symbolic links; realpath(3).
    public static func canonicalPath(_ path: String) throws(Errno) -> String {
        guard let resolved = unsafe realpath(path, nil) else { throw Errno(rawValue: errno) }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// The names in a directory, without `.` and `..`.
    public static func names(in path: String) throws(Errno) -> [String] {
        guard let directory = unsafe opendir(path) else { throw Errno(rawValue: errno) }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Makes a file of this text, over one that is there.
    public static func write(_ text: String, to path: String, mode: UInt32 = 0o644) throws(Errno) {
        let file = try OwnedDescriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
        try file.writeAll(text.utf8)
    }

    /// Takes the only lock of a file, flock(2), until the descriptor is closed: false when somebody else has it.
    public static func tryLock(_ file: borrowing OwnedDescriptor) throws(Errno) -> Bool {
        while flock(file.rawValue, LOCK_EX | LOCK_NB) < 0 {
            let error = Errno(rawValue: errno)
            if error == .wouldBlock { return false }
            if error != .interrupted { throw error }
        }
        return true
    }

    /// Removes a directory with all that is in it, or a file. Follows no link. What somebody else removes meanwhile is gone
    /// too.
    public static func removeTree(_ path: String) throws(Errno) {
        do throws(Errno) {
            guard try FileStatus(path: path, followLinks: false).isDirectory else { return try remove(path) }
            for name in try names(in: path) { try removeTree("\(path)/\(name)") }
            try removeDirectory(path)
        } catch {
            if error != .noEntry { throw error }
        }
    }

    /// How long a file is, in bytes; the next write without `O_APPEND` goes to its end.
    public static func byteCount(_ file: borrowing OwnedDescriptor) throws(Errno) -> Int {
        let fd = file.rawValue
        let end = lseek(fd, 0, SEEK_END)
        guard end >= 0 else { throw Errno(rawValue: errno) }
        return Int(end)
    }

    /// A small file's contents, at most `limit` bytes.
    public static func contents(_ path: String, limit: Int = 1 << 20) throws(Errno) -> [UInt8] {
        try contents(OwnedDescriptor.open(path, flags: O_RDONLY), limit: limit)
    }

    /// What comes by standard input until its end. Unlike /dev/stdin it may be a socket, as sshd gives one, or another user's.
    public static func standardInput(limit: Int = 1 << 20) throws(Errno) -> [UInt8] {
        try contents(OwnedDescriptor.duplicate(of: 0), limit: limit)
    }

    private static func contents(_ file: consuming OwnedDescriptor, limit: Int) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < limit {
            do throws(Errno) {
                let part = try file.read(atMost: min(65536, limit - bytes.count))
                if part.isEmpty { break }
                bytes += part
            } catch .wouldBlock {
                _ = try Poll.isReadable(file.rawValue, deadline: nil)
            }
        }
        return bytes
    }

    private static func call(_ body: () -> Int32) throws(Errno) {
        while body() < 0 {
            let error = Errno(rawValue: errno)
            if error != .interrupted { throw error }
        }
    }
}
