// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// What a descriptor that another program passed to us really is.
public enum DescriptorKind: Sendable, Equatable {
    case eventFD, pipe, socket, other

    public init(_ descriptor: borrowing OwnedDescriptor) {
        var name = [CChar](repeating: 0, count: 32)
        let length = unsafe cel_descriptor_name(descriptor.rawValue, &name, name.count)
        let text = String(decoding: name.prefix(max(0, Int(length))).map(UInt8.init(bitPattern:)), as: UTF8.self)
        if text == "anon_inode:[eventfd]" {
            self = .eventFD
        } else if text.hasPrefix("pipe:[") {
            self = .pipe
        } else if text.hasPrefix("socket:[") {
            self = .socket
        } else {
            self = .other
        }
    }
}

/// Signals between two programs through a descriptor that one of them passed: eight bytes each, as eventfd(2) has them.
/// None of the calls waits, whatever the other side does to the flags of the file description that both share.
public enum SharedSignal {
    /// Sends one signal. A full pipe or counter wakes its reader already.
    public static func send(_ fd: Int32) {
        var one: UInt64 = 1
        _ = unsafe cel_write_nowait(fd, &one, 8)
    }

    /// Writes a short message; false when the other side did not take it at once.
    public static func write(_ fd: Int32, _ bytes: [UInt8]) -> Bool {
        unsafe cel_write_nowait(fd, bytes, bytes.count) == bytes.count
    }

    /// Whether an eventfd gives its signals back one at a time (EFD_SEMAPHORE): `drain` takes only one of them, and a count
    /// near the largest would call a reader for ever. Sends signals, and takes some, to find out.
    public static func givesOneByOne(_ fd: Int32) -> Bool {
        // Somebody who reads as well may be quicker: only a sum is a proof.
        for _ in 0..<16 {
            var signals: UInt64 = 2
            _ = unsafe cel_write_nowait(fd, &signals, 8)
            if unsafe cel_read_nowait(fd, &signals, 8) == 8, signals > 1 { return false }
        }
        return true
    }

    /// Takes all signals that an eventfd holds.
    public static func drain(_ fd: Int32) {
        var count: UInt64 = 0
        _ = unsafe cel_read_nowait(fd, &count, 8)
    }
}
