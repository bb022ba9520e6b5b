// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem

/// Where a session's bytes come from and go to: a connection, or the standard streams. Nothing here waits.
///
/// Input and output are descriptors of their own even of one connection, so that each is watched by itself.
final class ConsoleStream {
    let input: OwnedDescriptor
    let output: OwnedDescriptor
    /// Send with MSG_DONTWAIT; otherwise write only when poll(2) says that a piece will be taken.
    let isSocket: Bool

    /// A pipe that is writable takes this much at once (POSIX: PIPE_BUF).
    private static var pipeByteCount: Int { 4096 }

    init(connection: consuming OwnedDescriptor) throws(Errno) {
        output = try connection.duplicate()
        input = connection
        isSocket = true
    }

    /// Duplicates of two descriptors that stay the caller's. Their file descriptions are shared with other programs, so
    /// that O_NONBLOCK is not ours to set.
    init(duplicating input: Int32, _ output: Int32) throws(Errno) {
        self.input = try Self.duplicate(input)
        self.output = try Self.duplicate(output)
        isSocket = false
    }

    private static func duplicate(_ rawValue: Int32) throws(Errno) -> OwnedDescriptor {
        let borrowed = OwnedDescriptor(adopting: rawValue)
        let result: Result<OwnedDescriptor, Errno>
        do throws(Errno) { result = .success(try borrowed.duplicate()) } catch { result = .failure(error) }
        _ = borrowed.release()
        return try result.get()
    }

    /// Somebody types here.
    var isTerminal: Bool { isatty(input.rawValue) == 1 && isatty(output.rawValue) == 1 }

    /// A terminal whose foreground belongs to another job: reading would stop this whole process (SIGTTIN).
    var isInBackground: Bool {
        guard !isSocket, isatty(input.rawValue) == 1 else { return false }
        let foreground = tcgetpgrp(input.rawValue)
        return foreground > 0 && foreground != getpgrp()
    }

    /// What there is to read, after the descriptor became readable: empty at the end. Throws `wouldBlock`.
    func read() throws(Errno) -> [UInt8] {
        if !isSocket, try !Readiness.wait(input, milliseconds: 0) { throw .wouldBlock }
        return try input.read(atMost: 4096)
    }

    /// What the other side of a connection has not read yet, as the kernel counts it.
    var untakenByteCount: Int { isSocket ? UnixSocket.untakenByteCount(output) : 0 }

    /// Nothing more will be written to this connection; the other side sees its end.
    func hangUp() { _ = shutdown(output.rawValue, Int32(SHUT_WR)) }

    /// Writes what is taken without waiting: how many bytes it was. Throws `wouldBlock` for none.
    func write(_ bytes: ArraySlice<UInt8>) throws(Errno) -> Int {
        if isSocket {
            let fd = output.rawValue
            return try systemCall { FrameIO.send(fd, bytes.span) }
        }
        guard try Readiness.wait(output, for: 4, milliseconds: 0) else { throw .wouldBlock }  // POLLOUT
        return try output.write(bytes.prefix(Self.pipeByteCount))
    }
}
