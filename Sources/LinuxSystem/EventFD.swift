// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A wake-up that any thread may send, eventfd(2).
public struct EventFD: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    public init() throws(Errno) {
        descriptor = OwnedDescriptor(adopting: try systemCall { cel_eventfd() })
    }

    public var rawDescriptor: Int32 { descriptor.rawValue }

    /// A second descriptor of the same counter, to be handed over.
    public func duplicate() throws(Errno) -> OwnedDescriptor { try descriptor.duplicate() }

    /// Wakes whoever waits. A full counter (2^64 - 2 signals unread) wakes already, so its refusal is no error.
    public func signal() {
        var one: UInt64 = 1
        _ = unsafe cel_write(descriptor.rawValue, &one, 8)
    }

    /// Takes all signals sent so far.
    public func drain() {
        var count: UInt64 = 0
        _ = unsafe cel_read(descriptor.rawValue, &count, 8)
    }

    /// Waits until there is a signal, and takes all sent so far. For threads that may wait.
    public func waitUntilSignalled() {
        _ = try? Readiness.wait(descriptor, milliseconds: -1)
        drain()
    }
}
