// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import Attach

private let stackCount = Atomic<Int>(0)

/// A name that no other test, and no other run of the tests, uses.
func freshName(_ prefix: String = "test") -> String {
    "\(prefix)-\(getpid())-\(stackCount.add(1, ordering: .relaxed).newValue)"
}

/// Makes a stack; where the host does not allow any, cancels the test and says why.
func makeStack(_ networks: [String] = [], name: String = freshName(), hostname: String? = nil) throws -> NetworkStack {
    let configurations = try networks.map { try NetworkConfiguration(parsing: $0) }
    do {
        return try NetworkStack.create(configurations, name: name, hostname: hostname)
    } catch {
        if error.code == .unavailable { try Test.cancel("\(error)") }
        throw error
    }
}

/// Waits for the command's end; a stuck one is a failure, not a hang.
func waitForEnd(_ stack: inout NetworkStack, seconds: UInt64 = 20) throws -> WaitStatus {
    let deadline = MonotonicClock.nanoseconds + seconds * 1_000_000_000
    while true {
        if let status = stack.status { return status }
        try #require(MonotonicClock.nanoseconds < deadline, "the command did not end")
        _ = try Poll.readable(stack.descriptors, deadline: min(deadline, stack.nextDeadline ?? deadline))
        try stack.handleEvents()
    }
}

func waitForEnd(_ command: inout JoinedCommand, seconds: UInt64 = 20) throws -> WaitStatus {
    let deadline = MonotonicClock.nanoseconds + seconds * 1_000_000_000
    while true {
        if let status = command.status { return status }
        try #require(MonotonicClock.nanoseconds < deadline, "the command did not end")
        _ = try Poll.readable([command.rawDescriptor], deadline: deadline)
        try command.handleEvents()
    }
}

/// A named pipe: what commands print goes there by `>path`.
final class OutputPipe {
    let path: String
    private let reading: OwnedDescriptor
    /// Ours, so that the end does not come before the first command's opening.
    private var writing: OwnedDescriptor?

    init() throws {
        let path = "/tmp/\(freshName("etherloom-test-output"))"
        guard mkfifo(path, 0o622) == 0 else { throw Errno(rawValue: errno) }
        try FileSystem.setMode(path, 0o622)
        self.path = path
        reading = try OwnedDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK)
        writing = try OwnedDescriptor.open(path, flags: O_WRONLY)
    }

    deinit { try? FileSystem.remove(path) }

    /// The next line, waiting for it.
    func line(seconds: UInt64 = 20) throws -> String {
        let deadline = MonotonicClock.nanoseconds + seconds * 1_000_000_000
        var line: [UInt8] = []
        while try Poll.isReadable(reading.rawValue, deadline: deadline) {
            let byte = try reading.read(atMost: 1)
            if byte.isEmpty || byte[0] == UInt8(ascii: "\n") { break }
            line += byte
        }
        return String(decoding: line, as: UTF8.self)
    }

    /// Everything that commands, which have ended, have written. (A child of another test's, just cloned, may still have
    /// a copy of our end.)
    func rest(seconds: UInt64 = 20) throws -> String {
        writing = nil
        let deadline = MonotonicClock.nanoseconds + seconds * 1_000_000_000
        var bytes: [UInt8] = []
        while true {
            guard try Poll.isReadable(reading.rawValue, deadline: deadline) else { throw Errno.timedOut }
            let part = try reading.read(atMost: 4096)
            if part.isEmpty { return String(decoding: bytes, as: UTF8.self) }
            bytes += part
        }
    }
}

/// The processes whose command line holds `text`, by their numbers.
func processes(with text: String) throws -> [Int32] {
    try FileSystem.names(in: "/proc").compactMap(Int32.init).filter { process in
        guard process != getpid(), let line = try? FileSystem.contents("/proc/\(process)/cmdline") else { return false }
        return String(decoding: line, as: UTF8.self).contains(text)
    }
}

extension Test {
    /// Cancels the test on a host without an /etc/resolv.conf that a stack's own could cover.
    static func requireResolverFile() throws {
        if access("/etc/resolv.conf", F_OK) != 0 { try Test.cancel("no /etc/resolv.conf here") }
    }
}
