// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A file descriptor with one owner, closed when the owner ends. Every descriptor of ours is close-on-exec.
public struct OwnedDescriptor: ~Copyable, Sendable {
    public let rawValue: Int32

    /// Takes over `rawValue`, which nothing else may close from now on.
    public init(adopting rawValue: Int32) { self.rawValue = rawValue }

    deinit { _ = cel_close(rawValue) }

    /// Gives the descriptor up without closing it.
    public consuming func release() -> Int32 {
        let value = rawValue
        discard self
        return value
    }

    /// Closes now, reporting what close(2) reports. The descriptor is gone in either case.
    public consuming func close() throws(Errno) {
        let value = rawValue
        discard self
        let result = cel_close(value)
        if result < 0 && result != -EINTR { throw Errno(rawValue: -result) }
    }

    /// A second descriptor of the same file description, fcntl(2) `F_DUPFD_CLOEXEC`.
    public func duplicate() throws(Errno) -> OwnedDescriptor {
        let rawValue = rawValue
        return OwnedDescriptor(adopting: try systemCall { cel_duplicate(rawValue) })
    }

    /// A second descriptor of a file description that somebody else owns.
    public static func duplicate(of rawValue: Int32) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try systemCall { cel_duplicate(rawValue) })
    }

    /// Opens a file, open(2), always with `O_CLOEXEC`.
    public static func open(_ path: String, flags: Int32, mode: UInt32 = 0) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try systemCall { unsafe cel_open(path, flags, mode) })
    }

    public func setNonblocking() throws(Errno) {
        let rawValue = rawValue
        try systemCall { cel_set_nonblocking(rawValue) }
    }

    /// Reading and writing wait from now on, for whoever shares the file description.
    public func setBlocking() throws(Errno) {
        let rawValue = rawValue
        try systemCall { cel_set_blocking(rawValue) }
    }

    /// Both ends of a pipe, pipe2(2).
    public static func pipe() throws(Errno) -> DescriptorPair {
        var ends: [Int32] = [0, 0]
        try systemCall { unsafe cel_pipe(&ends) }
        return DescriptorPair(first: OwnedDescriptor(adopting: ends[0]), second: OwnedDescriptor(adopting: ends[1]))
    }

    /// Reads at most `count` bytes: empty at the end of the file. For the control plane: it allocates.
    public func read(atMost count: Int) throws(Errno) -> [UInt8] {
        let rawValue = rawValue
        var bytes = [UInt8](repeating: 0, count: count)
        let length = try systemCall { unsafe cel_read(rawValue, &bytes, count) }
        bytes.removeLast(count - length)
        return bytes
    }

    /// Writes what the kernel takes: how many bytes it was.
    public func write(_ bytes: some Collection<UInt8>) throws(Errno) -> Int {
        let rawValue = rawValue
        let array = Array(bytes)
        return try systemCall { unsafe cel_write(rawValue, array, array.count) }
    }

    /// Writes everything to a blocking descriptor.
    public func writeAll(_ bytes: some Collection<UInt8>) throws(Errno) {
        var rest = Array(bytes)[...]
        while !rest.isEmpty { rest = rest.dropFirst(try write(rest)) }
    }
}

/// Two descriptors that were made together: a pipe's reading and writing end, or a socket pair.
@frozen
public struct DescriptorPair: ~Copyable, Sendable {
    public var first: OwnedDescriptor
    public var second: OwnedDescriptor

    public init(first: consuming OwnedDescriptor, second: consuming OwnedDescriptor) {
        self.first = first
        self.second = second
    }
}
