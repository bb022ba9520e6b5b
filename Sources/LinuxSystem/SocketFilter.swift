// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Packet filters that the kernel runs for a socket, socket(7): `SO_ATTACH_FILTER`. What such a filter refuses never wakes
/// the reader, and is not counted anywhere.
public enum SocketFilter {
    /// `struct sock_fprog`.
    @unsafe
    private struct Program {
        var count: UInt16
        var instructions: UnsafeRawPointer?
    }

    private static var attachOption: Int32 { 26 }
    private static var detachOption: Int32 { 27 }

    /// Has the kernel ask a program about each message that the socket would receive; none takes the present one away.
    ///
    /// - Parameter program: classic BPF, eight bytes an instruction in the machine's byte order. The kernel verifies it.
    public static func set(_ program: [UInt8], on socket: borrowing OwnedDescriptor) throws(Errno) {
        let fd = socket.rawValue
        if program.isEmpty {
            do throws(Errno) {
                var nothing: Int32 = 0
                try systemCall { unsafe result(setsockopt(fd, SOL_SOCKET, detachOption, &nothing, 4)) }
            } catch {
                // There was none.
                if error != .noEntry { throw error }
            }
            return
        }
        let outcome = unsafe program.withUnsafeBytes { bytes -> Int32 in
            var argument = unsafe Program(
                count: UInt16(clamping: bytes.count / 8),
                instructions: bytes.baseAddress
            )
            let size = unsafe socklen_t(MemoryLayout<Program>.size)
            return unsafe result(setsockopt(fd, SOL_SOCKET, attachOption, &argument, size))
        }
        if outcome < 0 { throw Errno(rawValue: -outcome) }
    }

    private static func result(_ value: Int32) -> Int32 { value < 0 ? -errno : value }
}
