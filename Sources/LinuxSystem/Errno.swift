// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// An error number of the kernel, errno(3).
public struct Errno: Error, Equatable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static var interrupted: Errno { Errno(rawValue: EINTR) }
    public static var wouldBlock: Errno { Errno(rawValue: EAGAIN) }
    public static var inProgress: Errno { Errno(rawValue: EINPROGRESS) }
    public static var notPermitted: Errno { Errno(rawValue: EPERM) }
    public static var accessDenied: Errno { Errno(rawValue: EACCES) }
    public static var noEntry: Errno { Errno(rawValue: ENOENT) }
    public static var exists: Errno { Errno(rawValue: EEXIST) }
    public static var noAddressFamily: Errno { Errno(rawValue: EAFNOSUPPORT) }
    public static var addressInUse: Errno { Errno(rawValue: EADDRINUSE) }
    public static var connectionRefused: Errno { Errno(rawValue: ECONNREFUSED) }
    public static var connectionReset: Errno { Errno(rawValue: ECONNRESET) }
    public static var notConnected: Errno { Errno(rawValue: ENOTCONN) }
    public static var brokenPipe: Errno { Errno(rawValue: EPIPE) }
    public static var noBuffers: Errno { Errno(rawValue: ENOBUFS) }
    public static var messageTooLarge: Errno { Errno(rawValue: EMSGSIZE) }
    public static var invalid: Errno { Errno(rawValue: EINVAL) }
    public static var notSupported: Errno { Errno(rawValue: EOPNOTSUPP) }
    public static var nameTooLong: Errno { Errno(rawValue: ENAMETOOLONG) }
    public static var noMemory: Errno { Errno(rawValue: ENOMEM) }
    public static var notADirectory: Errno { Errno(rawValue: ENOTDIR) }
    public static var notEmpty: Errno { Errno(rawValue: ENOTEMPTY) }
    public static var busy: Errno { Errno(rawValue: EBUSY) }
    public static var noSuchProcess: Errno { Errno(rawValue: ESRCH) }
    public static var timedOut: Errno { Errno(rawValue: ETIMEDOUT) }

    /// The C library's text, as strerror(3).
    public var description: String { unsafe String(cString: strerror(rawValue)) }
}

/// Calls again what a signal interrupted, and turns a wrapper's `-errno` into an error.
@discardableResult
@inlinable
public func systemCall<Value: FixedWidthInteger & SignedInteger>(_ body: () -> Value) throws(Errno) -> Value {
    while true {
        let value = body()
        if value >= 0 { return value }
        let error = Errno(rawValue: Int32(truncatingIfNeeded: -value))
        if error != Errno(rawValue: 4) { throw error }  // 4 is EINTR on every architecture of Linux.
    }
}
