// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Changes in a directory, inotify(7): readable when a file in it was written, made, moved or removed.
public final class DirectoryWatch: Sendable {
    private let descriptor: OwnedDescriptor

    public init(_ directory: String) throws(Errno) {
        let descriptor = OwnedDescriptor(adopting: try systemCall { cel_inotify_create() })
        let fd = descriptor.rawValue
        let mask = UInt32(IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM)
        guard unsafe inotify_add_watch(fd, directory, mask) >= 0 else { throw Errno(rawValue: errno) }
        self.descriptor = descriptor
    }

    public var rawDescriptor: Int32 { descriptor.rawValue }

    /// Takes all events, so that the descriptor is quiet until the next one.
    public func drain() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while unsafe cel_read(descriptor.rawValue, &buffer, buffer.count) > 0 {}
    }
}
