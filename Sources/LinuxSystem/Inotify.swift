// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Changes in a directory, inotify(7).
public enum Inotify {
    /// A descriptor that is readable when a file in `directory` was written, made, moved or removed.
    public static func watch(_ directory: String) throws(Errno) -> OwnedDescriptor {
        let descriptor = OwnedDescriptor(adopting: try systemCall { cel_inotify_create() })
        let fd = descriptor.rawValue
        let mask = UInt32(IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM)
        guard unsafe inotify_add_watch(fd, directory, mask) >= 0 else { throw Errno(rawValue: errno) }
        return descriptor
    }

    /// Takes all events, so that the descriptor is quiet until the next one.
    public static func drain(_ fd: Int32) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while unsafe cel_read(fd, &buffer, buffer.count) > 0 {}
    }
}
