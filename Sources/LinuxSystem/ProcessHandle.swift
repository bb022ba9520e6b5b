// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// How a process ended, wait(2).
public struct WaitStatus: RawRepresentable, Equatable, Sendable {
    /// As wait(2) stores it.
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The signal that killed it, nil when it exited.
    public var signal: Int32? {
        let number = rawValue & 0x7f
        return number == 0 ? nil : number
    }

    /// Its exit status, nil when a signal killed it.
    public var exitCode: UInt8? { signal == nil ? UInt8(truncatingIfNeeded: rawValue >> 8) : nil }

    /// As a shell reports it: the exit status, or 128 and the signal's number.
    public var shellStatus: Int32 { exitCode.map(Int32.init) ?? 128 + (signal ?? 0) }
}

/// A process that cannot be mistaken for another one that got its number later, pidfd_open(2).
public struct ProcessHandle: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    /// Takes over a pidfd.
    public init(adopting descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// A handle for the process that has this number now.
    public init(_ processID: Int32) throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try systemCall { cel_pidfd_open(processID) })
    }

    /// Becomes readable when the process ends.
    public var rawDescriptor: Int32 { descriptor.rawValue }

    /// Sends a signal; `noSuchProcess` when it has ended.
    public func send(signal: Int32) throws(Errno) {
        let fd = descriptor.rawValue
        try systemCall { cel_pidfd_send_signal(fd, signal) }
    }

    /// Ends the caller as `kill -9` does.
    public static func killSelf() { _ = kill(getpid(), SIGKILL) }

    /// Waits for a child of the caller to end, and reaps it.
    public static func wait(child: Int32) throws(Errno) -> WaitStatus {
        var status: Int32 = 0
        try systemCall { unsafe cel_wait(child, &status) }
        return WaitStatus(rawValue: status)
    }
}

/// The terminal that a supervisor and its command share.
public enum Terminal {
    /// Makes the caller's process group the foreground one again if the group that is has no members any more: a shell
    /// inside a PID namespace takes the terminal, and cannot give it back to a group that it does not see.
    public static func reclaim() { cel_terminal_reclaim() }
}
