// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Facts about the running process and its users.
public enum CurrentProcess {
    public static var id: Int32 { getpid() }
    public static var userID: UInt32 { geteuid() }
    public static var groupID: UInt32 { getegid() }

    /// The group that signals of a terminal go to.
    public static var processGroup: Int32 { getpgrp() }
    /// Makes a process group with this process as its leader.
    public static func leadGroup() { _ = cel_new_group() }

    /// The login name of a user, or its number when it has none.
    public static func userName(_ userID: UInt32) -> String {
        var record = unsafe passwd()
        var result: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 4096)
        let status = unsafe getpwuid_r(userID, &record, &buffer, buffer.count, &result)
        guard status == 0, unsafe result != nil, let name = unsafe record.pw_name else { return String(userID) }
        return unsafe String(cString: name)
    }

    /// The number of a user or group given by name or number.
    public static func userID(named name: String) -> UInt32? {
        if let number = UInt32(name) { return number }
        guard let record = unsafe getpwnam(name) else { return nil }
        return unsafe record.pointee.pw_uid
    }

    public static func groupID(named name: String) -> UInt32? {
        if let number = UInt32(name) { return number }
        guard let record = unsafe getgrnam(name) else { return nil }
        return unsafe record.pointee.gr_gid
    }

    /// The name of a group, or its number when it has none.
    public static func groupName(_ groupID: UInt32) -> String {
        guard let record = unsafe getgrgid(groupID), let name = unsafe record.pointee.gr_name else {
            return String(groupID)
        }
        return unsafe String(cString: name)
    }

    /// Whether the user database counts a user among a group's members, his own group included; getgrouplist(3).
    public static func isUser(_ userID: UInt32, memberOf groupID: UInt32) -> Bool {
        guard let record = unsafe getpwuid(userID), let name = unsafe record.pointee.pw_name else { return false }
        let own = unsafe record.pointee.pw_gid
        var groups = [gid_t](repeating: 0, count: 256)
        var count = Int32(groups.count)
        if unsafe getgrouplist(name, own, &groups, &count) < 0 {
            groups = [gid_t](repeating: 0, count: Int(max(count, 0)))
            guard unsafe getgrouplist(name, own, &groups, &count) >= 0 else { return false }
        }
        return groups.prefix(Int(max(count, 0))).contains(groupID)
    }

    /// The directory that relative paths begin at, nil when it is gone: getcwd(3).
    public static var workingDirectory: String? {
        guard let path = unsafe getcwd(nil, 0) else { return nil }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }

    /// The value of an environment variable, nil when unset or empty.
    public static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// A random number from the kernel, getrandom(2).
    public static func random() -> UInt64 {
        var value: UInt64 = 0
        _ = unsafe cel_getrandom(&value, 8)
        return value
    }
}

/// Going into the background as daemons do.
public enum Daemon {
    /// Forks, lets the child continue in a session of its own, and keeps the caller's process until the child reports
    /// through the returned handle. To be called before the process has a second thread.
    public static func detach() throws(Errno) -> ReadyReport {
        ReadyReport(descriptor: OwnedDescriptor(adopting: try systemCall { cel_daemonize() }))
    }

    /// The daemon's one message to the process that waits in the foreground.
    public struct ReadyReport: ~Copyable {
        private let descriptor: OwnedDescriptor
        fileprivate init(descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

        /// Ends the waiting process with this exit status. Dropping the report without a call ends it with 1.
        public consuming func send(exitStatus: UInt8) {
            _ = try? descriptor.write([exitStatus])
        }
    }

    /// Points standard input and outputs at /dev/null.
    public static func detachStandardStreams() { _ = cel_detach_standard_streams() }
}
